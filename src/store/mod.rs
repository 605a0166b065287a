//! Where accounts, users and tokens are kept.
//!
//! [`Store`] is what the rest of the gateway needs of a database; [`SledStore`] is the embedded one
//! and [`MemoryStore`] the one for tests and for throw-away runs. A commit that was answered is
//! durable; reads never run on a thread that carries proxied traffic.

mod changes;
mod embedded;
mod exchange;
mod hex;
mod memory;
mod record;
mod search;
mod snapshot;
mod tally;

use std::future::Future;
use std::pin::Pin;

pub use embedded::{Finished, OpenError, Rebuild, RebuildError, Replayed, SledOptions, SledStore};
pub use exchange::{Backups, Entry, ExchangeError, ExchangeReader, Export, Flaw, Header, MEDIA_TYPE};
pub use memory::MemoryStore;
pub use search::{Count, Found, Order, Place, Search, SortBy, SortKey, compare_names, to_second};
pub use snapshot::{Record, Snapshot, SnapshotHead};
pub use tally::{Proof, StoreId, StoreKey};

use crate::model::{
    Account, AccountId, Digest, ForeignHashes, Note, NoteId, Revision, Token, TokenId, Usage, User, UserId,
};

/// A future that a store hands out.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the gateway needs of a database. Every implementation passes the same contract tests.
pub trait Store: Send + Sync + 'static {
    /// The tokens with these digests, in their order; `None` where there is none.
    fn tokens_by_digest(&self, digests: Vec<Digest>) -> StoreFuture<'_, Result<Vec<Option<Token>>, StoreError>>;

    fn token(&self, id: TokenId) -> StoreFuture<'_, Result<Option<Token>, StoreError>>;

    /// At most `limit` tokens of `account` in the order of their ids, from the first one after
    /// `after`. Takes time for the page alone, however many tokens there are.
    fn list_tokens(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Token>, StoreError>>;

    /// The first tokens that a filter is true for, in any order. One call does a bounded amount of work, and
    /// what is found may end before the list does.
    fn search(&self, search: Search) -> StoreFuture<'_, Result<Found, StoreError>>;

    /// How many tokens a search's filter is true for, wherever it begins.
    fn count(&self, search: Search) -> StoreFuture<'_, Result<Count, StoreError>>;

    /// Every account, in the order of their ids.
    fn accounts(&self) -> StoreFuture<'_, Result<Vec<Account>, StoreError>>;

    /// Every user, in the order of their ids.
    fn users(&self) -> StoreFuture<'_, Result<Vec<User>, StoreError>>;

    fn note(&self, id: NoteId) -> StoreFuture<'_, Result<Option<Note>, StoreError>>;

    /// At most `limit` notes in the order of their ids, from the first one after `after`.
    fn notes(&self, after: Option<NoteId>, limit: usize) -> StoreFuture<'_, Result<Vec<Note>, StoreError>>;

    /// Applies all of `writes` or none, and answers when they are durable, with their revision.
    /// Without a write it answers when everything that a read could have shown before is durable.
    ///
    /// Each write sees what the ones before it in `writes` did. Reads may see a change a moment
    /// before it is acknowledged. A commit whose future was dropped is carried out or not.
    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Result<Revision, CommitError>>;

    /// Adds to what is known of the use of tokens; of tokens that do not exist nothing is kept. Not
    /// durable at once: a crash may lose what was recorded since the last flush.
    fn record_usage(&self, usage: Vec<(TokenId, Usage)>) -> StoreFuture<'_, Result<(), StoreError>>;

    /// The use of these tokens, in their order; the default where none was recorded.
    fn usage(&self, ids: Vec<TokenId>) -> StoreFuture<'_, Result<Vec<Usage>, StoreError>>;

    /// `false`: there is certainly no token with this digest. Takes no look at any disk and waits for
    /// nothing, so that a thread that carries traffic may ask.
    fn may_hold(&self, digest: &Digest) -> bool;

    /// By which foreign hashes keys were imported; some of them may be gone. Takes no look at any disk and
    /// waits for nothing. A store that does not know says all.
    fn imports(&self) -> ForeignHashes {
        ForeignHashes::all()
    }

    /// A copy of every record as of now. Changes go on while it is read; one copy is read at a time.
    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>>;

    /// Whether commits are taken at present.
    fn health(&self) -> Result<(), Impaired>;

    /// Writes out what is held in memory and refuses whatever is asked afterwards. Once it has
    /// answered, the same data may be opened again.
    fn close(&self) -> StoreFuture<'_, Result<(), StoreError>>;
}

/// One change of a commit.
///
/// The store sets the record's `revision`; the one in the argument is not read.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a commit has few, and most of them are of tokens")]
pub enum Write {
    /// Where the token is new and stands for an imported key, it must not be noted that it was deleted.
    PutToken {
        token: Token,
        expect: Expect,
    },
    /// Removes the record, its digest and its usage; no trace of the token is left here.
    DeleteToken {
        id: TokenId,
        expect: Revision,
    },
    PutAccount {
        account: Account,
        expect: Expect,
    },
    DeleteAccount {
        id: AccountId,
        expect: Revision,
    },
    PutUser {
        user: User,
        expect: Expect,
    },
    DeleteUser {
        id: UserId,
        expect: Revision,
    },
    PutNote {
        note: Note,
        expect: Expect,
    },
    DeleteNote {
        id: NoteId,
        expect: Revision,
    },
}

/// What must be true of the record for a write to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is none with this id, nor (for a token) with this digest.
    Absent,
    /// It is still as it was when it was read.
    Revision(Revision),
}

/// The store could not do what was asked; nobody's token is to blame.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    #[error("record {record} of the store cannot be read: {problem}")]
    Damaged { record: String, problem: String },
    /// Nothing was changed, and reads go on; writes are taken again as soon as there is room.
    #[error("the store has no room for changes: {0}")]
    Full(String),
    /// Nothing is wrong with the store; the question is too large for one call.
    #[error("more than {0} tokens would have to be looked at")]
    TooWide(usize),
    #[error("a copy of the store is being made already")]
    Copying,
    #[error("the store is closed")]
    Closed,
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// What is in a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    pub revision: Revision,
    pub tokens: u64,
    pub accounts: u64,
    /// What was found lost, and how it was made up for.
    pub healed: Option<String>,
}

/// Why a store takes no commits at present, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impaired {
    /// Heals by itself.
    #[error("the store takes no changes until there is room: {0}")]
    Full(String),
    /// For good: what the disk holds is not known until the store is opened again.
    #[error("{0}")]
    Fenced(String),
    #[error("the store is closed")]
    Closed,
}

/// Why a commit changed nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A write's [`Expect`] does not hold.
    #[error("{0} was changed or removed by somebody else meanwhile, or exists already")]
    Conflict(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The proof of a set of records, in whatever order they come.
pub fn proof_of<'a>(
    key: &StoreKey,
    store: StoreId,
    revision: Revision,
    records: impl Iterator<Item = &'a Record>,
) -> SnapshotHead {
    let mut tally = tally::Tally::default();
    for record in records {
        let (name, value) = record::entry(record);
        tally.add(key, &name, &value);
    }
    snapshot_head(key, store, revision, &tally)
}

fn snapshot_head(key: &StoreKey, store: StoreId, revision: Revision, tally: &tally::Tally) -> SnapshotHead {
    let proof = tally.proof(key, &[b"snapshot ", &store.0[..]].concat(), revision.0);
    SnapshotHead { store, revision, tokens: tally.tokens, accounts: tally.accounts, proof }
}
