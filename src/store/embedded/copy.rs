//! A copy of all records as of one revision, read while the writer goes on.
//!
//! While a copy is being read, the writer keeps what it is about to replace, unless the copy is past it
//! already. The copy takes a record from there first and from the tree otherwise, and so has each as it
//! was in the beginning.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Engine;
use super::journal::Op;
use super::point::Point;
use super::readers::Readers;
use super::tokens::{damaged, failed, name};
use crate::model::Revision;
use crate::store::record::{self, Stored};
use crate::store::tally::Tally;
use crate::store::{Record, Snapshot, SnapshotHead, StoreError, StoreFuture, StoreId, StoreKey, snapshot_head};

/// Keys and values, as they are written.
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// How many records are read at a time.
const CHUNK: usize = 512;
/// What may be kept for one copy: more, and it is given up, not the gateway's memory.
const KEPT_BYTES: usize = 128 << 20;

/// What the writer and the copy that is being read know of each other.
pub(super) struct Copies {
    /// Held by the writer while it writes, and while a copy begins.
    turn: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    revision: u64,
    tally: Tally,
    running: Option<Running>,
    /// Tells the present copy from one before it.
    number: u64,
}

#[derive(Default)]
struct Running {
    /// The last key that the copy is done with.
    passed: Vec<u8>,
    /// What was there when it began, of records that were written since.
    kept: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Copies {
    pub(super) fn new(point: &Point, tally: &Tally) -> Self {
        let state = State { revision: point.revision, tally: *tally, running: None, number: 0 };
        Self { turn: Mutex::new(()), state: Mutex::new(state) }
    }

    /// For the writer, from before it keeps until after it has advanced.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before `ops` are written in place of `replaced`.
    pub(super) fn keep(&self, ops: &[Op], replaced: &[Option<Vec<u8>>]) {
        let mut state = self.lock();
        let Some(running) = &mut state.running else { return };
        for ((key, _), old) in ops.iter().zip(replaced) {
            if *key > running.passed && !running.kept.contains_key(key) {
                running.bytes += key.len() + old.as_ref().map_or(0, Vec::len);
                running.kept.insert(key.clone(), old.clone());
            }
        }
        if running.bytes > KEPT_BYTES {
            tracing::warn!("a copy of the store is given up: too much was changed while it was read");
            state.running = None;
        }
    }

    /// After they were written.
    pub(super) fn advance(&self, point: &Point, tally: &Tally) {
        let mut state = self.lock();
        (state.revision, state.tally) = (point.revision, *tally);
    }

    /// Begins a copy of what is there now.
    fn begin(&self, key: &StoreKey, store: StoreId) -> Result<(SnapshotHead, u64), StoreError> {
        let _turn = self.turn();
        let mut state = self.lock();
        if state.running.is_some() {
            return Err(StoreError::Copying);
        }
        state.number += 1;
        state.running = Some(Running::default());
        Ok((snapshot_head(key, store, Revision(state.revision), &state.tally), state.number))
    }

    fn end(&self, number: u64) {
        let mut state = self.lock();
        if state.number == number {
            state.running = None;
        }
    }

    fn passed(&self, number: u64) -> Result<Vec<u8>, StoreError> {
        let state = self.lock();
        let running = state.running.as_ref().filter(|_| state.number == number);
        running.map(|running| running.passed.clone()).ok_or_else(given_up)
    }

    /// Puts what was kept into a chunk that was read from the tree, and counts it as passed. `last`:
    /// nothing follows in the tree.
    fn merge(&self, number: u64, read: Entries, last: bool) -> Result<Entries, StoreError> {
        let mut state = self.lock();
        let current = state.number == number;
        let running = state.running.as_mut().filter(|_| current).ok_or_else(given_up)?;
        let Some(end) = read.last().map(|(key, _)| key.clone()).or_else(|| last.then(Vec::new)) else {
            return Ok(read);
        };
        let mut chunk: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            read.into_iter().map(|(key, value)| (key, Some(value))).collect();
        let later = if last { BTreeMap::new() } else { split_after(&mut running.kept, &end) };
        chunk.append(&mut running.kept);
        running.kept = later;
        if let Some((key, _)) = chunk.last_key_value() {
            running.passed = key.clone();
        }
        Ok(chunk.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lies after `key`, taken out.
fn split_after<V>(map: &mut BTreeMap<Vec<u8>, V>, key: &[u8]) -> BTreeMap<Vec<u8>, V> {
    let next: Option<Vec<u8>> =
        map.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next().map(|(key, _)| key.clone());
    next.map_or_else(BTreeMap::new, |next| map.split_off(&next))
}

fn given_up() -> StoreError {
    StoreError::Unavailable("the copy was given up: too much was changed while it was read; try again".to_owned())
}

/// A copy that is being read.
pub(super) struct Copy {
    head: SnapshotHead,
    number: u64,
    copies: Arc<Copies>,
    readers: Readers<Engine>,
    done: bool,
}

impl Copy {
    pub(super) fn begin(
        copies: &Arc<Copies>,
        readers: Readers<Engine>,
        key: &StoreKey,
        store: StoreId,
    ) -> Result<Self, StoreError> {
        let (head, number) = copies.begin(key, store)?;
        Ok(Self { head, number, copies: Arc::clone(copies), readers, done: false })
    }
}

impl Snapshot for Copy {
    fn head(&self) -> &SnapshotHead {
        &self.head
    }

    fn next(&mut self) -> StoreFuture<'_, Result<Vec<Record>, StoreError>> {
        let (copies, number) = (Arc::clone(&self.copies), self.number);
        Box::pin(async move {
            // A chunk can be empty before the end: all of it may be newer than the copy.
            while !self.done {
                let copies = Arc::clone(&copies);
                let (chunk, last) = self.readers.ask(move |engine| chunk(engine, &copies, number)).await?;
                self.done = last;
                if !chunk.is_empty() {
                    return Ok(chunk);
                }
            }
            self.copies.end(number);
            Ok(Vec::new())
        })
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.copies.end(self.number);
    }
}

/// The next records, and whether they are the last.
fn chunk(engine: &Engine, copies: &Copies, number: u64) -> Result<(Vec<Record>, bool), StoreError> {
    let passed = copies.passed(number)?;
    let mut read = Vec::with_capacity(CHUNK);
    let mut rest = engine.tokens.db().range((Bound::Excluded(passed), Bound::Unbounded));
    let last = loop {
        let Some(entry) = rest.next() else { break true };
        let (key, value) = entry.map_err(|error| failed("list of records", error))?;
        if key.first().is_some_and(|kind| record::KINDS.contains(kind)) {
            read.push((key.to_vec(), value.to_vec()));
            if read.len() == CHUNK {
                break false;
            }
        }
    };
    let merged = copies.merge(number, read, last)?;
    let records = merged.into_iter().map(|(key, value)| decode(engine, &key, &value));
    Ok((records.collect::<Result<_, _>>()?, last))
}

fn decode(engine: &Engine, key: &[u8], value: &[u8]) -> Result<Record, StoreError> {
    let wrong = |problem| damaged(name(key), problem);
    match key.first() {
        Some(&record::ACCOUNT) => return Ok(Record::Account(Stored::decode(value).map_err(wrong)?)),
        Some(&record::NOTE) => return Ok(Record::Note(Stored::decode(value).map_err(wrong)?)),
        Some(&record::USER) => return Ok(Record::User(Stored::decode(value).map_err(wrong)?)),
        _ => {}
    }
    let token: crate::model::Token = Stored::decode(value).map_err(wrong)?;
    let usage = engine.usage.get(token.id).unwrap_or_default();
    Ok(Record::Token(token, usage))
}
