//! The written form of a user.

use serde::{Deserialize, Serialize};

use super::error::Flaw;
use super::form::parsed;
use crate::model::{Digest, Invitation, Membership, Revision, Timestamp, User, UserState};
use crate::store::hex;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserForm {
    id: String,
    account: String,
    login: String,
    name: String,
    password: Option<String>,
    invitation: Option<InvitationForm>,
    state: StateForm,
    memberships: Vec<MembershipForm>,
    sessions_since: i64,
    created: i64,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateForm {
    Active,
    Disabled,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitationForm {
    digest: String,
    expires: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipForm {
    account: String,
    roles: Vec<String>,
}

impl UserForm {
    pub(super) fn of(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            account: user.account.to_string(),
            login: user.login.to_string(),
            name: user.name.clone(),
            password: user.password.clone(),
            invitation: user.invitation.as_ref().map(|invitation| InvitationForm {
                digest: hex::encode(invitation.digest.as_bytes()),
                expires: invitation.expires.millis(),
            }),
            state: match user.state {
                UserState::Active => StateForm::Active,
                UserState::Disabled => StateForm::Disabled,
            },
            memberships: user.memberships.iter().map(MembershipForm::of).collect(),
            sessions_since: user.sessions_since.millis(),
            created: user.created.millis(),
            revision: user.revision.0,
        }
    }

    pub(super) fn user(self) -> Result<User, Flaw> {
        Ok(User {
            id: parsed("id", &self.id)?,
            account: parsed("account", &self.account)?,
            login: parsed("login", &self.login)?,
            name: self.name,
            password: self.password,
            invitation: self.invitation.map(InvitationForm::invitation).transpose()?,
            state: match self.state {
                StateForm::Active => UserState::Active,
                StateForm::Disabled => UserState::Disabled,
            },
            memberships: self.memberships.into_iter().map(MembershipForm::membership).collect::<Result<_, _>>()?,
            sessions_since: Timestamp::from_millis(self.sessions_since),
            created: Timestamp::from_millis(self.created),
            revision: Revision(self.revision),
        })
    }
}

impl InvitationForm {
    fn invitation(self) -> Result<Invitation, Flaw> {
        let digest = hex::decode(&self.digest)
            .ok_or_else(|| Flaw::Form("`invitation`: a digest is 64 hexadecimal digits in lower case".to_owned()))?;
        Ok(Invitation { digest: Digest::from_bytes(digest), expires: Timestamp::from_millis(self.expires) })
    }
}

impl MembershipForm {
    fn of(membership: &Membership) -> Self {
        Self {
            account: membership.account.to_string(),
            roles: membership.roles.iter().map(ToString::to_string).collect(),
        }
    }

    fn membership(self) -> Result<Membership, Flaw> {
        let roles = self.roles.iter().map(|name| parsed("roles", name)).collect::<Result<_, _>>()?;
        Ok(Membership { account: parsed("account", &self.account)?, roles })
    }
}
