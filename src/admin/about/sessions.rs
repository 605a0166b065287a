//! What is said of the calls about sessions.

use serde_json::json;

use super::samples::{TOKEN_TEXT, page, session, with};
use super::{Answer, Content, LOCATION, Link, Operation, REPLAYED, Tag, parameters};
use crate::admin::wire::asked::{FieldsOf, IdempotencyKey, ListSessions, NewSession, PageOf};
use crate::admin::wire::{Begun, TokenRecord};
use crate::problem::code;

/// The id in an answer that is a session.
const THIS: &[(&str, &str)] = &[("id", "$response.body#/id")];

pub(in crate::admin) static CREATE: Operation = Operation::change(
    "createSession",
    Tag::Sessions,
    "Log in",
    Answer::json::<Begun>(201, "The session, with its token, which is shown this once.", || {
        with(session(), &json!({"token": TOKEN_TEXT}))
    })
    .headers(&[REPLAYED, LOCATION])
    .links(&[Link { operation: "endSession", parameters: THIS }]),
)
.text(
    "A person gives login and password. An application calls with a token of its own and names one of its users, \
     who may do no more than that token; it may leave the password out. Tries are counted by login and by address.",
)
.takes(&[parameters::<IdempotencyKey>])
.body(Content::json::<NewSession>(|| json!({"login": "ada@example.org", "password": "correct horse battery staple"})))
.problems(&[
    &code::LOGIN_FAILED,
    &code::USER_DISABLED,
    &code::ACCOUNT_SUSPENDED,
    &code::NO_SESSIONS,
    &code::GRANTS_EXCEEDED,
    &code::UNKNOWN_POLICY,
    &code::RATE_LIMITED,
    &code::LOGINS_BUSY,
    &code::NO_RANDOMNESS,
]);

pub(in crate::admin) static LIST: Operation = Operation::read(
    "listSessions",
    Tag::Sessions,
    "List one's own sessions",
    Answer::page_of_parts::<TokenRecord>("The sessions of the caller's user, in all its accounts.", || page(session())),
)
.text("The oldest first, unless `sort` says otherwise.")
.takes(&[parameters::<ListSessions>, parameters::<PageOf>, parameters::<FieldsOf>])
.problems(&[&code::NO_USER]);

pub(in crate::admin) static END_CURRENT: Operation = Operation::change(
    "endCurrentSession",
    Tag::Sessions,
    "Log out",
    Answer::nothing("The session that made the call has ended."),
)
.problems(&[&code::NOT_A_SESSION, &code::NOT_FOUND]);

pub(in crate::admin) static END: Operation = Operation::change(
    "endSession",
    Tag::Sessions,
    "End a session",
    Answer::nothing("The session has ended, and its token is refused."),
)
.text("One's own; with the right `keygate.sessions: delete`, anybody's within reach.");
