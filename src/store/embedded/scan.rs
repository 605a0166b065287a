//! Reading every record of a tree once: what they come to, and the index over them.
//!
//! Two threads share the tokens, half of the range of ids each. Nothing is taken from a tree whose
//! records could not all be read.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::index::{Index, Taken};
use super::keys;
use super::outline::Outline;
use super::tokens::{damaged, failed, name};
use crate::model::{AccountId, TokenId};
use crate::store::record::{self, indexed};
use crate::store::tally::Tally;
use crate::store::{StoreError, StoreKey};

/// What was found.
pub(super) struct Scan {
    pub(super) tally: Tally,
    pub(super) index: Index,
}

#[derive(Default)]
struct Part {
    tally: Tally,
    /// In the order of their ids.
    of_accounts: HashMap<AccountId, Vec<(TokenId, Outline)>>,
}

/// Reads all records of `db`.
pub(super) fn scan(db: &sled::Db, key: &StoreKey) -> Result<Scan, StoreError> {
    let index = Index::new();
    let half = half(db)?;
    let (low, high) = (keys::bounds(record::TOKEN).start.to_vec(), keys::bounds(record::TOKEN).end.to_vec());
    let halves = [(low, half.clone()), (half, high)];
    let parts: Vec<Result<Part, StoreError>> = thread::scope(|scope| {
        let threads = halves.map(|(from, to)| {
            let index = &index;
            scope.spawn(move || guarded(|| tokens(db, key, index, from, to)))
        });
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    let mut tally = guarded(|| others(db, key))?;
    for part in parts {
        let part = part?;
        tally = tally.and(part.tally);
        for (account, tokens) in part.of_accounts {
            index.add_tokens(account, tokens);
        }
    }
    Ok(Scan { tally, index })
}

/// A key in the middle between the first and the last token's.
fn half(db: &sled::Db) -> Result<Vec<u8>, StoreError> {
    let mut ends = db.range(keys::bounds(record::TOKEN));
    let id = |entry: Option<sled::Result<(sled::IVec, sled::IVec)>>| {
        let key = entry.transpose().map_err(|error| failed("list of tokens", error))?.map(|(key, _)| key);
        Ok::<_, StoreError>(key.and_then(|key| key.get(1..)?.try_into().ok()).map(u128::from_be_bytes))
    };
    let first = guarded(|| id(ends.next()))?.unwrap_or(0);
    let last = guarded(|| id(ends.next_back()))?.unwrap_or(first);
    Ok(record::token_key(TokenId::from_bytes((first + (last - first.min(last)) / 2).to_be_bytes())).to_vec())
}

fn tokens(db: &sled::Db, key: &StoreKey, index: &Index, from: Vec<u8>, to: Vec<u8>) -> Result<Part, StoreError> {
    let mut part = Part::default();
    for entry in db.range(from..to) {
        let (name_of, value) = entry.map_err(|error| failed("list of tokens", error))?;
        part.tally.add(key, &name_of, &value);
        let id = name_of.get(1..).and_then(|id| id.try_into().ok()).map(TokenId::from_bytes);
        let id = id.ok_or_else(|| damaged(name(&name_of), "its key is cut short"))?;
        let found = indexed(&value).map_err(|problem| damaged(id, problem))?;
        for digest in found.digests() {
            index
                .add_digest(&digest, id)
                .map_err(|Taken(other)| damaged(id, format_args!("it has a digest of {other}")))?;
        }
        part.of_accounts.entry(found.account).or_default().push((id, Outline::of(&found.traits)));
    }
    Ok(part)
}

/// Every record that is no token's.
fn others(db: &sled::Db, key: &StoreKey) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let kinds = record::KINDS.into_iter().filter(|kind| *kind != record::TOKEN);
    for entry in kinds.flat_map(|kind| db.range(keys::bounds(kind))) {
        let (name, value) = entry.map_err(|error| failed("list of accounts and users", error))?;
        tally.add(key, &name, &value);
    }
    Ok(tally)
}

/// sled may panic on what it cannot read.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> StoreError {
    StoreError::Unavailable("the database panicked while it was read".to_owned())
}
