//! Users, members, invitations and sessions as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::TokenRecord;
use super::terms;
use crate::model::{AccountId, Membership, RoleName, Timestamp, User, UserState};

/// All that is shown of a user: everything but its password's hash and its invitation's digest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(in crate::admin) struct UserRecord {
    #[schema(value_type = terms::UserId)]
    id: String,
    /// Where the user was made, and is managed.
    #[schema(value_type = terms::AccountId)]
    account: String,
    login: String,
    name: String,
    /// `active` or `disabled`.
    #[schema(value_type = terms::UserState)]
    state: &'static str,
    /// Whether the user can log in with a password.
    password: bool,
    /// Until when the present invitation can be used; null: there is none.
    #[schema(required, value_type = Option<terms::Moment>)]
    invitation_expires: Option<String>,
    memberships: Vec<MembershipRecord>,
    #[schema(value_type = terms::Moment)]
    created: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
struct MembershipRecord {
    #[schema(value_type = terms::AccountId)]
    account: String,
    roles: Vec<String>,
}

/// A user as a member of one account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(in crate::admin) struct MemberRecord {
    #[schema(value_type = terms::UserId)]
    user: String,
    login: String,
    name: String,
    #[schema(value_type = terms::UserState)]
    state: &'static str,
    roles: Vec<String>,
}

/// An invitation, shown this once. Not `Debug`, so that it cannot be printed by mistake.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation, description = "An invitation, shown this once.")]
pub(in crate::admin) struct Invited<'a> {
    #[schema(value_type = terms::UserId)]
    pub(in crate::admin) user: String,
    /// The invitation's text.
    pub(in crate::admin) invitation: &'a str,
    #[schema(value_type = terms::Moment)]
    pub(in crate::admin) expires: String,
}

/// A session that was begun. Not `Debug`: it has the token in it.
#[derive(Serialize, ToSchema)]
#[schema(as = BegunSession, description = "A session that was begun, with its token.")]
pub(in crate::admin) struct Begun<'a> {
    #[serde(flatten)]
    pub(in crate::admin) record: TokenRecord,
    /// The session token's text, shown this once. Null where the request came again and the session was used since.
    #[schema(required)]
    pub(in crate::admin) token: Option<&'a str>,
}

impl UserRecord {
    /// What `fields` may ask for.
    pub(in crate::admin) const FIELDS: [&str; 9] =
        ["id", "account", "login", "name", "state", "password", "invitation_expires", "memberships", "created"];

    /// With those memberships alone that the reader may know of.
    pub(in crate::admin) fn new(user: &User, now: Timestamp, is_shown: impl Fn(AccountId) -> bool) -> Self {
        let shown = user.memberships.iter().filter(|membership| is_shown(membership.account));
        let invitation = user.invitation.as_ref().filter(|invitation| now < invitation.expires);
        Self {
            id: user.id.to_string(),
            account: user.account.to_string(),
            login: user.login.to_string(),
            name: user.name.clone(),
            state: state_name(user.state),
            password: user.password.is_some(),
            invitation_expires: invitation.map(|invitation| invitation.expires.to_string()),
            memberships: shown.map(membership_record).collect(),
            created: user.created.to_string(),
        }
    }
}

impl MemberRecord {
    /// What `fields` may ask for.
    pub(in crate::admin) const FIELDS: [&str; 5] = ["user", "login", "name", "state", "roles"];

    pub(in crate::admin) fn new(user: &User, roles: &[RoleName]) -> Self {
        Self {
            user: user.id.to_string(),
            login: user.login.to_string(),
            name: user.name.clone(),
            state: state_name(user.state),
            roles: role_names(roles),
        }
    }
}

fn membership_record(membership: &Membership) -> MembershipRecord {
    MembershipRecord { account: membership.account.to_string(), roles: role_names(&membership.roles) }
}

fn role_names(roles: &[RoleName]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

fn state_name(state: UserState) -> &'static str {
    match state {
        UserState::Active => "active",
        UserState::Disabled => "disabled",
    }
}
