//! The written form of an account.

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::token::{grants, grants_record, labels, labels_record};
use super::{Problem, Stored, named, read, write};
use crate::model::{Account, AccountId, AccountState, Revision, Timestamp};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountRecord {
    id: Bytes<16>,
    parent: Option<Bytes<16>>,
    name: String,
    state: StateRecord,
    visible_to_parent: bool,
    created: i64,
    revision: u64,
    // From version 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ceiling: Option<Vec<(String, u8)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    // From version 3 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateRecord {
    Active,
    Suspended,
}

impl Stored for Account {
    fn encode(&self) -> Vec<u8> {
        let plain = self.ceiling.is_none() && self.plan.is_none() && self.policy.is_none();
        let record = AccountRecord {
            id: Bytes(self.id.to_bytes()),
            parent: self.parent.map(|id| Bytes(id.to_bytes())),
            name: self.name.clone(),
            state: match self.state {
                AccountState::Active => StateRecord::Active,
                AccountState::Suspended => StateRecord::Suspended,
            },
            visible_to_parent: self.visible_to_parent,
            created: self.created.millis(),
            revision: self.revision.0,
            ceiling: self.ceiling.as_ref().map(grants_record),
            plan: self.plan.as_ref().map(ToString::to_string),
            policy: self.policy.as_ref().map(ToString::to_string),
            labels: labels_record(&self.labels),
        };
        let version = if !self.labels.is_empty() {
            3
        } else if plain {
            1
        } else {
            2
        };
        write(version, &record)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let record: AccountRecord = read(bytes)?;
        Ok(Account {
            id: AccountId::from_bytes(record.id.0),
            parent: record.parent.map(|id| AccountId::from_bytes(id.0)),
            name: record.name,
            state: match record.state {
                StateRecord::Active => AccountState::Active,
                StateRecord::Suspended => AccountState::Suspended,
            },
            visible_to_parent: record.visible_to_parent,
            created: Timestamp::from_millis(record.created),
            revision: Revision(record.revision),
            ceiling: record.ceiling.map(grants).transpose()?,
            plan: record.plan.as_deref().map(named).transpose()?,
            policy: record.policy.as_deref().map(named).transpose()?,
            labels: labels(record.labels)?,
        })
    }
}
