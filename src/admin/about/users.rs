//! What is said of the calls about users, their passwords and their invitations.

use serde_json::json;

use super::samples::{page, user, user_id};
use super::{Answer, Content, ETAG, LOCATION, Link, Operation, REPLAYED, Tag, parameters};
use crate::admin::wire::asked::{
    AcceptedInvitation, IdempotencyKey, IfMatch, IfNoneMatch, InAccount, ListUsers, NewUser, PageOf, PasswordChange,
    UserEdit, UserFieldsOf, WithBelow,
};
use crate::admin::wire::{Invited, RoleRecord, UserRecord};
use crate::problem::code;

/// The id in an answer that is a user.
const THIS: &[(&str, &str)] = &[("id", "$response.body#/id")];

pub(in crate::admin) static LIST: Operation = Operation::read(
    "listUsers",
    Tag::Users,
    "List users",
    Answer::page_of_parts::<UserRecord>("Users who are managed in the account, or members of it.", || page(user())),
)
.text("The oldest first, unless `sort` says otherwise.")
.takes(&[
    parameters::<InAccount>,
    parameters::<WithBelow>,
    parameters::<ListUsers>,
    parameters::<PageOf>,
    parameters::<UserFieldsOf>,
])
.problems(&[&code::NOT_FOUND]);

pub(in crate::admin) static CREATE: Operation = Operation::change(
    "createUser",
    Tag::Users,
    "Create a user",
    Answer::json::<UserRecord>(201, "The user.", user).headers(&[REPLAYED, LOCATION, ETAG]).links(&[
        Link { operation: "getUser", parameters: THIS },
        Link { operation: "editUser", parameters: THIS },
        Link { operation: "inviteUser", parameters: THIS },
        Link { operation: "deleteUser", parameters: THIS },
    ]),
)
.text("Without a password the user logs in after it has used an invitation.")
.takes(&[parameters::<IdempotencyKey>])
.body(Content::json::<NewUser>(|| json!({"login": "ada@example.org", "name": "Ada", "roles": ["admin"]})))
.problems(&[&code::GRANTS_EXCEEDED, &code::LOGIN_TAKEN, &code::LOGINS_BUSY, &code::NO_RANDOMNESS]);

pub(in crate::admin) static SHOW: Operation = Operation::read(
    "getUser",
    Tag::Users,
    "Show a user",
    Answer::parts::<UserRecord>("The user, with those memberships that the caller reaches.", user).headers(&[ETAG]),
)
.takes(&[parameters::<UserFieldsOf>, parameters::<IfNoneMatch>]);

pub(in crate::admin) static EDIT: Operation = Operation::change(
    "editUser",
    Tag::Users,
    "Change a user",
    Answer::json::<UserRecord>(200, "The user as it is now.", user).headers(&[ETAG]),
)
.text("From the account where the user is managed. A password is set only by who may do all that the user may.")
.body(Content::json::<UserEdit>(|| json!({"state": "disabled"})))
.problems(&[
    &code::IMMUTABLE_FIELDS,
    &code::MANAGED_ELSEWHERE,
    &code::MEMBER_ELSEWHERE,
    &code::GRANTS_EXCEEDED,
    &code::LAST_OWNER,
    &code::LOGINS_BUSY,
    &code::NO_RANDOMNESS,
])
.takes(&[parameters::<IfMatch>]);

pub(in crate::admin) static DELETE: Operation = Operation::change(
    "deleteUser",
    Tag::Users,
    "Delete a user",
    Answer::nothing("The user is gone, with its memberships, and its tokens are refused."),
)
.problems(&[&code::MANAGED_ELSEWHERE, &code::LAST_OWNER])
.takes(&[parameters::<IfMatch>]);

pub(in crate::admin) static INVITE: Operation = Operation::change(
    "inviteUser",
    Tag::Users,
    "Invite a user to set its password",
    Answer::json::<Invited>(201, "The invitation, shown this once. It takes the place of the one before.", || {
        json!({"user": user_id(), "invitation": "kginv_EXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "expires": "2026-12-02T09:30:00.000Z"})
    }),
)
.text("It can be used once, within seven days. The present password stays until then.")
.problems(&[&code::MANAGED_ELSEWHERE, &code::MEMBER_ELSEWHERE, &code::GRANTS_EXCEEDED, &code::NO_RANDOMNESS]);

pub(in crate::admin) static ACCEPT: Operation = Operation::change(
    "acceptInvitation",
    Tag::Users,
    "Set a password with an invitation",
    Answer::nothing("The password is set, and the user's sessions have ended."),
)
.body(Content::json::<AcceptedInvitation>(
    || json!({"invitation": "kginv_EXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE", "password": "correct horse battery staple"}),
))
.problems(&[&code::INVITATION_INVALID, &code::RATE_LIMITED, &code::LOGINS_BUSY, &code::NO_RANDOMNESS]);

pub(in crate::admin) static PASSWORD: Operation = Operation::change(
    "changePassword",
    Tag::Users,
    "Change one's own password",
    Answer::nothing("The password is changed, and the user's other sessions have ended."),
)
.text("For who stands for a user: a session, or a personal token. Tries are counted.")
.body(Content::json::<PasswordChange>(
    || json!({"current": "correct horse battery staple", "new": "staple battery horse correct"}),
))
.problems(&[&code::NO_USER, &code::WRONG_PASSWORD, &code::RATE_LIMITED, &code::LOGINS_BUSY, &code::NO_RANDOMNESS]);

pub(in crate::admin) static ROLES: Operation = Operation::read(
    "listRoles",
    Tag::Users,
    "List roles",
    Answer::page::<RoleRecord>("All roles of the configuration, and what each gives.", || {
        page(json!({"name": "viewer", "description": "sees everything", "grants": {"*": "read"}}))
    }),
)
.problems(&[&code::INVALID_QUERY]);
