//! Another set of records in place of the present ones: what a restore, an import and the acceptance of
//! a damaged store have in common.
//!
//! The records go into a new generation beside the present one. [`Rebuild::finish`] makes it the present
//! one at a single moment; until then nothing of the store has changed, and if it never comes, nothing
//! is left.

use std::path::PathBuf;

use super::anchor::{self, Anchor};
use super::builder::{Builder, PutError};
use super::directory::{Directory, Generation};
use super::error::OpenError;
use super::index::Taken;
use super::journal::{self, Contents};
use super::marker::{self, Marker, pepper_mark};
use super::point::Point;
use super::recover::Place;
use super::scan::guarded;
use super::tokens::TokenTree;
use super::usage::UsageTree;
use super::{SledOptions, database, open};
use crate::model::{AccountId, NoteId, Revision, TokenId, Usage, UserId};
use crate::store::StoreId;
use crate::store::record;
use crate::store::{Record, StoreError, StoreKey, Summary};

/// A store that is being made anew.
pub struct Rebuild {
    options: SledOptions,
    key: StoreKey,
    directory: Directory,
    /// `None`: there is no store here yet, or its marker is lost.
    marker: Option<Marker>,
    /// What was acknowledged, where the anchor can be read.
    acknowledged: Option<Point>,
    store: StoreId,
    /// The number of the generation that is made.
    number: u64,
    builder: Option<Builder>,
    usage: Vec<(TokenId, Usage)>,
    /// The highest revision that was met anywhere.
    revision: u64,
}

/// Why a record was not taken, or a rebuild did not succeed. The present store is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("there is a token {0} already")]
    DuplicateToken(TokenId),
    #[error("there is an account {0} already")]
    DuplicateAccount(AccountId),
    #[error("there is a user {0} already")]
    DuplicateUser(UserId),
    #[error("there is a note {0} already")]
    DuplicateNote(NoteId),
    #[error("token {0} has the same secret already")]
    DuplicateDigest(TokenId),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What the changes after a revision came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Groups of commits.
    pub changes: u64,
    /// What is there now is exactly what was acknowledged last. Without an anchor that cannot be known.
    pub complete: bool,
    /// The first and the last revision of acknowledged changes that are not there.
    pub missing: Option<(Revision, Revision)>,
}

/// A rebuild that has taken effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub summary: Summary,
    /// Where the records lie that were there before; the next rebuild removes them.
    pub replaced: Option<PathBuf>,
}

impl Rebuild {
    /// Takes the directory for this process; the store in it need not be readable.
    pub fn begin(options: SledOptions) -> Result<Self, OpenError> {
        let key = options.key();
        let directory = Directory::own(&options.path)?;
        let path = directory.path().to_owned();
        let io = |error| OpenError::io(&path, error);
        open::space(&directory)?;
        open::upgrade_if_old(&options, &directory, &key)?;
        let found = open::read_anchor(&options, &key)?;
        let anchored = match found {
            anchor::Found::Anchored { store, point } => Some((store, point)),
            anchor::Found::Nothing | anchor::Found::Unreadable => None,
        };
        let marker = match marker::read(&path, &key).map_err(io)? {
            marker::Found::Marker(marker) if marker.pepper != pepper_mark(&key) => {
                let ours = anchored.is_some_and(|(store, _)| journal_of(&directory, &key, store));
                if !ours {
                    return Err(OpenError::WrongPepper { path });
                }
                // It is this pepper's store, and the marker is damaged.
                None
            }
            marker::Found::Marker(marker) => Some(marker),
            marker::Found::Later(found) => {
                return Err(OpenError::NewerSchema { path, found, known: marker::FORMAT });
            }
            // What a rebuild can do without: it makes a new one.
            marker::Found::Nothing | marker::Found::Unreadable(_) | marker::Found::Format1 => None,
        };
        let foreign =
            |(anchored, _): &(StoreId, Point)| marker.as_ref().is_some_and(|marker| marker.store != *anchored);
        if anchored.as_ref().is_some_and(foreign) {
            // Another store depends on that file.
            return Err(open::unanchored(&options, &found));
        }
        let store = marker.as_ref().map(|marker| marker.store).or(anchored.map(|(store, _)| store));
        let store = store.unwrap_or_else(StoreId::fresh);
        let acknowledged = anchored.filter(|(anchored, _)| *anchored == store).map(|(_, point)| point);
        let generations = directory.generations().map_err(io)?;
        let newest = generations.last().map_or(0, |generation| generation.number);
        for unfinished in &generations {
            if marker.as_ref().is_some_and(|marker| marker.generation < unfinished.number) {
                unfinished.remove().map_err(io)?;
            }
        }
        let number = newest + 1;
        let builder = Builder::create(&path, directory.generation(number), key.clone(), options.cache_bytes)?;
        let revision = acknowledged.map_or(0, |point| point.revision);
        let builder = Some(builder);
        let usage = Vec::new();
        Ok(Self { options, key, directory, marker, acknowledged, store, number, builder, usage, revision })
    }

