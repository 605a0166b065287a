//! A copy of a whole store as of one revision: what backups and exports are made of.

use super::tally::{Proof, StoreId};
use super::{StoreError, StoreFuture};
use crate::model::{Account, Note, Revision, Token, Usage, User};

/// One record of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most records are tokens, and they are passed one at a time")]
pub enum Record {
    Account(Account),
    User(User),
    Note(Note),
    /// The usage is that of about the same moment: it belongs to no revision.
    Token(Token, Usage),
}

/// What is known of a copy before its first record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHead {
    /// Which store it is a copy of.
    pub store: StoreId,
    pub revision: Revision,
    pub tokens: u64,
    pub accounts: u64,
    /// Over all records but for the usage; made by [`proof_of`](super::proof_of).
    pub proof: Proof,
}

/// A copy that is being read. Changes that are made meanwhile are not in it.
pub trait Snapshot: Send {
    fn head(&self) -> &SnapshotHead;

    /// The next records: accounts, users, notes and then tokens, each in the order of their ids. Empty at the end.
    fn next(&mut self) -> StoreFuture<'_, Result<Vec<Record>, StoreError>>;
}
