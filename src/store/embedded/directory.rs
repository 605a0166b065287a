//! The store's directory: making it, owning it, and the names in it.
//!
//! ```text
//! keygate.lock   locked by the process that has the store open, whose id it holds
//! keygate.store  the marker: which generation is the present one
//! data-N/        a generation: tokens/ (sled: tokens and accounts) and journal/
//! usage/         sled: how much each token was used
//! ballast        room in reserve
//! ```

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::disk::sync_directory;
use super::error::OpenError;

const GENERATION: &str = "data-";

/// A directory that is this process's own until the value is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: File,
}

/// Where the records of one generation lie.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) path: PathBuf,
}

impl Directory {
    /// Makes the directory where it is absent, and takes it for this process.
    pub(super) fn own(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(|error| refusal(path, error))?;
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn usage(&self) -> PathBuf {
        self.path.join("usage")
    }

    /// Where format 1 had its records.
    pub(super) fn format_1(&self) -> PathBuf {
        self.path.join("tokens")
    }

    pub(super) fn generation(&self, number: u64) -> Generation {
        Generation { number, path: self.path.join(format!("{GENERATION}{number}")) }
    }

    /// Every generation that lies here, in order.
    pub(super) fn generations(&self) -> io::Result<Vec<Generation>> {
        let mut found = Vec::new();
        for entry in self.path.read_dir()? {
            let name = entry?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_prefix(GENERATION)).and_then(|text| text.parse().ok());
            found.extend(number.map(|number| self.generation(number)));
        }
        found.sort_by_key(|generation| generation.number);
        Ok(found)
    }
}

impl Generation {
    pub(super) fn tokens(&self) -> PathBuf {
        self.path.join("tokens")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Makes it anew: what lay there was never the present one.
    pub(super) fn create(&self) -> io::Result<()> {
        self.remove()?;
        create(&self.tokens())?;
        create(&self.journal())
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
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
pub(super) fn create(path: &Path) -> io::Result<()> {
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
