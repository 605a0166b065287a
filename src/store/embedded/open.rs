//! Opening: takes the directory, opens both databases, and refuses whatever does not look as it was
//! left. A store is never begun anew where there was one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::directory::Directory;
use super::disk::{self, Disk};
use super::error::OpenError;
use super::tokens::TokenTree;
use super::usage::UsageTree;
use super::{Engine, SledOptions, keys};
use crate::model::Revision;
use crate::store::StoreError;

/// The layout that is written today, kept under [`keys::SCHEMA`].
const SCHEMA: u64 = 1;

/// sled gives up its lock a moment after its last handle is gone.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const LOCK_TRIES: usize = 300;

/// A store that is open and whose records may be served.
pub(super) struct Opened {
    pub(super) directory: Directory,
    pub(super) engine: Arc<Engine>,
    pub(super) disk: Disk,
    pub(super) revision: Revision,
}

/// Opens in a thread of its own: sled may panic on damaged files, and must not take the caller along.
pub(super) fn open(options: SledOptions) -> Result<Opened, OpenError> {
    let path = options.path.clone();
    let opening = thread::Builder::new()
        .name("store-open".to_owned())
        .spawn(move || catch_unwind(AssertUnwindSafe(|| open_here(&options))))
        .map_err(|error| OpenError::io(&path, error))?;
    match opening.join() {
        Ok(Ok(opened)) => opened,
        Ok(Err(_)) | Err(_) => Err(OpenError::Damaged { path, problem: "the database panicked".to_owned() }),
    }
}

fn open_here(options: &SledOptions) -> Result<Opened, OpenError> {
    let directory = Directory::own(&options.path)?;
    let path = directory.path();
    let filled = directory.was_filled().map_err(|error| OpenError::io(path, error))?;
    let (tokens, usage) = (directory.tokens(), directory.usage());
    if filled && !disk::log(&tokens).exists() {
        return Err(damaged(path, "the file tokens/db is gone"));
    }

    let share = options.cache_bytes / 8;
    let tokens_db = database(&tokens, options.cache_bytes - share, |problem| damaged(path, problem))?;
    let usage_db = database(&usage, share, |problem| OpenError::UsageDamaged { path: usage.clone(), problem })?;
    let engine = Arc::new(Engine { tokens: TokenTree::new(tokens_db), usage: UsageTree::new(usage_db) });
    let disk = Disk::open(&tokens).map_err(|error| OpenError::io(&tokens, error))?;

    let revision = match meta(&engine, path, keys::SCHEMA)? {
        Some(schema) => check(&engine, options, path, &schema)?,
        None if filled => return Err(damaged(path, "it was filled once, and its records are gone")),
        None if !engine.tokens.is_empty() => {
            return Err(damaged(path, "it has records, but the one that says in which format is gone"));
        }
        None => begin(&engine, options, path)?,
    };
    if !filled {
        settle(&engine, &disk, &directory).map_err(|error| OpenError::io(path, error))?;
    }
    Ok(Opened { directory, engine, disk, revision })
}

/// Waits for the lock of a handle that is being dropped, but not for a process that keeps it.
fn database(path: &Path, cache: u64, damage: impl Fn(String) -> OpenError) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new().path(path).cache_capacity(cache);
    let mut tries = 0;
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) if is_lock(&error) => {
                if tries == LOCK_TRIES {
                    return Err(OpenError::Held { path: path.to_owned(), pid: None });
                }
                tries += 1;
                thread::sleep(LOCK_PAUSE);
            }
            Ok(Err(sled::Error::Io(error))) => return Err(OpenError::io(path, error)),
            Ok(Err(error)) => return Err(damage(error.to_string())),
            Err(_) => return Err(damage("the database panicked while reading it".to_owned())),
        }
    }
}

/// sled gives its lock no kind of its own, only this text.
fn is_lock(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// The facts that a new store starts with.
fn begin(engine: &Engine, options: &SledOptions, path: &Path) -> Result<Revision, OpenError> {
    let pepper = pepper_mark(options);
    let facts: [(&[u8], &[u8]); 3] = [
        (keys::SCHEMA, &SCHEMA.to_be_bytes()),
        (keys::PEPPER, pepper.as_bytes()),
        (keys::REVISION, &0u64.to_be_bytes()),
    ];
    engine.tokens.set_meta(&facts).map_err(|error| sled_error(path, error))?;
    Ok(Revision(0))
}

/// Refuses a store of a later version or another pepper; its last revision otherwise.
fn check(engine: &Engine, options: &SledOptions, path: &Path, schema: &[u8]) -> Result<Revision, OpenError> {
    let found = number(path, schema)?;
    if found != SCHEMA {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: SCHEMA });
    }
    let pepper = required(engine, path, keys::PEPPER)?;
    let pepper: [u8; 32] = pepper.try_into().map_err(|_| damaged(path, "its mark of the pepper is cut short"))?;
    if pepper_mark(options) != blake3::Hash::from_bytes(pepper) {
        return Err(OpenError::WrongPepper { path: path.to_owned() });
    }
    number(path, &required(engine, path, keys::REVISION)?).map(Revision)
}

/// Makes a new store durable down to the names of its files.
fn settle(engine: &Engine, disk: &Disk, directory: &Directory) -> std::io::Result<()> {
    engine.tokens.flush()?;
    disk.sync()?;
    disk::sync_files(&directory.tokens())?;
    disk::sync_files(&directory.usage())?;
    directory.set_filled()
}

/// A hash of the caller's value, so that what lies in the store is of no use as a key elsewhere.
fn pepper_mark(options: &SledOptions) -> blake3::Hash {
    blake3::keyed_hash(&options.pepper_check, b"keygate store pepper mark v1")
}

fn required(engine: &Engine, path: &Path, key: &'static [u8]) -> Result<Vec<u8>, OpenError> {
    let name = String::from_utf8_lossy(key);
    meta(engine, path, key)?.ok_or_else(|| damaged(path, format!("its record {name} is gone")))
}

fn meta(engine: &Engine, path: &Path, key: &'static [u8]) -> Result<Option<Vec<u8>>, OpenError> {
    engine.tokens.meta(key).map_err(|error| match error {
        StoreError::Damaged { record, problem } => damaged(path, format!("record {record}: {problem}")),
        other => OpenError::Io { path: path.to_owned(), error: std::io::Error::other(other) },
    })
}

fn number(path: &Path, value: &[u8]) -> Result<u64, OpenError> {
    value.try_into().map(u64::from_be_bytes).map_err(|_| damaged(path, "a number about the store is cut short"))
}

fn sled_error(path: &Path, error: sled::Error) -> OpenError {
    match error {
        sled::Error::Io(error) => OpenError::io(path, error),
        other => damaged(path, other.to_string()),
    }
}

fn damaged(path: &Path, problem: impl Into<String>) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), problem: problem.into() }
}
