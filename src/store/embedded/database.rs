//! Opening one sled database, whatever state its files are in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::disk;
use super::error::OpenError;

/// sled gives up its lock a moment after its last handle is gone.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const LOCK_TRIES: usize = 300;

/// Waits for the lock of a handle that is being dropped, but not for a process that keeps it.
pub(super) fn open(path: &Path, cache: u64, damage: impl Fn(String) -> OpenError) -> Result<sled::Db, OpenError> {
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

/// Waits until sled has let go of the directory's files, at most some seconds.
pub(super) fn wait_until_closed(path: &Path) {
    for _ in 0..LOCK_TRIES {
        if !disk::is_locked(path) {
            return;
        }
        thread::sleep(LOCK_PAUSE);
    }
}
