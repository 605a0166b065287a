//! Opening: takes the directory, proves what is in it, and refuses whatever is not all that was
//! acknowledged. A store is never begun anew where there was one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::anchor::{self, Anchor};
use super::builder::Builder;
use super::directory::Directory;
use super::disk::Disk;
use super::error::OpenError;
use super::journal::{self, Journal};
use super::marker::{self, Marker, pepper_mark};
use super::point::Point;
use super::recover::{Place, Proven};
use super::space::{Space, snapshot_size};
use super::usage::UsageTree;
use super::{Engine, SledOptions, database, upgrade};
use crate::store::StoreId;
use crate::store::tally::Tally;
use crate::store::{StoreKey, Summary};

/// A store that is open and whose records may be served.
pub(super) struct Opened {
    pub(super) directory: Directory,
    pub(super) generation: super::directory::Generation,
    pub(super) engine: Arc<Engine>,
    pub(super) ledger: Ledger,
    pub(super) summary: Summary,
}

/// What the writer keeps up with each change, in this order: journal, tree, anchor.
pub(super) struct Ledger {
    pub(super) key: StoreKey,
    pub(super) store: StoreId,
    pub(super) journal: Journal,
    pub(super) disk: Disk,
    pub(super) anchor: Anchor,
    pub(super) tally: Tally,
    pub(super) point: Point,
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
        Ok(Err(_)) | Err(_) => Err(OpenError::damaged(&path, "the database panicked")),
    }
}

fn open_here(options: &SledOptions) -> Result<Opened, OpenError> {
    let key = options.key();
    not_gone(options, &key)?;
    let directory = Directory::own(&options.path)?;
    let path = directory.path();
    let space = space(&directory)?;
    upgrade_if_old(options, &directory, &key)?;
    let (marker, acknowledged) = match identify(options, &directory, &key)? {
        Some(known) => known,
        None => begin(options, &directory, &key)?,
    };
    let generation = directory.generation(marker.generation);
    let cache = options.cache_bytes - options.cache_bytes / 8;
    let place = Place { path, generation: &generation, marker: &marker, key: &key, cache };
    let Proven { tokens, tally, point, journal, healed } = place.prove(&acknowledged)?;
    let io = |error| OpenError::io(path, error);
    let store = marker.store;
    let journal = match journal {
        Some(contents) => Journal::resume(&generation.journal(), key.clone(), store, &contents).map_err(io)?,
        None => journal::replace(&generation.journal(), key.clone(), store, &point).map_err(io)?,
    };
    let disk = Disk::open(&generation.tokens()).map_err(io)?;
    let anchor = Anchor::create(&options.anchor, key.clone(), store, &point)
        .map_err(|error| OpenError::Anchor { anchor: options.anchor.clone(), error })?;
    let usage = usage(&directory, options.cache_bytes / 8)?;
    remove_unfinished(&directory, marker.generation);
    if let Some(healed) = &healed {
        tracing::warn!(event = "store_healed", store = %path.display(), "{healed}: the store is complete again");
    }
    let summary = Summary { healed, ..point.summary() };
    let ledger = Ledger { key, store, journal, disk, anchor, tally, point };
    space.reserve();
    let engine = Arc::new(Engine { tokens, usage, space: Arc::new(space) });
    Ok(Opened { directory, generation, engine, ledger, summary })
}

/// Before a directory is made where there was a store.
fn not_gone(options: &SledOptions, key: &StoreKey) -> Result<(), OpenError> {
    let path = &options.path;
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    match read_anchor(options, key)? {
        anchor::Found::Anchored { point, .. } if point.revision > 0 => {
            Err(OpenError::Gone { path: path.clone(), anchor: options.anchor.clone(), tokens: point.tokens })
        }
        _ => Ok(()),
    }
}

/// Before any database is opened.
pub(super) fn space(directory: &Directory) -> Result<Space, OpenError> {
    let path = directory.path();
    let io = |error| OpenError::io(path, error);
    let databases = directory.generations().map_err(io)?.into_iter().map(|generation| generation.tokens());
    let databases = databases.chain([directory.format_1(), directory.usage()]);
    let space = Space::of(path, databases.map(|database| snapshot_size(&database)).max().unwrap_or(0));
    let enough = space.prepare().map_err(io)?;
    enough.map_err(|(free, needed)| OpenError::Full { path: path.to_owned(), free, needed })?;
    Ok(space)
}

/// The store that is here, and what was acknowledged of it; `None` where there was never one.
fn identify(
    options: &SledOptions,
    directory: &Directory,
    key: &StoreKey,
) -> Result<Option<(Marker, Point)>, OpenError> {
    let path = directory.path();
    let found = marker::read(path, key).map_err(|error| OpenError::io(path, error))?;
    let marker = match found {
        marker::Found::Marker(marker) => marker,
        marker::Found::Later(found) => {
            return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: marker::FORMAT });
        }
        marker::Found::Unreadable(problem) => {
            return Err(OpenError::damaged(path, format!("its file keygate.store cannot be read: {problem}")));
        }
        marker::Found::Nothing | marker::Found::Format1 => return never_filled(options, directory, key).map(|()| None),
    };
    let anchored = read_anchor(options, key)?;
    if marker.pepper != pepper_mark(key) {
        // An anchor that this pepper reads: then it is the marker that is wrong.
        return Err(match anchored {
            anchor::Found::Anchored { .. } => {
                OpenError::damaged(path, "its file keygate.store and its anchor are of two peppers")
            }
            _ => OpenError::WrongPepper { path: path.to_owned() },
        });
    }
    match anchored {
        anchor::Found::Anchored { store, point } if store == marker.store => Ok(Some((marker, point))),
        other => Err(unanchored(options, &other)),
    }
}