    /// Adds every record of the present store, which has to prove complete. Without a store here it
    /// adds nothing.
    pub fn present(&mut self) -> Result<Summary, OpenError> {
        let path = self.directory.path().to_owned();
        let Some(marker) = self.marker.clone() else {
            let empty = self.acknowledged.is_none_or(|point| point.tokens + point.accounts == 0);
            return if empty && self.number == 1 {
                Ok(Summary::default())
            } else {
                Err(OpenError::damaged(&path, "its file keygate.store is lost"))
            };
        };
        let Some(acknowledged) = self.acknowledged else {
            return Err(open::unanchored(&self.options, &open::read_anchor(&self.options, &self.key)?));
        };
        let generation = self.directory.generation(marker.generation);
        let place =
            Place { path: &path, generation: &generation, marker: &marker, key: &self.key, cache: self.cache() };
        let proven = place.prove(&acknowledged)?;
        self.revision = self.revision.max(proven.point.revision);
        let copied = self.builder().copy(proven.tokens.db()).map_err(|error| OpenError::unread(&path, error));
        let summary = Summary { healed: proven.healed.clone(), ..proven.point.summary() };
        drop(proven);
        database::wait_until_closed(&generation.tokens());
        copied.map(|()| summary)
    }

    /// Adds whatever can be read of the present store, with the changes of its journal, unproven. Nothing
    /// that is read is put back to what it was before. What cannot be read is in `healed`.
    pub fn salvage(&mut self) -> Result<Summary, OpenError> {
        let path = self.directory.path().to_owned();
        let Some(generation) = self.newest_before() else {
            return Err(OpenError::damaged(&path, "there is nothing of a store in it"));
        };
        let (problem, reached) = match self.salvage_tree(&generation) {
            Ok(tree) => tree,
            Err(error @ OpenError::Damaged { .. }) if self.journal()?.last().is_some() => {
                (Some(error.to_string()), None)
            }
            Err(error) => return Err(error),
        };
        let contents = self.journal()?;
        let last = contents.last().map_or(0, |last| last.revision);
        // Where the journal ends before the tree does, what is not in the tree may have been deleted since.
        let adds = problem.is_some() || reached.is_some_and(|reached| last >= reached);
        let builder = self.builder.as_mut().expect("it is there until the end");
        let filled = contents.replay(0, |frame| builder.fill(&frame.ops, frame.after.revision, adds));
        filled.map_err(|error| OpenError::unread(&path, error))?;
        self.revision = self.revision.max(reached.unwrap_or(0)).max(last);
        let healed = problem.map(|problem| format!("not all of the database can be read: {problem}"));
        Ok(Summary { healed, ..self.summary() })
    }

