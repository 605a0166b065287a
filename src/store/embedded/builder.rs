//! A new generation, filled record by record, that is nobody's until the marker names it.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::directory::Generation;
use super::disk::{self, Disk};
use super::error::OpenError;
use super::index::{Index, Taken};
use super::journal::{Journal, Op};
use super::point::Point;
use super::tokens::{TokenTree, damaged, failed, name};
use super::{database, keys};
use crate::model::{Account, Note, Token, TokenId, User};
use crate::store::StoreId;
use crate::store::record::{self, Key, Stored, indexed};
use crate::store::tally::Tally;
use crate::store::{StoreError, StoreKey};

/// Records in one batch of sled. Each is flushed, or sled's memory would grow with what is loaded.
const BATCH: usize = 1_000;

pub(super) struct Builder {
    generation: Generation,
    tree: TokenTree,
    key: StoreKey,
    tally: Tally,
    waiting: HashMap<Key, Vec<u8>>,
}

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum PutError {
    /// There is a record with this key.
    Exists,
    Digest(Taken),
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for PutError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl Builder {
    /// `path` is the store's directory, for messages.
    pub(super) fn create(path: &Path, generation: Generation, key: StoreKey, cache: u64) -> Result<Self, OpenError> {
        let created = generation.create().map_err(|error| OpenError::io(path, error));
        let opened = created
            .and_then(|()| database::open(&generation.tokens(), cache, |problem| OpenError::damaged(path, problem)));
        let db = opened.inspect_err(|_| remove(&generation))?;
        let tree = TokenTree::new(db, Index::new());
        Ok(Self { generation, tree, key, tally: Tally::default(), waiting: HashMap::new() })
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A record that is not there yet, as it is written.
    pub(super) fn put(&mut self, key: Key, value: Vec<u8>) -> Result<(), PutError> {
        if self.waiting.contains_key(&key) || self.tree.db().contains_key(key).map_err(sled_error)? {
            return Err(PutError::Exists);
        }
        self.enter(&key, &value).map_err(|error| match error {
            Entered::Taken(taken) => PutError::Digest(taken),
            Entered::Store(error) => PutError::Store(error),
        })?;
        self.tally.add(&self.key, &key, &value);
        self.waiting.insert(key, value);
        if self.waiting.len() >= BATCH { Ok(self.write()?) } else { Ok(()) }
    }

    /// Every record of another tree, as far as it can be read.
    pub(super) fn copy(&mut self, from: &sled::Db) -> Result<(), StoreError> {
        for kind in record::KINDS {
            for entry in from.range(keys::bounds(kind)) {
                let (key, value) = entry.map_err(|error| failed("list of records", error))?;
                let name = name(&key);
                let key = key[..].try_into().map_err(|_| damaged(&name, "its key is cut short"))?;
                self.put(key, value.to_vec()).map_err(|error| match error {
                    PutError::Store(error) => error,
                    PutError::Exists | PutError::Digest(_) => damaged(name, "it is there twice"),
                })?;
            }
        }
        Ok(())
    }

    /// Changes of a journal, in place of what is there.
    pub(super) fn replace(&mut self, ops: &[Op]) -> Result<(), StoreError> {
        self.write()?;
        ops.iter().try_for_each(|op| self.replace_one(op))
    }

    /// Those changes up to `revision` that are later than what is there. What is not there is added only
    /// if `adds`.
    pub(super) fn fill(&mut self, ops: &[Op], revision: u64, adds: bool) -> Result<(), StoreError> {
        self.write()?;
        for op in ops {
            let (key, new) = op;
            let is_later = match self.tree.raw(key)? {
                None => adds,
                Some(old) => {
                    let of = new.as_ref().map_or(Some(revision), |new| revision_of(key, new));
                    of > revision_of(key, &old)
                }
            };
            if is_later {
                self.replace_one(op)?;
            }
        }
        Ok(())
    }

    /// One by one: a later operation may be about the same record.
    fn replace_one(&mut self, (key, value): &Op) -> Result<(), StoreError> {
        if let Some(old) = self.tree.raw(key)? {
            self.tally.remove(&self.key, key, &old);
            if let Some(id) = token(key) {
                found(id, &old)?.digests().for_each(|digest| self.tree.index().remove_digest(&digest, id));
            }
        }
        if let Some(new) = value {
            self.tally.add(&self.key, key, new);
            match self.enter(key, new) {
                Ok(()) => {}
                Err(Entered::Store(error)) => return Err(error),
                // The journal's later changes give the digest to one of the two.
                Err(Entered::Taken(_)) => {}
            }
        }
        Ok(self.tree.write(&[(key.clone(), value.clone())], 0)?)
    }

    /// Makes everything durable, and closes it. After an error nothing of it is left.
    pub(super) fn finish(mut self, store: StoreId, revision: u64) -> io::Result<Point> {
        let generation = self.generation.clone();
        let point = self.make_durable(store, revision);
        drop(self);
        database::wait_until_closed(&generation.tokens());
        point.inspect_err(|_| remove(&generation))
    }

    fn make_durable(&mut self, store: StoreId, revision: u64) -> io::Result<Point> {
        self.write()?;
        self.tree.write(&[], revision)?;
        self.tree.flush()?;
        let tokens = self.generation.tokens();
        Disk::open(&tokens)?.sync()?;
        disk::sync_files(&tokens)?;
        let point = Point::of(&self.key, store, revision, &self.tally);
        Journal::begin(&self.generation.journal(), self.key.clone(), store, &point)?;
        disk::sync_directory(&self.generation.path)?;
        Ok(point)
    }

    /// Closes and removes it.
    pub(super) fn discard(self) -> io::Result<()> {
        let generation = self.generation.clone();
        drop(self);
        database::wait_until_closed(&generation.tokens());
        generation.remove()
    }

    fn write(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let ops: Vec<Op> = self.waiting.drain().map(|(key, value)| (key.to_vec(), Some(value))).collect();
        self.tree.write(&ops, 0)?;
        self.tree.flush()
    }

    fn enter(&self, key: &[u8], value: &[u8]) -> Result<(), Entered> {
        let Some(id) = token(key) else { return Ok(()) };
        let mut digests = found(id, value).map_err(Entered::Store)?.digests();
        digests.try_for_each(|digest| self.tree.index().add_digest(&digest, id).map_err(Entered::Taken))
    }
}

/// What is of no use, and may be what fills the disk.
pub(super) fn remove(generation: &Generation) {
    if let Err(error) = generation.remove() {
        tracing::warn!(%error, "what was left of an unfinished store at {} could not be removed", generation.path.display());
    }
}

enum Entered {
    Taken(Taken),
    Store(StoreError),
}

fn token(key: &[u8]) -> Option<TokenId> {
    let (&kind, id) = key.split_first()?;
    (kind == record::TOKEN).then(|| id.try_into().ok().map(TokenId::from_bytes)).flatten()
}

/// Of the change that wrote the record; `None` where it cannot be read.
fn revision_of(key: &[u8], value: &[u8]) -> Option<u64> {
    match *key.first()? {
        record::TOKEN => Token::decode(value).ok().map(|token| token.revision.0),
        record::ACCOUNT => Account::decode(value).ok().map(|account| account.revision.0),
        record::NOTE => Note::decode(value).ok().map(|note| note.revision.0),
        record::USER => User::decode(value).ok().map(|user| user.revision.0),
        _ => None,
    }
}

fn found(id: TokenId, value: &[u8]) -> Result<record::Indexed<'_>, StoreError> {
    indexed(value).map_err(|problem| damaged(id, problem))
}

fn sled_error(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => error.into(),
        other => failed("of the new store", other),
    }
}
