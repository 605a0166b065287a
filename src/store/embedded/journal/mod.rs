//! The journal: every group of commits in the order in which they were made, durable before the tree
//! hears of them.
//!
//! It lies in segments of [`SEGMENT`] bytes; the oldest goes when there are more than [`SEGMENTS`]. Put
//! over a tree that lost its newest changes (or over an older backup), it makes up for them, and for
//! revocations above all.

mod frame;
mod read;
mod segment;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub(super) use self::frame::{Frame, Op};
pub(super) use self::read::Contents;
use self::segment::Header;
use super::point::Point;
use crate::store::StoreId;
use crate::store::StoreKey;

/// After so many bytes a segment is ended, and how many are kept: about 150,000 changes.
const SEGMENT: u64 = 16 << 20;
const SEGMENTS: usize = 4;

/// The writing side. Only what [`Journal::append`] returned from is in it.
pub(super) struct Journal {
    directory: PathBuf,
    key: StoreKey,
    store: StoreId,
    file: File,
    length: u64,
    /// Of the last frame: each frame's check covers the one before it.
    check: [u8; 16],
    segment: u64,
}

impl Journal {
    /// Begins a segment after `base`; what the directory holds already is left as it is.
    pub(super) fn begin(directory: &Path, key: StoreKey, store: StoreId, base: &Point) -> io::Result<Self> {
        let (file, length, check) = segment::create(directory, &key, store, base)?;
        Ok(Self { directory: directory.to_owned(), key, store, file, length, check, segment: SEGMENT })
    }

    /// Goes on behind the last whole frame of what was read; the torn rest of the last write goes.
    pub(super) fn resume(directory: &Path, key: StoreKey, store: StoreId, contents: &Contents) -> io::Result<Self> {
        let Some(last) = contents.tail() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the journal has no segment to go on with"));
        };
        let file = File::options().read(true).write(true).open(&last.path)?;
        if file.metadata()?.len() != last.length {
            file.set_len(last.length)?;
            file.sync_data()?;
        }
        let (length, check) = (last.length, last.check);
        Ok(Self { directory: directory.to_owned(), key, store, file, length, check, segment: SEGMENT })
    }

    /// Durable when it returns. After an error nothing of the frame is left, unless the error's
    /// removal failed too.
    pub(super) fn append(&mut self, frame: &Frame<'_>) -> Result<(), AppendError> {
        if self.length >= self.segment {
            self.roll(frame.before).map_err(|error| AppendError::new(error, true))?;
        }
        let (bytes, check) = frame.encode(&self.key, &self.check);
        if let Err(error) = self.file.write_all_at(&bytes, self.length) {
            let taken_back = self.file.set_len(self.length).is_ok();
            return Err(AppendError::new(error, taken_back));
        }
        // After a failed sync nobody knows what the disk has.
        self.file.sync_data().map_err(|error| AppendError::new(error, false))?;
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.check = check;
        Ok(())
    }

    fn roll(&mut self, base: &Point) -> io::Result<()> {
        let (file, length, check) = segment::create(&self.directory, &self.key, self.store, base)?;
        (self.file, self.length, self.check) = (file, length, check);
        let names = segment::names(&self.directory)?;
        for old in names.iter().take(names.len().saturating_sub(SEGMENTS)) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    #[cfg(test)]
    fn set_segment(&mut self, bytes: u64) {
        self.segment = bytes;
    }
}

/// Begins anew after `base`, and removes what was there before: it has a hole, or ends too early.
pub(super) fn replace(directory: &Path, key: StoreKey, store: StoreId, base: &Point) -> io::Result<Journal> {
    super::directory::create(directory)?;
    let old = segment::names(directory)?;
    let journal = Journal::begin(directory, key, store, base)?;
    let new = segment::path(directory, base);
    for path in old.into_iter().filter(|path| *path != new) {
        fs::remove_file(path)?;
    }
    Ok(journal)
}

/// Reads what is there; damage ends what can be used, and is told. A journal that is gone is like one
/// that holds nothing.
pub(super) fn read(directory: &Path, key: &StoreKey, store: StoreId) -> io::Result<Contents> {
    match read::read(directory, key, store) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::none(key)),
        other => other,
    }
}

/// A frame that did not get into the journal.
#[derive(Debug)]
pub(super) struct AppendError {
    pub(super) error: io::Error,
    /// Nothing of it is left, so that the next one can be tried.
    pub(super) harmless: bool,
}

impl AppendError {
    /// Only want of room is an error that passes.
    fn new(error: io::Error, taken_back: bool) -> Self {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        Self { harmless: taken_back && full, error }
    }
}

/// The header of a segment that can be read.
fn header(bytes: &[u8], key: &StoreKey, store: StoreId) -> Option<Header> {
    segment::decode(bytes, key).filter(|header| header.store == store)
}

#[cfg(test)]
mod tests;
