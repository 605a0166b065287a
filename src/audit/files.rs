//! The log's directory: one process has it, and its segments are named by their first line.
//!
//! ```text
//! audit.lock                         locked by the process that writes
//! audit-00000000000000000001.jsonl   a segment; the last one is written
//! reserve                            room for what must not wait, on a full disk
//! ```

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "audit-";
const SUFFIX: &str = ".jsonl";
const LOCK: &str = "audit.lock";
pub(super) const RESERVE: &str = "reserve";

/// A segment's file, and the number of its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

/// The directory, as long as it is this process's own.
#[derive(Debug)]
pub(super) struct Owned {
    lock: File,
}

impl Segment {
    pub(super) fn new(directory: &Path, first: u64) -> Self {
        Self { first, path: directory.join(format!("{PREFIX}{first:020}{SUFFIX}")) }
    }

    pub(super) fn of(path: &Path) -> Option<Self> {
        let digits = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { first: digits.parse().ok().filter(|_| is_number)?, path: path.to_owned() })
    }

    /// Empty, its name durable.
    pub(super) fn create(&self) -> io::Result<File> {
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&self.path)?;
        file.sync_all()?;
        if let Some(directory) = self.path.parent() {
            sync_directory(directory)?;
        }
        Ok(file)
    }
}

/// Every segment in the directory, in order; none where there is no directory.
pub(super) fn segments(directory: &Path) -> io::Result<Vec<Segment>> {
    let entries = match directory.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(Segment::of(&entry?.path()));
    }
    found.sort_by_key(|segment| segment.first);
    Ok(found)
}

/// Makes the directory where it is absent, and takes it for this process; `None`: another one has it.
pub(super) fn own(directory: &Path) -> io::Result<Option<Owned>> {
    create(directory)?;
    let path = directory.join(LOCK);
    let lock = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(Owned { lock })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a process has the directory.
pub(super) fn is_owned(directory: &Path) -> bool {
    let Ok(lock) = File::open(directory.join(LOCK)) else { return false };
    // A lock that is had here is let go with the handle.
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn create(path: &Path) -> io::Result<()> {
    if path.metadata().is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    let path = std::path::absolute(path)?;
    let missing = path.ancestors().take_while(|ancestor| !ancestor.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
    path.ancestors().take(missing + 1).try_for_each(sync_directory)
}

/// Makes the names in the directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl Drop for Owned {
    /// In so many words: a child process that is being started may still share the handle.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}