    /// Adds what can be read of a database: what is wrong with the rest, and the last change in it.
    fn salvage_tree(&mut self, generation: &Generation) -> Result<(Option<String>, Option<u64>), OpenError> {
        let path = self.directory.path().to_owned();
        if !super::disk::log(&generation.tokens()).exists() {
            return Ok((Some("it is gone".to_owned()), None));
        }
        let opened = database::open(&generation.tokens(), self.cache(), |problem| OpenError::damaged(&path, problem))?;
        let tree = TokenTree::new(opened, super::index::Index::new());
        let reached = guarded(|| tree.revision()).map(|reached| reached.unwrap_or(0)).ok();
        let copied = guarded(|| self.builder().copy(tree.db()));
        drop(tree);
        database::wait_until_closed(&generation.tokens());
        match copied {
            Ok(()) => Ok((None, reached)),
            // Then it is the new store that failed, and not the old one.
            Err(error @ StoreError::Full(_)) => Err(OpenError::unread(&path, error)),
            Err(error) => Ok((Some(error.to_string()), reached)),
        }
    }

    /// One more record; none may be there with the same id or digest.
    pub fn put(&mut self, record: Record) -> Result<(), RebuildError> {
        let (key, value) = record::entry(&record);
        match self.builder().put(key, value) {
            Ok(()) => {}
            Err(PutError::Store(error)) => return Err(error.into()),
            Err(PutError::Digest(Taken(other))) => return Err(RebuildError::DuplicateDigest(other)),
            Err(PutError::Exists) => {
                return Err(match record {
                    Record::Token(token, _) => RebuildError::DuplicateToken(token.id),
                    Record::Account(account) => RebuildError::DuplicateAccount(account.id),
                    Record::User(user) => RebuildError::DuplicateUser(user.id),
                    Record::Note(note) => RebuildError::DuplicateNote(note.id),
                });
            }
        }
        let revision = match &record {
            Record::Token(token, usage) => {
                if *usage != Usage::default() {
                    self.usage.push((token.id, usage.clone()));
                }
                token.revision
            }
            Record::Account(account) => account.revision,
            Record::User(user) => user.revision,
            Record::Note(note) => note.revision,
        };
        self.revision = self.revision.max(revision.0);
        Ok(())
    }

    /// Puts the changes of the present store's journal after `after` over what is there.
    pub fn replay(&mut self, after: Revision) -> Result<Replayed, RebuildError> {
        let contents = self.journal()?;
        let (mut changes, mut reached) = (0, after.0);
        let mut builder = self.builder.take();
        let outcome = contents.replay(after.0, |frame| {
            let builder = builder.as_mut().expect("it is there until the end");
            (changes, reached) = (changes + 1, frame.after.revision);
            builder.replace(&frame.ops)
        });
        self.builder = builder;
        outcome?;
        self.revision = self.revision.max(reached);
        let promised = [self.acknowledged.as_ref(), contents.last()].into_iter().flatten().max_by_key(|p| p.revision);
        let Some(promised) = promised.copied() else {
            return Ok(Replayed { changes, complete: false, missing: None });
        };
        let tally = *self.builder().tally();
        // A journal whose end is damaged looks like one that ended there: only the anchor knows.
        let complete = self.acknowledged.is_some() && promised.proves(&self.key, self.store, &tally);
        let from = match contents.base() {
            Some(base) if base.revision > after.0 => Some((after.0 + 1, base.revision)),
            _ => (reached < promised.revision).then_some((reached + 1, promised.revision)),
        };
        let missing = from.map(|(first, last)| (Revision(first), Revision(last)));
        Ok(Replayed { changes, complete, missing })
    }

    /// Which store this is; a new one where there was none.
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Goes on as that store, where there is none here that would have an id of its own.
    pub fn adopt(&mut self, store: StoreId) {
        if self.marker.is_none() && self.acknowledged.is_none() {
            self.store = store;
        }
    }

