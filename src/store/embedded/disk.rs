//! Makes durable what sled has handed to the operating system: sled's own `flush()` does not.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
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

/// Reads every byte of the log, if there is one. sled takes what it cannot read for what was never
/// written, and writes over it: so an error has to end the start before sled looks. What was read is in
/// the kernel's memory then, where sled finds it.
pub(super) fn read_through(directory: &Path) -> io::Result<()> {
    let log = match File::open(log(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        log => log?,
    };
    // Whether the kernel reads ahead is its own affair.
    let _ = rustix::fs::fadvise(&log, 0, None, rustix::fs::Advice::WillNeed);
    let (mut chunk, mut at) = (vec![0; 1 << 20], 0);
    loop {
        match log.read_at(&mut chunk, at)? {
            0 => return Ok(()),
            read => at += u64::try_from(read).unwrap_or(u64::MAX),
        }
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
