//! The embedded store: sled 0.34 under rules that make "acknowledged" mean "on the disk".
//!
//! One thread writes ([`writer`]), two read, one keeps usage; callers wait for them through
//! channels. All threads share one [`Engine`]; the store itself holds none, so that closing ends
//! with the last of them and the directory is free at once.

mod anchor;
mod builder;
mod closing;
mod copy;
mod database;
mod directory;
mod disk;
mod error;
mod health;
mod index;
mod journal;
mod keys;
mod last_use;
mod marker;
mod open;
mod outline;
mod point;
mod queue;
mod readers;
mod rebuild;
mod recover;
mod scan;
mod search;
mod space;
mod tokens;
mod upgrade;
mod usage;
mod writer;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

pub use error::OpenError;
pub use rebuild::{Finished, Rebuild, RebuildError, Replayed};

use self::closing::Closing;
use self::copy::{Copies, Copy};
use self::health::Health;
use self::index::Index;
use self::last_use::LastUse;
use self::open::Opened;
use self::queue::Queue;
use self::readers::Readers;
use self::space::Space;
use self::tokens::TokenTree;
use self::usage::UsageTree;
use self::writer::{Commit, Writer};
use super::changes::Records;
use super::{
    CommitError, Count, Found, Impaired, Search, Snapshot, Store, StoreError, StoreFuture, StoreId, StoreKey, Summary,
    Write,
};
use crate::model::{Account, AccountId, Digest, ForeignHashes, Note, NoteId, Revision, Token, TokenId, Usage, User};

/// Commits that may wait at a time; each holds its few records in memory.
const COMMITS: usize = 4096;
/// Reads that may wait at a time: more than that would wait longer than their callers do.
const READS: usize = 4096;
const READERS: usize = 2;
/// Lists that may wait at a time.
const SEARCHES: usize = 256;
/// How long a change may take. A disk that fails does not always say so: some calls never return.
const PATIENCE: Duration = Duration::from_secs(10);
/// Batches of usage that may wait at a time.
const USAGE_BATCHES: usize = 64;

/// What an embedded store is opened with.
#[derive(Clone)]
pub struct SledOptions {
    pub path: PathBuf,
    /// The file that says what was acknowledged last. Outside of `path`, so that an older copy of the
    /// directory does not bring along an anchor of its own.
    pub anchor: PathBuf,
    /// What sled may keep in memory; an eighth of it is for usage.
    pub cache_bytes: u64,
    /// A value that only the right pepper gives: [`Pepper::derive`](crate::model::Pepper::derive) of
    /// [`Self::SECRET`].
    pub secret: [u8; 32],
}

impl SledOptions {
    /// The context under which `secret` is derived.
    pub const SECRET: &'static str = "keygate 2026-11-23 store pepper check v1";

    pub const DEFAULT_CACHE_BYTES: u64 = 64 << 20;

    /// With the anchor beside the directory.
    pub fn new(path: impl Into<PathBuf>, secret: [u8; 32]) -> Self {
        let path = path.into();
        Self { anchor: Self::anchor_beside(&path), path, cache_bytes: Self::DEFAULT_CACHE_BYTES, secret }
    }

    /// `<path>.anchor`.
    pub fn anchor_beside(path: &Path) -> PathBuf {
        let mut name: OsString = path.components().as_path().as_os_str().to_owned();
        name.push(".anchor");
        PathBuf::from(name)
    }

    /// What the store proves its contents with.
    pub fn key(&self) -> StoreKey {
        StoreKey::new(&self.secret)
    }
}

impl fmt::Debug for SledOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, anchor, cache_bytes, secret: _ } = self;
        let mut shown = f.debug_struct("SledOptions");
        shown.field("path", path).field("anchor", anchor).field("cache_bytes", cache_bytes).finish_non_exhaustive()
    }
}

/// Both databases; shared by the store's threads and by nobody else.
struct Engine {
    tokens: TokenTree,
    usage: UsageTree,
    space: Arc<Space>,
}

