//! The tree that matters: tokens, accounts and users, and the index that finds tokens.
//!
//! Reads are plain; the one that writes is the writer thread. A change may land between the look into
//! the index and the read of the record, so what the two say is compared, and looked at again where
//! they differ: only what stays wrong is damage.

use std::fmt::Display;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use super::super::changes::{Change, Records};
use super::super::record::{self, Stored, seal, unseal};
use super::index::Index;
use super::journal::Op;
use super::keys;
use crate::model::{Account, AccountId, Digest, Note, NoteId, Token, TokenId, User, UserId};
use crate::store::StoreError;

/// How often the index and a record may disagree before it is damage. Each commit takes longer than
/// the two looks do, so a second disagreement in a row is rare already.
const LOOKS: usize = 4;

pub(super) struct TokenTree {
    db: sled::Db,
    index: Arc<Index>,
}

impl TokenTree {
    pub(super) fn new(db: sled::Db, index: Index) -> Self {
        Self { db, index: Arc::new(index) }
    }

    pub(super) fn index(&self) -> &Arc<Index> {
        &self.index
    }

    pub(super) fn db(&self) -> &sled::Db {
        &self.db
    }

    pub(super) fn by_digest(&self, digest: &Digest) -> Result<Option<Token>, StoreError> {
        for _ in 0..LOOKS {
            let Some(id) = self.index.owner(digest) else { return Ok(None) };
            match self.token(id)? {
                // The digests in the record count, compared in constant time.
                Some(token) if token.secret_of(digest).is_some() => return Ok(Some(token)),
                // The index knows the first bytes alone: this is another token's digest.
                Some(_) if self.index.owner(digest) == Some(id) => return Ok(None),
                _ => {}
            }
        }
        Err(damaged(format_args!("of {digest:?}"), "the index names a token that is not there"))
    }

    /// At most `limit` tokens of `account` after `after`.
    pub(super) fn page(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> Result<Vec<Token>, StoreError> {
        let mut page = Vec::new();
        let mut last = after;
        while page.len() < limit {
            let ids = self.index.page(account, last, limit - page.len());
            let Some(&next) = ids.last() else { break };
            last = Some(next);
            for id in ids {
                page.extend(self.listed(account, id)?);
            }
        }
        Ok(page)
    }

    /// The token that the index listed; `None` if it was removed or moved since.
    pub(super) fn listed(&self, account: AccountId, id: TokenId) -> Result<Option<Token>, StoreError> {
        for _ in 0..LOOKS {
            if let Some(token) = self.token(id)?.filter(|token| token.account == account) {
                return Ok(Some(token));
            }
            if !self.index.is_of(account, id) {
                return Ok(None);
            }
        }
        Err(damaged(id, "the index lists it for an account that it is not of"))
    }

    pub(super) fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let entries = self.db.range(keys::bounds(record::ACCOUNT));
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(|error| failed("list of accounts", error))?;
                let account: Account = decode("of an account", &value)?;
                if record::account_key(account.id) == key[..] { Ok(account) } else { Err(misplaced(account.id)) }
            })
            .collect()
    }

    pub(super) fn users(&self) -> Result<Vec<User>, StoreError> {
        let entries = self.db.range(keys::bounds(record::USER));
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(|error| failed("list of users", error))?;
                let user: User = decode("of a user", &value)?;
                if record::user_key(user.id) == key[..] { Ok(user) } else { Err(misplaced(user.id)) }
            })
            .collect()
    }

    pub(super) fn notes(&self, after: Option<NoteId>, limit: usize) -> Result<Vec<Note>, StoreError> {
        let all = keys::bounds(record::NOTE);
        let first =
            after.map_or(Bound::Included(all.start.to_vec()), |id| Bound::Excluded(record::note_key(id).to_vec()));
        let entries = self.db.range((first, Bound::Excluded(all.end.to_vec()))).take(limit);
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(|error| failed("list of notes", error))?;
                let note: Note = decode("of a note", &value)?;
                if record::note_key(note.id) == key[..] { Ok(note) } else { Err(misplaced(note.id)) }
            })
            .collect()
    }

    /// Whose token it is; `None` where there is none.
    pub(super) fn account_of(&self, id: TokenId) -> Result<Option<AccountId>, StoreError> {
        let value = self.db.get(record::token_key(id)).map_err(|error| failed(id, error))?;
        let account = |value: sled::IVec| record::indexed(&value).map(|found| found.account);
        value.map(account).transpose().map_err(|problem| damaged(id, problem))
    }

    /// A record as it is written.
    pub(super) fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get(key).map_err(|error| failed(name(key), error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// Applies a group of commits as a whole. On an error it is not known what was applied.
    pub(super) fn apply(&self, changes: &[Change], ops: &[Op], revision: u64) -> io::Result<()> {
        changes.iter().for_each(|change| self.index.leave(change));
        self.write(ops, revision)?;
        changes.iter().for_each(|change| self.index.enter(change));
        Ok(())
    }

    /// Writes records past the index.
    pub(super) fn write(&self, ops: &[Op], revision: u64) -> io::Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in ops {
            match value {
                Some(value) => batch.insert(&key[..], &value[..]),
                None => batch.remove(&key[..]),
            }
        }
        batch.insert(keys::REVISION, seal(&revision.to_be_bytes()));
        Ok(self.db.apply_batch(batch)?)
    }

    /// Of the last commit; `None` where none was made.
    pub(super) fn revision(&self) -> Result<Option<u64>, StoreError> {
        let name = "of the last revision";
        let Some(value) = self.db.get(keys::REVISION).map_err(|error| failed(name, error))? else { return Ok(None) };
        let number = unseal(&value).map_err(|problem| damaged(name, problem))?;
        let number = number.try_into().map_err(|_| damaged(name, "it is cut short"))?;
        Ok(Some(u64::from_be_bytes(number)))
    }

    /// Hands everything to the operating system; [`super::disk::Disk::sync`] makes it durable.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.db.flush()?;
        Ok(())
    }

    fn read<T: Stored>(&self, key: &[u8], id: impl Display) -> Result<Option<T>, StoreError> {
        let value = self.db.get(key).map_err(|error| failed(&id, error))?;
        value.map(|value| decode(id, &value)).transpose()
    }
}

