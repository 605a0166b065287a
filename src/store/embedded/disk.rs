//! Makes durable what sled has handed to the operating system: sled's own `flush()` does not.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Our own handle of one sled directory's files.
pub(super) struct Disk {
    log: File,
    /// Where sled puts values too large for its log. Ours never are, but if one were, it would have
    /// to be synced with the log that points to it.
    large: PathBuf,
}

impl Disk {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        Ok(Self { log: File::open(log(directory))?, large: directory.join("blobs") })
    }

    /// Everything flushed before is durable afterwards.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut large = false;
        for entry in self.large.read_dir()? {
            File::open(entry?.path())?.sync_data()?;
            large = true;
        }
        if large {
            sync_directory(&self.large)?;
        }
        self.log.sync_data()
    }

    #[cfg(test)]
    pub(super) fn of(log: File, large: PathBuf) -> Self {
        Self { log, large }
    }
}

/// The file in which sled keeps its log, and which it locks.
pub(super) fn log(directory: &Path) -> PathBuf {
    directory.join("db")
}

/// Asks the kernel to read all of the log now: an open reads it in small pieces, and the proof again.
pub(super) fn read_ahead(directory: &Path) {
    if let Ok(log) = File::open(log(directory)) {
        // Whether it does is its own affair.
        let _ = rustix::fs::fadvise(&log, 0, None, rustix::fs::Advice::WillNeed);
    }
}

/// Makes the files in `directory` and their names durable.
pub(super) fn sync_files(directory: &Path) -> io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_directory(directory)
}

/// Makes the names in `directory` durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Whether somebody has sled's lock on `directory`.
pub(super) fn is_locked(directory: &Path) -> bool {
    let Ok(log) = File::open(log(directory)) else { return false };
    match log.try_lock() {
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
        Ok(()) => {
            // A failure here ends with the handle, at the end of this function.
            let _ = log.unlock();
            false
        }
    }
}