/// Where there is no marker, nothing may tell of a store either. An anchor at revision 0 is what an
/// interrupted beginning leaves: nothing was acknowledged.
fn never_filled(options: &SledOptions, directory: &Directory, key: &StoreKey) -> Result<(), OpenError> {
    let path = directory.path();
    match read_anchor(options, key)? {
        anchor::Found::Anchored { point, .. } if point.revision == 0 => Ok(()),
        anchor::Found::Anchored { .. } if holds_records(directory) => Err(marker_gone(path)),
        anchor::Found::Anchored { point, .. } => {
            Err(OpenError::Gone { path: path.to_owned(), anchor: options.anchor.clone(), tokens: point.tokens })
        }
        found @ anchor::Found::Unreadable => Err(unanchored(options, &found)),
        anchor::Found::Nothing if holds_records(directory) => Err(marker_gone(path)),
        anchor::Found::Nothing => Ok(()),
    }
}

/// What cannot be looked at counts as something that is there.
fn holds_records(directory: &Directory) -> bool {
    directory.format_1().exists() || directory.generations().is_ok_and(|found| !found.is_empty())
}

fn marker_gone(path: &Path) -> OpenError {
    OpenError::damaged(path, "its file keygate.store is gone")
}

/// A new store: anchored first, so that from its first change on nothing of it can be lost unnoticed.
fn begin(options: &SledOptions, directory: &Directory, key: &StoreKey) -> Result<(Marker, Point), OpenError> {
    let path = directory.path();
    let io = |error| OpenError::io(path, error);
    let store = StoreId::fresh();
    let point = Point::of(key, store, 0, &Tally::default());
    Anchor::create(&options.anchor, key.clone(), store, &point)
        .map_err(|error| OpenError::Anchor { anchor: options.anchor.clone(), error })?;
    for left in directory.generations().map_err(io)? {
        left.remove().map_err(io)?;
    }
    let generation = directory.generation(1);
    Builder::create(path, generation, key.clone(), options.cache_bytes)?.finish(store, 0).map_err(io)?;
    let marker = Marker { store, generation: 1, pepper: pepper_mark(key) };
    marker::write(path, key, &marker).map_err(io)?;
    Ok((marker, point))
}

/// A store of format 1 becomes one of today's.
pub(super) fn upgrade_if_old(options: &SledOptions, directory: &Directory, key: &StoreKey) -> Result<(), OpenError> {
    let path = directory.path();
    match marker::read(path, key).map_err(|error| OpenError::io(path, error))? {
        marker::Found::Format1 => upgrade::upgrade(options, directory, key),
        _ => Ok(()),
    }
}

fn usage(directory: &Directory, cache: u64) -> Result<UsageTree, OpenError> {
    let path = directory.usage();
    super::directory::create(&path).map_err(|error| OpenError::io(&path, error))?;
    let damage = |problem| OpenError::UsageDamaged { path: path.clone(), problem };
    let database = match database::open(&path, cache, damage) {
        Err(OpenError::UsageDamaged { problem, .. }) => {
            set_aside(&path, &problem)?;
            database::open(&path, cache, damage)?
        }
        other => other?,
    };
    super::disk::sync_files(&path).map_err(|error| OpenError::io(&path, error))?;
    Ok(UsageTree::new(database))
}

/// Counts are for insight, and no reason to refuse a start.
fn set_aside(usage: &Path, problem: &str) -> Result<(), OpenError> {
    let aside = usage.with_extension("damaged");
    tracing::warn!(
        event = "usage_damaged",
        problem,
        "the counts of use are damaged and begin anew; what is left of them is in {}",
        aside.display()
    );
    let moved = match std::fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::rename(usage, &aside),
    };
    moved.and_then(|()| super::directory::create(usage)).map_err(|error| OpenError::io(usage, error))
}

/// What a rebuild or an upgrade left that did not come to its end.
fn remove_unfinished(directory: &Directory, present: u64) {
    if directory.format_1().exists()
        && let Err(error) = std::fs::remove_dir_all(directory.format_1())
    {
        tracing::warn!(%error, "{} is left from an older format, and could not be removed", directory.format_1().display());
    }
    for generation in directory.generations().unwrap_or_default() {
        if generation.number > present
            && let Err(error) = generation.remove()
        {
            tracing::warn!(%error, "{} is left from an unfinished restore, and could not be removed", generation.path.display());
        }
    }
}

pub(super) fn read_anchor(options: &SledOptions, key: &StoreKey) -> Result<anchor::Found, OpenError> {
    anchor::read(&options.anchor, key).map_err(|error| OpenError::io(&options.anchor, error))
}

/// Why the anchor is none of the store's.
pub(super) fn unanchored(options: &SledOptions, found: &anchor::Found) -> OpenError {
    let what = match found {
        anchor::Found::Nothing => "gone",
        anchor::Found::Anchored { .. } => "the anchor of another store",
        anchor::Found::Unreadable => "damaged, or of another pepper",
    };
    OpenError::Unanchored { path: options.path.clone(), anchor: options.anchor.clone(), what }
}

/// Opens as a start does, and says what is there.
pub(super) fn verify(options: SledOptions) -> Result<Summary, OpenError> {
    let opened = open(options)?;
    let Opened { directory, generation, engine, summary, .. } = opened;
    drop(engine);
    database::wait_until_closed(&generation.tokens());
    database::wait_until_closed(&directory.usage());
    Ok(summary)
}
