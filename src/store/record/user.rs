//! The written form of a user.

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::{Problem, Stored, named, read, write};
use crate::model::{AccountId, Digest, Invitation, Membership, Revision, Timestamp, User, UserId, UserState};

/// The first version of records that has users.
const FIRST: u8 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRecord {
    id: Bytes<16>,
    account: Bytes<16>,
    login: String,
    name: String,
    password: Option<String>,
    invitation: Option<InvitationRecord>,
    state: StateRecord,
    memberships: Vec<MembershipRecord>,
    sessions_since: i64,
    created: i64,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateRecord {
    Active,
    Disabled,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitationRecord {
    digest: Bytes<32>,
    expires: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipRecord {
    account: Bytes<16>,
    roles: Vec<String>,
}

impl Stored for User {
    fn encode(&self) -> Vec<u8> {
        let record = UserRecord {
            id: Bytes(self.id.to_bytes()),
            account: Bytes(self.account.to_bytes()),
            login: self.login.to_string(),
            name: self.name.clone(),
            password: self.password.clone(),
            invitation: self.invitation.as_ref().map(|invitation| InvitationRecord {
                digest: Bytes(*invitation.digest.as_bytes()),
                expires: invitation.expires.millis(),
            }),
            state: match self.state {
                UserState::Active => StateRecord::Active,
                UserState::Disabled => StateRecord::Disabled,
            },
            memberships: self.memberships.iter().map(MembershipRecord::of).collect(),
            sessions_since: self.sessions_since.millis(),
            created: self.created.millis(),
            revision: self.revision.0,
        };
        write(FIRST, &record)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let record: UserRecord = read(bytes)?;
        Ok(User {
            id: UserId::from_bytes(record.id.0),
            account: AccountId::from_bytes(record.account.0),
            login: named(&record.login)?,
            name: record.name,
            password: record.password,
            invitation: record.invitation.map(|invitation| Invitation {
                digest: Digest::from_bytes(invitation.digest.0),
                expires: Timestamp::from_millis(invitation.expires),
            }),
            state: match record.state {
                StateRecord::Active => UserState::Active,
                StateRecord::Disabled => UserState::Disabled,
            },
            memberships: record.memberships.into_iter().map(MembershipRecord::membership).collect::<Result<_, _>>()?,
            sessions_since: Timestamp::from_millis(record.sessions_since),
            created: Timestamp::from_millis(record.created),
            revision: Revision(record.revision),
        })
    }
}

impl MembershipRecord {
    fn of(membership: &Membership) -> Self {
        Self {
            account: Bytes(membership.account.to_bytes()),
            roles: membership.roles.iter().map(ToString::to_string).collect(),
        }
    }

    fn membership(self) -> Result<Membership, Problem> {
        let roles = self.roles.iter().map(|name| named(name)).collect::<Result<_, _>>()?;
        Ok(Membership { account: AccountId::from_bytes(self.account.0), roles })
    }
}
