//! A store that is gone at the end of the process: for tests, and for runs that are thrown away.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::changes::{Change, Records, check};
use super::{
    CommitError, Count, Found, Impaired, Place, Record, Search, Snapshot, SnapshotHead, Store, StoreError, StoreFuture,
    StoreId, StoreKey, Write, proof_of, to_second,
};
use crate::model::{
    Account, AccountId, Digest, ForeignHashes, Note, NoteId, Revision, Timestamp, Token, TokenId, Usage, User, UserId,
};

/// Everything in maps behind one lock, which is held for one call at a time and never awaited on.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    key: StoreKey,
    id: StoreId,
}

/// All records at once: they are in memory anyway.
struct Copy {
    head: SnapshotHead,
    records: Vec<Record>,
}

impl Snapshot for Copy {
    fn head(&self) -> &SnapshotHead {
        &self.head
    }

    fn next(&mut self) -> StoreFuture<'_, Result<Vec<Record>, StoreError>> {
        Box::pin(std::future::ready(Ok(std::mem::take(&mut self.records))))
    }
}

#[derive(Debug, Default)]
struct Inner {
    tokens: BTreeMap<(AccountId, TokenId), Token>,
    accounts_of: HashMap<TokenId, AccountId>,
    /// By which hashes keys were imported.
    imports: ForeignHashes,
    digests: HashMap<Digest, TokenId>,
    accounts: BTreeMap<AccountId, Account>,
    users: BTreeMap<UserId, User>,
    notes: BTreeMap<NoteId, Note>,
    usage: HashMap<TokenId, Usage>,
    revision: Revision,
    closed: bool,
}

impl MemoryStore {
    /// `key` proves that a copy is whole.
    pub fn new(key: StoreKey) -> Self {
        Self { inner: Mutex::default(), key, id: StoreId::fresh() }
    }

    /// Whole changes are made under the lock and none of them can panic half-way, so what a panic
    /// elsewhere poisoned is still consistent.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            let mut inner = self.lock();
            if inner.closed { Err(StoreError::Closed) } else { work(&mut inner) }
        })
    }
}

impl Store for MemoryStore {
    fn tokens_by_digest(&self, digests: Vec<Digest>) -> StoreFuture<'_, Result<Vec<Option<Token>>, StoreError>> {
        self.ask(move |inner| {
            digests.iter().map(|digest| inner.owner(digest)?.map_or(Ok(None), |id| inner.token(id))).collect()
        })
    }

    fn token(&self, id: TokenId) -> StoreFuture<'_, Result<Option<Token>, StoreError>> {
        self.ask(move |inner| inner.token(id))
    }

    fn list_tokens(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Token>, StoreError>> {
        self.ask(move |inner| {
            let first = after.map_or(Bound::Included((account, TokenId::from_bytes([0; 16]))), |after| {
                Bound::Excluded((account, after))
            });
            let last = Bound::Included((account, TokenId::from_bytes([0xff; 16])));
            Ok(inner.tokens.range((first, last)).take(limit).map(|(_, token)| token.clone()).collect())
        })
    }

    fn search(&self, search: Search) -> StoreFuture<'_, Result<Found, StoreError>> {
        self.ask(move |inner| {
            let mut meant: Vec<_> = inner.meant(&search).filter(|(place, _)| search.is_behind_place(place)).collect();
            meant.sort_by(|(one, _), (other, _)| search.order.compare(one.as_ref(), other.as_ref()));
            let has_more = meant.len() > search.limit;
            meant.truncate(search.limit);
            let next = meant.last().filter(|_| has_more).map(|(place, _)| place.clone());
            Ok(Found { tokens: meant.into_iter().map(|(_, token)| token.clone()).collect(), next })
        })
    }

    fn count(&self, search: Search) -> StoreFuture<'_, Result<Count, StoreError>> {
        self.ask(move |inner| Ok(Count::Exactly(inner.meant(&search).count() as u64)))
    }

    fn accounts(&self) -> StoreFuture<'_, Result<Vec<Account>, StoreError>> {
        self.ask(|inner| Ok(inner.accounts.values().cloned().collect()))
    }

    fn users(&self) -> StoreFuture<'_, Result<Vec<User>, StoreError>> {
        self.ask(|inner| Ok(inner.users.values().cloned().collect()))
    }

    fn note(&self, id: NoteId) -> StoreFuture<'_, Result<Option<Note>, StoreError>> {
        self.ask(move |inner| Records::note(inner, id))
    }

    fn notes(&self, after: Option<NoteId>, limit: usize) -> StoreFuture<'_, Result<Vec<Note>, StoreError>> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.ask(move |inner| {
            Ok(inner.notes.range((first, Bound::Unbounded)).take(limit).map(|(_, note)| note.clone()).collect())
        })
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let mut inner = self.lock();
            if inner.closed { Err(StoreError::Closed.into()) } else { inner.commit(writes) }
        })
    }

    fn record_usage(&self, usage: Vec<(TokenId, Usage)>) -> StoreFuture<'_, Result<(), StoreError>> {
        self.ask(move |inner| {
            for (id, usage) in usage {
                if inner.accounts_of.contains_key(&id) {
                    let known = inner.usage.entry(id).or_default();
                    *known = std::mem::take(known).and(usage);
                }
            }
            Ok(())
        })
    }

    fn usage(&self, ids: Vec<TokenId>) -> StoreFuture<'_, Result<Vec<Usage>, StoreError>> {
        self.ask(move |inner| Ok(ids.iter().map(|id| inner.usage.get(id).cloned().unwrap_or_default()).collect()))
    }

    fn imports(&self) -> ForeignHashes {
        self.lock().imports
    }

    fn may_hold(&self, digest: &Digest) -> bool {
        let inner = self.lock();
        // Once closed it knows nothing any more, and the question has to fail where it is asked.
        inner.closed || inner.digests.contains_key(digest)
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        let (key, id) = (self.key.clone(), self.id);
        self.ask(move |inner| {
            let records = inner.records();
            let head = proof_of(&key, id, inner.revision, records.iter());
            Ok(Box::new(Copy { head, records }) as Box<dyn Snapshot>)
        })
    }

    fn health(&self) -> Result<(), Impaired> {
        if self.lock().closed { Err(Impaired::Closed) } else { Ok(()) }
    }

    fn close(&self) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.lock().closed = true;
            Ok(())
        })
    }
}

