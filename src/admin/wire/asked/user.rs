//! Users, members, sessions and passwords that are asked for, and what can be changed of them.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::wire::terms;

/// A user to be made, who is a member of the account where `roles` are given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewUser {
    /// By which the user logs in, such as a mail address: unique, and kept in lower case.
    #[schema(pattern = "^[A-Za-z0-9._+@-]{1,254}$")]
    login: String,
    #[schema(required = false, max_length = 100)]
    name: String,
    /// From which the user is managed; left out, the caller's.
    #[schema(required = false, value_type = terms::AccountId)]
    account: String,
    /// Roles in that account; left out, the user is no member of it.
    #[schema(required = false, min_items = 1, max_items = 32)]
    roles: Vec<String>,
    /// Left out, the user sets one with an invitation.
    #[schema(required = false, write_only)]
    password: String,
}

/// What is to be changed of a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct UserEdit {
    #[schema(required = false, max_length = 100)]
    name: String,
    /// `disabled`: the user cannot log in, and none of its tokens is let through.
    #[schema(required = false, value_type = terms::UserState)]
    state: String,
    /// Sets another password, which ends the user's sessions.
    #[schema(required = false, write_only)]
    password: String,
}

/// A user to be made a member of an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewMember {
    /// The user's id or login.
    user: String,
    /// What the user may do in the account.
    #[schema(min_items = 1, max_items = 32)]
    roles: Vec<String>,
}

/// What a member may do from then on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct MemberEdit {
    /// All of its roles in the account.
    #[schema(min_items = 1, max_items = 32)]
    roles: Vec<String>,
}

/// A login; or, from an application with the right `keygate.sessions: create`, whose session is to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewSession {
    /// Who logs in.
    #[schema(required = false)]
    login: String,
    /// In place of `login`, by an application: the user's id or login.
    #[schema(required = false)]
    user: String,
    /// Needed by all but applications.
    #[schema(required = false, write_only)]
    password: String,
    /// Needed by who is a member of several.
    #[schema(required = false)]
    account: String,
}

/// A user's change of its own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct PasswordChange {
    /// The present password.
    #[schema(write_only)]
    current: String,
    /// The one from then on, of at least the length that the policy says.
    #[schema(write_only)]
    new: String,
}

/// An invitation that is used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct AcceptedInvitation {
    /// Its text, as it was shown when it was made.
    #[schema(write_only)]
    invitation: String,
    /// The user's password from then on.
    #[schema(write_only)]
    password: String,
}
