//! A store that does as it is told, because a real one does not fail when a test wants it to.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use keygate::model::{Account, AccountId, Digest, Revision, Token, TokenId, Usage, User};
use keygate::store::{CommitError, Impaired, MemoryStore, Snapshot, Store, StoreError, StoreFuture, StoreKey, Write};
use tokio::sync::watch;

/// What becomes of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Answers,
    Fails,
    Panics,
    /// Until the mood changes.
    Hangs,
    /// As [`Mood::Hangs`], but the answer is of before.
    Lags,
}

/// A store in memory that counts look-ups and answers them as it is told.
pub struct Moody {
    inner: MemoryStore,
    mood: watch::Sender<Mood>,
    asked: AtomicUsize,
    damaged: OnceLock<Digest>,
}

impl Moody {
    pub fn new() -> Self {
        Self {
            inner: MemoryStore::new(StoreKey::new(&[1; 32])),
            mood: watch::Sender::new(Mood::Answers),
            asked: AtomicUsize::new(0),
            damaged: OnceLock::new(),
        }
    }

    pub fn be(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The record with this digest cannot be read any more, nor can others together with it.
    pub fn damage(&self, digest: Digest) {
        self.damaged.set(digest).expect("one is enough");
    }

    /// Digests that were looked up so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Store for Moody {
    fn tokens_by_digest(&self, digests: Vec<Digest>) -> StoreFuture<'_, Result<Vec<Option<Token>>, StoreError>> {
        self.asked.fetch_add(digests.len(), Ordering::SeqCst);
        Box::pin(async move {
            let mut mood = self.mood.subscribe();
            let lags = *mood.borrow() == Mood::Lags;
            let early = if lags { Some(self.inner.tokens_by_digest(digests.clone()).await) } else { None };
            let waits = |mood: &Mood| matches!(mood, Mood::Hangs | Mood::Lags);
            let now = *mood.wait_for(|mood| !waits(mood)).await.expect("the sender is here");
            match early {
                Some(found) => found,
                None if now == Mood::Panics => panic!("the database panics, as the test wants it"),
                None if now == Mood::Fails => Err(StoreError::Unavailable("the disk is gone".to_owned())),
                None if self.damaged.get().is_some_and(|damaged| digests.contains(damaged)) => {
                    Err(StoreError::Damaged { record: "tok_x".to_owned(), problem: "it is no record".to_owned() })
                }
                None => self.inner.tokens_by_digest(digests).await,
            }
        })
    }

    fn token(&self, id: TokenId) -> StoreFuture<'_, Result<Option<Token>, StoreError>> {
        self.inner.token(id)
    }

    fn list_tokens(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Token>, StoreError>> {
        self.inner.list_tokens(account, after, limit)
    }

    fn search(&self, search: keygate::store::Search) -> StoreFuture<'_, Result<keygate::store::Found, StoreError>> {
        self.inner.search(search)
    }

    fn count(&self, search: keygate::store::Search) -> StoreFuture<'_, Result<keygate::store::Count, StoreError>> {
        self.inner.count(search)
    }

    fn accounts(&self) -> StoreFuture<'_, Result<Vec<Account>, StoreError>> {
        self.inner.accounts()
    }

    fn users(&self) -> StoreFuture<'_, Result<Vec<User>, StoreError>> {
        self.inner.users()
    }

    fn note(&self, id: keygate::model::NoteId) -> StoreFuture<'_, Result<Option<keygate::model::Note>, StoreError>> {
        self.inner.note(id)
    }

    fn notes(
        &self,
        after: Option<keygate::model::NoteId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<keygate::model::Note>, StoreError>> {
        self.inner.notes(after, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Result<Revision, CommitError>> {
        self.inner.commit(writes)
    }

    fn record_usage(&self, usage: Vec<(TokenId, Usage)>) -> StoreFuture<'_, Result<(), StoreError>> {
        self.inner.record_usage(usage)
    }

    fn usage(&self, ids: Vec<TokenId>) -> StoreFuture<'_, Result<Vec<Usage>, StoreError>> {
        self.inner.usage(ids)
    }

    /// It may not answer at all, so each look-up has to ask it.
    fn may_hold(&self, _: &Digest) -> bool {
        true
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        self.inner.snapshot()
    }

    fn health(&self) -> Result<(), Impaired> {
        self.inner.health()
    }

    fn close(&self) -> StoreFuture<'_, Result<(), StoreError>> {
        self.inner.close()
    }
}
