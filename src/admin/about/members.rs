//! What is said of the calls about members.

use serde_json::json;

use super::samples::{member, page};
use super::{Answer, Content, ETAG, LOCATION, Link, Operation, REPLAYED, Tag, parameters};
use crate::admin::wire::MemberRecord;
use crate::admin::wire::asked::{
    IdempotencyKey, IfMatch, IfNoneMatch, ListUsers, MemberEdit, MemberFieldsOf, NewMember, PageOf,
};
use crate::problem::code;

/// The account of the request, and the user of the answer.
const THIS: &[(&str, &str)] = &[("id", "$request.path.id"), ("user", "$response.body#/user")];

pub(in crate::admin) static LIST: Operation = Operation::read(
    "listMembers",
    Tag::Members,
    "List members of an account",
    Answer::page_of_parts::<MemberRecord>("Its members.", || page(member())),
)
.text("The oldest user first, unless `sort` says otherwise.")
.takes(&[parameters::<ListUsers>, parameters::<PageOf>, parameters::<MemberFieldsOf>]);

pub(in crate::admin) static ADD: Operation = Operation::change(
    "addMember",
    Tag::Members,
    "Add a member",
    Answer::json::<MemberRecord>(201, "The member.", member).headers(&[REPLAYED, LOCATION, ETAG]).links(&[
        Link { operation: "getMember", parameters: THIS },
        Link { operation: "editMember", parameters: THIS },
        Link { operation: "removeMember", parameters: THIS },
    ]),
)
.text("The user may be managed elsewhere: who knows its login can share an account with it.")
.takes(&[parameters::<IdempotencyKey>])
.body(Content::json::<NewMember>(|| json!({"user": "ada@example.org", "roles": ["admin"]})))
.problems(&[&code::GRANTS_EXCEEDED, &code::ALREADY_MEMBER]);

pub(in crate::admin) static SHOW: Operation = Operation::read(
    "getMember",
    Tag::Members,
    "Show a member",
    Answer::parts::<MemberRecord>("The member.", member).headers(&[ETAG]),
)
.takes(&[parameters::<MemberFieldsOf>, parameters::<IfNoneMatch>]);

pub(in crate::admin) static EDIT: Operation = Operation::change(
    "editMember",
    Tag::Members,
    "Change a member's roles",
    Answer::json::<MemberRecord>(200, "The member as it is now.", member).headers(&[ETAG]),
)
.text("All its tokens in the account follow with the next request.")
.body(Content::json::<MemberEdit>(|| json!({"roles": ["viewer"]})))
.problems(&[&code::IMMUTABLE_FIELDS, &code::GRANTS_EXCEEDED, &code::LAST_OWNER])
.takes(&[parameters::<IfMatch>]);

pub(in crate::admin) static REMOVE: Operation = Operation::change(
    "removeMember",
    Tag::Members,
    "Remove a member",
    Answer::nothing("The user is no member any more, and its tokens in the account are refused."),
)
.problems(&[&code::LAST_OWNER])
.takes(&[parameters::<IfMatch>]);
