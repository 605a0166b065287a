//! A store of format 1 becomes one of today's: its records are copied into a generation as they are.
//!
//! Format 1 had its one tree in `tokens/`, with an index by digest (`h`) and one by account (`a`) beside
//! the records, which today are kept in memory, and no anchor. What it can be checked for is checked:
//! that every token is in the index by digest, and that there is nothing in the index besides.

use std::fs;

use super::anchor::{self, Anchor};
use super::builder::Builder;
use super::directory::Directory;
use super::error::OpenError;
use super::marker::{self, Marker, pepper_mark};
use super::tokens::{damaged, failed};
use super::{SledOptions, database, disk, keys, open};
use crate::store::StoreId;
use crate::store::record::unseal;
use crate::store::{StoreError, StoreKey};

/// Its keys for facts about the store itself.
const SCHEMA: &[u8] = b"m/schema";
const PEPPER: &[u8] = b"m/pepper";
const DIGESTS: u8 = b'h';

/// The old records stay where they are until the new ones are the store's.
pub(super) fn upgrade(options: &SledOptions, directory: &Directory, key: &StoreKey) -> Result<(), OpenError> {
    let path = directory.path();
    let io = |error| OpenError::io(path, error);
    let old = directory.format_1();
    if !disk::log(&old).exists() {
        return Err(OpenError::damaged(path, "the file tokens/db is gone"));
    }
    tracing::info!(event = "store_upgrade", store = %path.display(), "the store has an older format and is copied into today's");
    let db = database::open(&old, options.cache_bytes, |problem| OpenError::damaged(path, problem))?;
    check(&db, options)?;
    let revision = fact(&db, keys::REVISION).and_then(number).map_err(|error| OpenError::unread(path, error))?;
    if let anchor::Found::Anchored { point, .. } = open::read_anchor(options, key)?
        && point.revision > revision
    {
        // It was upgraded before, and this is a copy from before that.
        return Err(OpenError::RolledBack { path: path.to_owned(), found: revision, acknowledged: point.revision });
    }
    for left in directory.generations().map_err(io)? {
        left.remove().map_err(io)?;
    }
    let mut builder = Builder::create(path, directory.generation(1), key.clone(), options.cache_bytes)?;
    let copied = copy(&db, &mut builder);
    drop(db);
    database::wait_until_closed(&old);
    if let Err(error) = copied {
        builder.discard().map_err(io)?;
        return Err(OpenError::unread(path, error));
    }
    let store = StoreId::fresh();
    let point = builder.finish(store, revision).map_err(io)?;
    Anchor::create(&options.anchor, key.clone(), store, &point)
        .map_err(|error| OpenError::Anchor { anchor: options.anchor.clone(), error })?;
    marker::write(path, key, &Marker { store, generation: 1, pepper: pepper_mark(key) }).map_err(io)?;
    fs::remove_dir_all(&old).map_err(io)?;
    disk::sync_directory(path).map_err(io)
}

fn check(db: &sled::Db, options: &SledOptions) -> Result<(), OpenError> {
    let path = &options.path;
    let unread = |error| OpenError::unread(path, error);
    let found = fact(db, SCHEMA).and_then(number).map_err(unread)?;
    if found != 1 {
        return Err(OpenError::damaged(path, format!("it says to be of format 1 and of format {found}")));
    }
    let mark = blake3::keyed_hash(&options.secret, b"keygate store pepper mark v1");
    if fact(db, PEPPER).map_err(unread)? != mark.as_bytes() {
        return Err(OpenError::WrongPepper { path: path.clone() });
    }
    Ok(())
}

fn copy(db: &sled::Db, builder: &mut Builder) -> Result<(), StoreError> {
    builder.copy(db)?;
    let indexed = db.range(keys::bounds(DIGESTS)).filter(Result::is_ok).count() as u64;
    let tokens = builder.tally().tokens;
    if indexed == tokens {
        return Ok(());
    }
    Err(damaged("index by digest", format_args!("it has {indexed} tokens, and there are {tokens}")))
}

fn fact(db: &sled::Db, key: &'static [u8]) -> Result<Vec<u8>, StoreError> {
    let name = String::from_utf8_lossy(key);
    let value = db.get(key).map_err(|error| failed(&name, error))?;
    let value = value.ok_or_else(|| damaged(&name, "it is gone"))?;
    unseal(&value).map(<[u8]>::to_vec).map_err(|problem| damaged(name, problem))
}

fn number(bytes: Vec<u8>) -> Result<u64, StoreError> {
    let bytes = bytes[..].try_into().map_err(|_| damaged("of a number", "it is cut short"))?;
    Ok(u64::from_be_bytes(bytes))
}