/// The store in a directory of this machine. See the module's own words for how it works.
///
/// Dropping it closes it as well as that can be done in a few seconds; [`Store::close`] reports.
pub struct SledStore {
    commits: Arc<Queue<Commit>>,
    readers: Readers<Engine>,
    /// A thread of its own: thousands of merges must not delay a look-up.
    usage: Readers<Engine>,
    /// A thread of its own: a list must not delay a look-up.
    searches: Readers<Engine>,
    last_use: Arc<LastUse>,
    health: Arc<Health>,
    copies: Arc<Copies>,
    key: StoreKey,
    id: StoreId,
    index: Arc<Index>,
    space: Arc<Space>,
    closing: Closing,
}

impl SledStore {
    /// Opens the store in a directory, which is made where it is absent. Reads every record, which takes
    /// about two seconds for each million, and blocks for as long.
    pub fn open(options: SledOptions) -> Result<Self, OpenError> {
        let path = options.path.clone();
        Self::start(open::open(options)?).map_err(|error| OpenError::io(&path, error))
    }

    /// Proves the store as [`Self::open`] does, with the same consequences, and closes it.
    pub fn verify(options: SledOptions) -> Result<Summary, OpenError> {
        open::verify(options)
    }

    fn start(opened: Opened) -> std::io::Result<Self> {
        let Opened { directory, generation, engine, ledger, .. } = opened;
        let copies = Arc::new(Copies::new(&ledger.point, &ledger.tally));
        // Made before its threads: if one of them cannot be started, the drop ends the others.
        let store = Self {
            commits: Arc::new(Queue::new("changes", COMMITS)),
            readers: Readers::new("reads", READS),
            usage: Readers::new("usage reports", USAGE_BATCHES),
            searches: Readers::new("lists", SEARCHES),
            last_use: Arc::default(),
            health: Arc::default(),
            copies: Arc::clone(&copies),
            key: ledger.key.clone(),
            id: ledger.store,
            index: Arc::clone(engine.tokens.index()),
            space: Arc::clone(&engine.space),
            closing: Closing::new(engine, directory, &generation),
        };
        let (commits, health) = (Arc::clone(&store.commits), Arc::clone(&store.health));
        store.closing.spawn("store-writer", move |engine| {
            let mut writer = Writer::new(engine, ledger, copies);
            writer::run(&commits, &health, |group| writer.group(group));
        })?;
        for number in 0..READERS {
            store.closing.spawn(&format!("store-reader-{number}"), store.readers.runner())?;
        }
        store.closing.spawn("store-usage", store.usage.runner())?;
        store.closing.spawn("store-search", store.searches.runner())?;
        let (commits, last_use) = (Arc::clone(&store.commits), Arc::clone(&store.last_use));
        store.closing.spawn("store-last-use", move |engine| last_use.read(engine, || commits.is_closed()))?;
        Ok(store)
    }

    /// Takes nothing more; what is waiting is still answered.
    fn refuse(&self) {
        self.commits.close();
        self.readers.close();
        self.usage.close();
        self.searches.close();
    }
}

