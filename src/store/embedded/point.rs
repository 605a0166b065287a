//! A moment in the life of a store: a revision, and the proof of which records were there.

use crate::store::tally::{Proof, Tally};
use crate::store::{StoreId, StoreKey, Summary};

/// What was there at a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) revision: u64,
    pub(super) tokens: u64,
    pub(super) accounts: u64,
    pub(super) proof: Proof,
}

impl Point {
    pub(super) const BYTES: usize = 3 * 8 + 32;

    pub(super) fn of(key: &StoreKey, store: StoreId, revision: u64, tally: &Tally) -> Self {
        let proof = tally.proof(key, &store.0, revision);
        Self { revision, tokens: tally.tokens, accounts: tally.accounts, proof }
    }

    /// Whether exactly these records were there.
    pub(super) fn proves(&self, key: &StoreKey, store: StoreId, tally: &Tally) -> bool {
        *self == Self::of(key, store, self.revision, tally)
    }

    pub(super) fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.revision.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.tokens.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.accounts.to_le_bytes());
        bytes[24..].copy_from_slice(self.proof.as_bytes());
        bytes
    }

    /// Of bytes whose check was right.
    pub(super) fn decode(bytes: &[u8; Self::BYTES]) -> Self {
        let (numbers, proof) = bytes.split_first_chunk::<24>().expect("the length is in the type");
        let (numbers, _) = numbers.as_chunks::<8>();
        Self {
            revision: u64::from_le_bytes(numbers[0]),
            tokens: u64::from_le_bytes(numbers[1]),
            accounts: u64::from_le_bytes(numbers[2]),
            proof: Proof::from_bytes(proof.try_into().expect("the length is in the type")),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let revision = crate::model::Revision(self.revision);
        Summary { revision, tokens: self.tokens, accounts: self.accounts, healed: None }
    }
}