impl Records for TokenTree {
    fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        match self.read::<Token>(&record::token_key(id), id)? {
            Some(token) if token.id != id => Err(misplaced(id)),
            found => Ok(found),
        }
    }

    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        match self.read::<Account>(&record::account_key(id), id)? {
            Some(account) if account.id != id => Err(misplaced(id)),
            found => Ok(found),
        }
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        match self.read::<User>(&record::user_key(id), id)? {
            Some(user) if user.id != id => Err(misplaced(id)),
            found => Ok(found),
        }
    }

    fn note(&self, id: NoteId) -> Result<Option<Note>, StoreError> {
        match self.read::<Note>(&record::note_key(id), id)? {
            Some(note) if note.id != id => Err(misplaced(id)),
            found => Ok(found),
        }
    }

    fn owner(&self, digest: &Digest) -> Result<Option<TokenId>, StoreError> {
        Ok(self.index.owner(digest))
    }
}

/// What a change does to the records.
pub(super) fn op(change: &Change) -> Op {
    match change {
        Change::Account(account) => (record::account_key(account.id).to_vec(), Some(account.encode())),
        Change::AccountGone(id) => (record::account_key(*id).to_vec(), None),
        Change::User(user) => (record::user_key(user.id).to_vec(), Some(user.encode())),
        Change::UserGone(id) => (record::user_key(*id).to_vec(), None),
        Change::Note(note) => (record::note_key(note.id).to_vec(), Some(note.encode())),
        Change::NoteGone(id) => (record::note_key(*id).to_vec(), None),
        Change::Token { after: Some(after), .. } => (record::token_key(after.id).to_vec(), Some(after.encode())),
        Change::Token { before: Some(before), after: None } => (record::token_key(before.id).to_vec(), None),
        Change::Token { before: None, after: None } => unreachable!("a change of nothing is not made"),
    }
}

/// A key in words.
pub(super) fn name(key: &[u8]) -> String {
    let id = key.get(1..).and_then(|id| id.try_into().ok());
    match (key.first(), id) {
        (Some(&record::TOKEN), Some(id)) => TokenId::from_bytes(id).to_string(),
        (Some(&record::ACCOUNT), Some(id)) => AccountId::from_bytes(id).to_string(),
        (Some(&record::USER), Some(id)) => UserId::from_bytes(id).to_string(),
        (Some(&record::NOTE), Some(id)) => NoteId::from_bytes(id).to_string(),
        _ => String::from_utf8_lossy(key).into_owned(),
    }
}

fn decode<T: Stored>(name: impl Display, value: &[u8]) -> Result<T, StoreError> {
    T::decode(value).map_err(|problem| damaged(name, problem))
}

/// What an error of sled while reading `record` means.
pub(super) fn failed(record: impl Display, error: sled::Error) -> StoreError {
    match error {
        // In words of the operating system where it has some: sled's own are for its authors.
        sled::Error::Corruption { .. } => damaged(record, error),
        other => StoreError::Unavailable(io::Error::from(other).to_string()),
    }
}

pub(super) fn damaged(record: impl Display, problem: impl Display) -> StoreError {
    StoreError::Damaged { record: record.to_string(), problem: problem.to_string() }
}

fn misplaced(id: impl Display) -> StoreError {
    damaged(id, "it lies where another one belongs")
}
