//! The written form of an account.

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::{Problem, Stored, read, write};
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
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateRecord {
    Active,
    Suspended,
}

impl Stored for Account {
    fn encode(&self) -> Vec<u8> {
        write(&AccountRecord {
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
        })
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
        })
    }
}
