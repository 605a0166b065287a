//! The store's directory: making it, owning it, and remembering that it was filled once.
//!
//! ```text
//! keygate.lock   locked by the process that has the store open, whose id it holds
//! keygate.store  made once the first records were durable: from then on an empty store is a lost one
//! tokens/        sled: tokens and accounts
//! usage/         sled: how much each token was used
//! ```

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::disk::sync_directory;
use super::error::OpenError;

/// A directory that is this process's own until the value is dropped.
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

impl Directory {
    /// Makes the directory where it is absent, and takes it for this process.
    pub(super) fn own(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(|error| refusal(path, error))?;
        let lock = lock(path)?;
        let directory = Self { path: path.to_owned(), lock };
        for part in [directory.tokens(), directory.usage()] {
            create(&part).map_err(|error| refusal(&part, error))?;
        }
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn tokens(&self) -> PathBuf {
        self.path.join("tokens")
    }

    pub(super) fn usage(&self) -> PathBuf {
        self.path.join("usage")
    }

    /// Whether records were durable here once.
    pub(super) fn was_filled(&self) -> io::Result<bool> {
        self.mark().try_exists()
    }

    /// Remembers that records are durable here.
    pub(super) fn set_filled(&self) -> io::Result<()> {
        let mut mark = File::create(self.mark())?;
        mark.write_all(b"A keygate store. Do not remove this file: without it, lost records look like a new store.\n")?;
        mark.sync_all()?;
        sync_directory(&self.path)
    }

    fn mark(&self) -> PathBuf {
        self.path.join("keygate.store")
    }
}

impl Drop for Directory {
    /// Unlocks in so many words: closing the file would not, while a child process that is being
    /// started still shares it. If this fails, closing does it a little later.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

/// Makes `path` and what is missing above it, and their names durable.
fn create(path: &Path) -> io::Result<()> {
    if path.metadata().is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    // From the working directory, a relative path has a last ancestor without a name.
    let path = std::path::absolute(path)?;
    let missing = path.ancestors().take_while(|ancestor| !ancestor.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
    path.ancestors().take(missing + 1).try_for_each(sync_directory)
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let name = path.join("keygate.lock");
    let open = File::options().read(true).write(true).create(true).truncate(false).open(&name);
    let mut lock = open.map_err(|error| OpenError::io(path, error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Held { path: path.to_owned(), pid: holder(&name) }),
        Err(TryLockError::Error(error)) => return Err(OpenError::io(path, error)),
    }
    // The id is for a message only: a full disk, which has no room for it, must not stop a start.
    if let Err(error) = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())) {
        tracing::warn!(%error, "the lock file {} does not name this process", name.display());
    }
    Ok(lock)
}

/// `None` where the holder has not yet written its id.
fn holder(lock: &Path) -> Option<u32> {
    std::fs::read_to_string(lock).ok()?.trim().parse().ok()
}

/// `create_dir` on the name of a file says "exists", which does not help.
fn refusal(path: &Path, error: io::Error) -> OpenError {
    if path.is_file() { OpenError::NotADirectory { path: path.to_owned() } } else { OpenError::io(path, error) }
}