impl Inner {
    fn commit(&mut self, writes: Vec<Write>) -> Result<Revision, CommitError> {
        let revision = Revision(self.revision.0 + 1);
        for change in check(self, writes, revision)? {
            self.apply(change);
        }
        self.revision = revision;
        Ok(revision)
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Account(account) => drop(self.accounts.insert(account.id, *account)),
            Change::AccountGone(id) => drop(self.accounts.remove(&id)),
            Change::User(user) => drop(self.users.insert(user.id, *user)),
            Change::UserGone(id) => drop(self.users.remove(&id)),
            Change::Note(note) => drop(self.notes.insert(note.id, *note)),
            Change::NoteGone(id) => drop(self.notes.remove(&id)),
            Change::Token { before, after } => {
                if let Some(before) = &before {
                    for digest in before.digests() {
                        self.digests.remove(&digest);
                    }
                    self.accounts_of.remove(&before.id);
                    self.tokens.remove(&(before.account, before.id));
                }
                match (before, after) {
                    (_, Some(after)) => self.insert(*after),
                    (Some(deleted), None) => drop(self.usage.remove(&deleted.id)),
                    (None, None) => {}
                }
            }
        }
    }

    /// The tokens that the filter is true for, with their places.
    fn meant<'a>(&'a self, search: &'a Search) -> impl Iterator<Item = (Place, &'a Token)> {
        let tokens = self.tokens.values().filter(|token| search.accounts.contains(&token.account));
        tokens.filter_map(|token| {
            let last_used = self.usage.get(&token.id).and_then(|usage| usage.last_used).map(to_second);
            let key = search.order.key(&token.name, token.expires.map(Timestamp::millis), last_used);
            let is_meant = search.filter.has(token, last_used, search.now);
            is_meant.then(|| (Place { key: key.to_owned(), id: token.id }, token))
        })
    }

    fn records(&self) -> Vec<Record> {
        let accounts = self.accounts.values().cloned().map(Record::Account);
        let mut tokens: Vec<&Token> = self.tokens.values().collect();
        tokens.sort_by_key(|token| token.id);
        let usage = |id| self.usage.get(&id).cloned().unwrap_or_default();
        let users = self.users.values().cloned().map(Record::User);
        let notes = self.notes.values().cloned().map(Record::Note);
        let tokens = tokens.into_iter().map(|token| Record::Token(token.clone(), usage(token.id)));
        accounts.chain(users).chain(notes).chain(tokens).collect()
    }

    fn insert(&mut self, token: Token) {
        self.digests.extend(token.digests().map(|digest| (digest, token.id)));
        self.accounts_of.insert(token.id, token.account);
        self.imports = token.id.imported_by().map_or(self.imports, |hash| self.imports.with(hash));
        self.tokens.insert((token.account, token.id), token);
    }
}

impl Records for Inner {
    fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        Ok(self.accounts_of.get(&id).and_then(|account| self.tokens.get(&(*account, id)).cloned()))
    }

    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts.get(&id).cloned())
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.users.get(&id).cloned())
    }

    fn note(&self, id: NoteId) -> Result<Option<Note>, StoreError> {
        Ok(self.notes.get(&id).cloned())
    }

    fn owner(&self, digest: &Digest) -> Result<Option<TokenId>, StoreError> {
        Ok(self.digests.get(digest).copied())
    }
}