impl Store for SledStore {
    fn tokens_by_digest(&self, digests: Vec<Digest>) -> StoreFuture<'_, Result<Vec<Option<Token>>, StoreError>> {
        self.readers.ask(move |engine| digests.iter().map(|digest| engine.tokens.by_digest(digest)).collect())
    }

    fn token(&self, id: TokenId) -> StoreFuture<'_, Result<Option<Token>, StoreError>> {
        self.readers.ask(move |engine| engine.tokens.token(id))
    }

    fn list_tokens(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Token>, StoreError>> {
        self.readers.ask(move |engine| engine.tokens.page(account, after, limit))
    }

    fn search(&self, search: Search) -> StoreFuture<'_, Result<Found, StoreError>> {
        let last_use = Arc::clone(&self.last_use);
        self.searches.ask(move |engine| {
            last_use.wait_for(&search)?;
            search::search(&engine.tokens, &search)
        })
    }

    fn count(&self, search: Search) -> StoreFuture<'_, Result<Count, StoreError>> {
        let last_use = Arc::clone(&self.last_use);
        self.searches.ask(move |engine| {
            last_use.wait_for(&search)?;
            search::count(&engine.tokens, &search)
        })
    }

    fn accounts(&self) -> StoreFuture<'_, Result<Vec<Account>, StoreError>> {
        self.readers.ask(|engine| engine.tokens.accounts())
    }

    fn users(&self) -> StoreFuture<'_, Result<Vec<User>, StoreError>> {
        self.readers.ask(|engine| engine.tokens.users())
    }

    fn note(&self, id: NoteId) -> StoreFuture<'_, Result<Option<Note>, StoreError>> {
        self.readers.ask(move |engine| Records::note(&engine.tokens, id))
    }

    fn notes(&self, after: Option<NoteId>, limit: usize) -> StoreFuture<'_, Result<Vec<Note>, StoreError>> {
        self.readers.ask(move |engine| engine.tokens.notes(after, limit))
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.commits.push(Commit { writes, answer })?;
            let unknown = |reason: String| Err(StoreError::Unavailable(reason).into());
            match tokio::time::timeout(PATIENCE, answered).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => unknown("the writer has ended; the change may have been made".to_owned()),
                Err(_) => unknown(self.health.stall(PATIENCE)),
            }
        })
    }

    fn record_usage(&self, usage: Vec<(TokenId, Usage)>) -> StoreFuture<'_, Result<(), StoreError>> {
        self.usage.ask(move |engine| {
            engine.space.check().map_err(StoreError::Full)?;
            engine.usage.record(&engine.tokens, &usage)
        })
    }

    fn usage(&self, ids: Vec<TokenId>) -> StoreFuture<'_, Result<Vec<Usage>, StoreError>> {
        self.readers.ask(move |engine| ids.into_iter().map(|id| engine.usage.get(id)).collect())
    }

    fn may_hold(&self, digest: &Digest) -> bool {
        self.index.may_hold(digest)
    }

    fn imports(&self) -> ForeignHashes {
        self.index.imports()
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        // Beginning waits for the writer's turn, so not on the caller's thread.
        let (copies, readers) = (Arc::clone(&self.copies), self.readers.clone());
        let (key, id) = (self.key.clone(), self.id);
        self.readers.ask(move |_| {
            let copy = Copy::begin(&copies, readers, &key, id)?;
            Ok(Box::new(copy) as Box<dyn Snapshot>)
        })
    }

    fn health(&self) -> Result<(), Impaired> {
        if self.commits.is_closed() {
            return Err(Impaired::Closed);
        }
        self.health.check().map_err(Impaired::Fenced)?;
        self.space.check().map_err(Impaired::Full)
    }

    fn close(&self) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.refuse();
            self.closing.finish().await
        })
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.refuse();
        self.closing.finish_soon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountState, Timestamp};
    use crate::store::Expect;

    fn account() -> Account {
        Account {
            id: AccountId::fresh(),
            parent: None,
            name: "home".to_owned(),
            state: AccountState::Active,
            visible_to_parent: false,
            ceiling: None,
            plan: None,
            policy: None,
            labels: Default::default(),
            created: Timestamp::from_millis(0),
            revision: Revision(0),
        }
    }

    async fn put(store: &SledStore) -> String {
        let write = Write::PutAccount { account: account(), expect: Expect::Absent };
        store.commit(vec![write]).await.expect_err("it cannot be made durable").to_string()
    }

    /// The log is a pipe here, which the kernel refuses to sync.
    #[tokio::test]
    async fn a_failed_sync_fences_the_writer_and_reads_go_on() {
        let place = tempfile::tempdir().expect("a directory");
        let mut opened = open::open(SledOptions::new(place.path().join("store"), [1; 32])).expect("it opens");
        let (_reader, pipe) = std::io::pipe().expect("a pipe");
        let log = std::fs::File::from(std::os::fd::OwnedFd::from(pipe));
        opened.ledger.disk = disk::Disk::of(log, opened.generation.tokens().join("blobs"));
        let store = SledStore::start(opened).expect("threads");
        assert_eq!(store.health(), Ok(()));

        let first = put(&store).await;
        let expected = "the store did not answer: writing is fenced after a failure, restart keygate once it is \
                        mended: syncing the store to the disk failed: ";
        assert!(first.starts_with(expected), "{first}");
        assert_eq!(put(&store).await, first, "nothing is tried again");
        assert_eq!(Err(Impaired::Fenced(first.replace("the store did not answer: ", ""))), store.health());
        store.accounts().await.expect("reads go on");
        store.close().await.expect("closed");
    }
}
