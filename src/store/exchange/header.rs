//! The first line: what the file is, and what all of it comes to.

use serde::{Deserialize, Serialize};

use super::error::Flaw;
use super::seal;
use crate::model::{Revision, Timestamp};
use crate::store::{Proof, SnapshotHead, StoreId, StoreKey, hex};

/// The format that is written and read today.
const FORMAT: u64 = 1;
/// Of the store's own directory, for whoever looks at the file.
const SCHEMA: u64 = 2;
/// How a token's text becomes its digest. Digests of another kind would find nothing.
const HASH: &str = "blake3-keyed";
/// With which every header begins, and nothing else does.
const BEGINNING: &[u8] = b"{\"keygate_store\":";

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Of the records, as a copy of this revision has them.
    pub head: SnapshotHead,
    pub created: Timestamp,
    /// The version of keygate that wrote the file.
    pub keygate: String,
    pepper: [u8; 16],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderForm {
    keygate_store: u64,
    schema: u64,
    hash: String,
    pepper: String,
    store: String,
    revision: u64,
    tokens: u64,
    accounts: u64,
    proof: String,
    created: String,
    keygate: String,
}

impl Header {
    pub(super) fn new(head: SnapshotHead, created: Timestamp, key: &StoreKey) -> Self {
        Self { head, created, keygate: env!("CARGO_PKG_VERSION").to_owned(), pepper: mark(key) }
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        let form = HeaderForm {
            keygate_store: FORMAT,
            schema: SCHEMA,
            hash: HASH.to_owned(),
            pepper: hex::encode(&self.pepper),
            store: hex::encode(&self.head.store.0),
            revision: self.head.revision.0,
            tokens: self.head.tokens,
            accounts: self.head.accounts,
            proof: hex::encode(self.head.proof.as_bytes()),
            created: self.created.to_string(),
            keygate: self.keygate.clone(),
        };
        seal::seal(&form, into);
    }

    pub(super) fn read(line: &[u8]) -> Result<Self, Flaw> {
        if !line.starts_with(BEGINNING) {
            return Err(Flaw::NoHeader);
        }
        foreign(line)?;
        let form: HeaderForm = seal::unseal(line)?;
        let no = |field: &str| Flaw::Form(format!("`{field}` makes no sense"));
        let proof = Proof::from_bytes(hex::decode(&form.proof).ok_or_else(|| no("proof"))?);
        let created: jiff::Timestamp = form.created.parse().map_err(|_| no("created"))?;
        Ok(Self {
            head: SnapshotHead {
                store: StoreId(hex::decode(&form.store).ok_or_else(|| no("store"))?),
                revision: Revision(form.revision),
                tokens: form.tokens,
                accounts: form.accounts,
                proof,
            },
            created: Timestamp::from_millis(created.as_millisecond()),
            keygate: form.keygate,
            pepper: hex::decode(&form.pepper).ok_or_else(|| no("pepper"))?,
        })
    }

    /// Refuses a file whose tokens another pepper hashed.
    pub(super) fn is_of(&self, key: &StoreKey) -> Result<(), Flaw> {
        if self.pepper == mark(key) { Ok(()) } else { Err(Flaw::OtherPepper) }
    }
}

/// Refuses what another program or a later version wrote, whatever else its header may say.
fn foreign(line: &[u8]) -> Result<(), Flaw> {
    // A header that is damaged is told as such later on.
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(line) else { return Ok(()) };
    if let Some(found) = document["keygate_store"].as_u64().filter(|found| *found != FORMAT) {
        return Err(Flaw::OtherFormat { found, known: FORMAT });
    }
    if let Some(found) = document["schema"].as_u64().filter(|found| *found > SCHEMA) {
        return Err(Flaw::LaterSchema { found, known: SCHEMA });
    }
    match document["hash"].as_str().filter(|found| *found != HASH) {
        Some(found) => Err(Flaw::ForeignHash { found: found.chars().take(40).collect(), known: HASH }),
        None => Ok(()),
    }
}

/// Tells a wrong pepper from the right one, and is of no use as a key.
fn mark(key: &StoreKey) -> [u8; 16] {
    key.check(b"keygate exchange pepper mark v1")
}
