//! The tree that matters: tokens, accounts, and the indexes that find them.
//!
//! Reads are plain; the one that writes is the writer thread. A batch may land between two reads of
//! one look-up, so what an index and its record say is compared, and read again where they differ:
//! only what stays wrong is damage.

use std::fmt::Display;
use std::io;
use std::ops::Bound;

use sled::IVec;

use super::super::changes::{Change, Records};
use super::super::record::{Stored, seal, unseal};
use super::keys;
use crate::model::{Account, AccountId, Digest, Revision, Token, TokenId};
use crate::store::StoreError;

/// How often an index and its record may disagree before it is damage. Each commit takes longer than
/// the two reads do, so a second disagreement in a row is rare already.
const LOOKS: usize = 4;

pub(super) struct TokenTree {
    db: sled::Db,
}

impl TokenTree {
    pub(super) fn new(db: sled::Db) -> Self {
        Self { db }
    }

    pub(super) fn by_digest(&self, digest: &Digest) -> Result<Option<Token>, StoreError> {
        for _ in 0..LOOKS {
            let Some(id) = self.owner(digest)? else { return Ok(None) };
            // The digest in the record counts, compared in constant time: an index that points to
            // the wrong token must not lend that token's rights.
            if let Some(token) = self.token(id)?.filter(|token| token.digest == *digest) {
                return Ok(Some(token));
            }
        }
        Err(damaged(format_args!("of {digest:?}"), "the index names a token that has another digest or is not there"))
    }

    /// At most `limit` tokens of `account` after `after`.
    pub(super) fn page(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> Result<Vec<Token>, StoreError> {
        let first = keys::token_of(account, after.unwrap_or(TokenId::from_bytes([0; 16])));
        let last = keys::token_of(account, TokenId::from_bytes([0xff; 16]));
        let first = if after.is_some() { Bound::Excluded(first) } else { Bound::Included(first) };
        let mut page = Vec::new();
        for entry in self.db.range((first, Bound::Included(last))).keys() {
            if page.len() == limit {
                break;
            }
            let key = entry.map_err(|error| failed("index of the account's tokens", error))?;
            page.extend(self.listed(account, &key)?);
        }
        Ok(page)
    }

    /// The token of one index entry; `None` if it was removed since the entry was read.
    fn listed(&self, account: AccountId, key: &IVec) -> Result<Option<Token>, StoreError> {
        let id = keys::token_in(key).ok_or_else(|| damaged("index of the account's tokens", "a key is cut short"))?;
        for _ in 0..LOOKS {
            if let Some(token) = self.token(id)?.filter(|token| token.account == account) {
                return Ok(Some(token));
            }
            if !self.db.contains_key(key).map_err(|error| failed(id, error))? {
                return Ok(None);
            }
        }
        Err(damaged(id, "the index lists it for an account that it is not of"))
    }

    pub(super) fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let entries = self.db.scan_prefix(keys::ACCOUNTS);
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(|error| failed("list of accounts", error))?;
                let account: Account = decode("of an account", &value)?;
                if keys::account(account.id) == key[..] { Ok(account) } else { Err(misplaced(account.id)) }
            })
            .collect()
    }

    pub(super) fn has_token(&self, id: TokenId) -> Result<bool, StoreError> {
        self.db.contains_key(keys::token(id)).map_err(|error| failed(id, error))
    }

    /// Applies one commit as a whole. On an error it is not known what was applied.
    pub(super) fn apply(&self, changes: &[Change], revision: Revision) -> io::Result<()> {
        let mut batch = sled::Batch::default();
        for change in changes {
            put(&mut batch, change);
        }
        batch.insert(keys::REVISION, seal(&revision.0.to_be_bytes()));
        Ok(self.db.apply_batch(batch)?)
    }

    /// Writes these facts about the store itself, all or none.
    pub(super) fn set_meta(&self, entries: &[(&[u8], &[u8])]) -> sled::Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in entries {
            batch.insert(*key, seal(value));
        }
        self.db.apply_batch(batch)
    }

    pub(super) fn meta(&self, key: &'static [u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let name = String::from_utf8_lossy(key);
        let Some(value) = self.db.get(key).map_err(|error| failed(&name, error))? else { return Ok(None) };
        unseal(&value).map(|value| Some(value.to_vec())).map_err(|problem| damaged(&name, problem))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.db.is_empty()
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
        match self.read::<Token>(&keys::token(id), id)? {
            Some(token) if token.id != id => Err(misplaced(id)),
            found => Ok(found),
        }
    }

    fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        match self.read::<Account>(&keys::account(id), id)? {
            Some(account) if account.id != id => Err(misplaced(id)),
            found => Ok(found),
        }
    }

    fn owner(&self, digest: &Digest) -> Result<Option<TokenId>, StoreError> {
        let name = format_args!("of {digest:?}");
        let Some(value) = self.db.get(keys::digest(digest)).map_err(|error| failed(name, error))? else {
            return Ok(None);
        };
        let id = value.as_ref().try_into().map_err(|_| damaged(name, "the index holds no id"))?;
        Ok(Some(TokenId::from_bytes(id)))
    }
}

/// A later step of the same batch on the same key replaces an earlier one.
fn put(batch: &mut sled::Batch, change: &Change) {
    match change {
        Change::Account(account) => batch.insert(&keys::account(account.id), account.encode()),
        Change::Token { before, after } => {
            if let Some(before) = before {
                batch.remove(&keys::digest(&before.digest)[..]);
                batch.remove(&keys::token_of(before.account, before.id)[..]);
                batch.remove(&keys::token(before.id));
            }
            if let Some(after) = after {
                batch.insert(&keys::digest(&after.digest)[..], &after.id.to_bytes());
                batch.insert(&keys::token_of(after.account, after.id)[..], &[]);
                batch.insert(&keys::token(after.id), after.encode());
            }
        }
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