    /// Makes the new records the store's, durably, and at one moment.
    pub fn finish(mut self) -> Result<Finished, RebuildError> {
        let path = self.directory.path().to_owned();
        let io = |error| OpenError::io(&path, error);
        let builder = self.builder.take().expect("it is there until the end");
        let point = builder.finish(self.store, self.revision + 1).map_err(io)?;
        let marker = Marker { store: self.store, generation: self.number, pepper: pepper_mark(&self.key) };
        // The anchor must be writable before the store depends on it; and until the marker is there, it
        // must not promise more than the present generation has.
        let before = self.acknowledged.unwrap_or_else(|| Point::of(&self.key, self.store, 0, &Default::default()));
        let anchor = |error| OpenError::Anchor { anchor: self.options.anchor.clone(), error };
        let mut file = Anchor::create(&self.options.anchor, self.key.clone(), self.store, &before).map_err(anchor)?;
        let replaced = self.newest_before();
        marker::write(&path, &self.key, &marker).map_err(io)?;
        file.write(&point).map_err(anchor)?;
        file.write(&point).map_err(anchor)?;
        if !self.usage.is_empty() {
            self.store_usage()?;
        }
        self.remove_older(replaced.as_ref());
        Ok(Finished { summary: point.summary(), replaced: replaced.map(|generation| generation.path) })
    }

    /// Of what was replaced, the last is kept.
    fn remove_older(&self, replaced: Option<&Generation>) {
        let kept = replaced.map_or(self.number, |generation| generation.number);
        for old in self.directory.generations().unwrap_or_default() {
            if old.number < kept
                && let Err(error) = old.remove()
            {
                tracing::warn!(%error, "{} was replaced before, and could not be removed", old.path.display());
            }
        }
    }

    fn store_usage(&self) -> Result<(), RebuildError> {
        let path = self.directory.usage();
        let damage = |problem| OpenError::UsageDamaged { path: path.clone(), problem };
        let usage = UsageTree::new(database::open(&path, self.cache() / 8, damage)?);
        for (id, known) in &self.usage {
            usage.set(*id, known)?;
        }
        usage.flush().map_err(StoreError::from)?;
        drop(usage);
        database::wait_until_closed(&path);
        Ok(())
    }

    fn journal(&self) -> Result<Contents, OpenError> {
        let Some(generation) = self.newest_before() else { return Ok(Contents::none(&self.key)) };
        journal::read(&generation.journal(), &self.key, self.store)
            .map_err(|error| OpenError::io(self.directory.path(), error))
    }

    /// The present generation; without a marker the newest one, which is the likeliest.
    fn newest_before(&self) -> Option<Generation> {
        if let Some(marker) = &self.marker {
            return Some(self.directory.generation(marker.generation));
        }
        let generations = self.directory.generations().ok()?;
        generations.into_iter().rfind(|generation| generation.number < self.number)
    }

    fn summary(&mut self) -> Summary {
        let tally = *self.builder().tally();
        Summary { revision: Revision(self.revision), tokens: tally.tokens, accounts: tally.accounts, healed: None }
    }

    fn builder(&mut self) -> &mut Builder {
        self.builder.as_mut().expect("it is there until the end")
    }

    /// Two generations are open at a time.
    fn cache(&self) -> u64 {
        self.options.cache_bytes
    }
}

/// Whether there are changes of that store in a journal, which only the right pepper reads.
fn journal_of(directory: &Directory, key: &StoreKey, store: StoreId) -> bool {
    let generations = directory.generations().unwrap_or_default();
    let read = |generation: &Generation| journal::read(&generation.journal(), key, store);
    generations.iter().any(|generation| read(generation).is_ok_and(|contents| contents.last().is_some()))
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        let Some(builder) = self.builder.take() else { return };
        if let Err(error) = builder.discard() {
            let path = self.directory.generation(self.number).path;
            tracing::warn!(%error, "what was left of an unfinished store at {} could not be removed", path.display());
        }
    }
}
