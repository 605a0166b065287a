//! The written form of a note.

use serde::{Deserialize, Serialize};

use super::bytes::{Bytes, Whole};
use super::{Problem, Stored, read, write};
use crate::model::{AccountId, Digest, Made, MadeObject, Note, NoteId, Noted, Revision, Timestamp, TokenId, UserId};

/// The first version of records that has notes.
const FIRST: u8 = 4;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteRecord {
    id: Bytes<16>,
    made: i64,
    what: NotedRecord,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NotedRecord {
    ImportDeleted,
    Made(MadeRecord),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MadeRecord {
    by: Bytes<16>,
    request: Bytes<32>,
    object: ObjectRecord,
    sealed: Option<Whole>,
    until: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ObjectRecord {
    Token(Bytes<16>),
    Account(Bytes<16>),
    User(Bytes<16>),
    Member(Bytes<16>, Bytes<16>),
}

impl Stored for Note {
    fn encode(&self) -> Vec<u8> {
        let Self { id, made, what, revision } = self;
        let what = match what {
            Noted::ImportDeleted => NotedRecord::ImportDeleted,
            Noted::Made(made) => NotedRecord::Made(MadeRecord::of(made)),
        };
        let record = NoteRecord { id: Bytes(id.to_bytes()), made: made.millis(), what, revision: revision.0 };
        write(FIRST, &record)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let record: NoteRecord = read(bytes)?;
        Ok(Note {
            id: NoteId::from_bytes(record.id.0),
            made: Timestamp::from_millis(record.made),
            what: match record.what {
                NotedRecord::ImportDeleted => Noted::ImportDeleted,
                NotedRecord::Made(made) => Noted::Made(made.made()),
            },
            revision: Revision(record.revision),
        })
    }
}

impl MadeRecord {
    fn of(made: &Made) -> Self {
        let Made { by, request, object, sealed, until } = made;
        let object = match object {
            MadeObject::Token(id) => ObjectRecord::Token(Bytes(id.to_bytes())),
            MadeObject::Account(id) => ObjectRecord::Account(Bytes(id.to_bytes())),
            MadeObject::User(id) => ObjectRecord::User(Bytes(id.to_bytes())),
            MadeObject::Member(account, user) => {
                ObjectRecord::Member(Bytes(account.to_bytes()), Bytes(user.to_bytes()))
            }
        };
        let sealed = sealed.clone().map(Whole);
        Self { by: Bytes(by.to_bytes()), request: Bytes(*request.as_bytes()), object, sealed, until: until.millis() }
    }

    fn made(self) -> Made {
        Made {
            by: TokenId::from_bytes(self.by.0),
            request: Digest::from_bytes(self.request.0),
            object: match self.object {
                ObjectRecord::Token(id) => MadeObject::Token(TokenId::from_bytes(id.0)),
                ObjectRecord::Account(id) => MadeObject::Account(AccountId::from_bytes(id.0)),
                ObjectRecord::User(id) => MadeObject::User(UserId::from_bytes(id.0)),
                ObjectRecord::Member(account, user) => {
                    MadeObject::Member(AccountId::from_bytes(account.0), UserId::from_bytes(user.0))
                }
            },
            sealed: self.sealed.map(|sealed| sealed.0),
            until: Timestamp::from_millis(self.until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TokenId;

    /// As the first version that knows notes wrote it. It never changes: every later version reads it.
    #[test]
    fn written_by_version_4() {
        let id = NoteId::of_import(TokenId::from_bytes([7; 16]));
        let made = Timestamp::from_millis(1_795_392_000_123);
        let note = Note { id, made, what: Noted::ImportDeleted, revision: Revision(5) };
        let written = b"\x04\x84\xa2id\xc4\x10\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\
                        \xa4made\xcf\x00\x00\x01\xa2\x05\xb3\xd0\x7b\xa4what\xaeimport_deleted\xa8revision\x05";
        let encoded = note.encode();
        assert_eq!(&encoded[..encoded.len() - super::super::CHECKSUM], written);
        assert_eq!(Note::decode(&encoded), Ok(note));
        assert!(Note::decode(&encoded[1..]).is_err());
    }
}
