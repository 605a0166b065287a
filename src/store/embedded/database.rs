//! Opening one sled database, whatever state its files are in.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::disk;
use super::error::OpenError;

/// sled gives up its lock a moment after its last handle is gone.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const LOCK_TRIES: usize = 300;
const CLOSED_PAUSE: Duration = Duration::from_millis(2);
const CLOSED_TRIES: usize = 2_500;

/// Waits for the lock of a handle that is being dropped, but not for a process that keeps it.
pub(super) fn open(path: &Path, cache: u64, damage: impl Fn(String) -> OpenError) -> Result<sled::Db, OpenError> {
    forget_unfinished(path).and_then(|()| disk::read_through(path)).map_err(|error| OpenError::io(path, error))?;
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

/// A summary of its log that sled was writing when it ended or the disk was full. sled would take it for
/// a whole one and call the database corrupt, for good; without it, it reads its log.
fn forget_unfinished(path: &Path) -> io::Result<()> {
    if disk::is_locked(path) {
        return Ok(());
    }
    let entries = match path.read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// sled gives its lock no kind of its own, only this text.
fn is_lock(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Waits until sled has let go of the directory's files, at most five seconds: its last thread may hold
/// its lock a moment longer than its last handle lives.
pub(super) fn wait_until_closed(path: &Path) {
    for _ in 0..CLOSED_TRIES {
        if !disk::is_locked(path) {
            return;
        }
        thread::sleep(CLOSED_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sled 0.34.7 answers "Read corrupted data" to this, as often as it is asked.
    #[test]
    fn a_summary_that_was_cut_short_does_not_stop_a_start() {
        let place = tempfile::tempdir().expect("a directory");
        let opened =
            || open(place.path(), 1 << 20, |problem| OpenError::damaged(place.path(), problem)).expect("it opens");
        let db = opened();
        db.insert(b"key", b"value").expect("written");
        drop(db);
        wait_until_closed(place.path());
        let unfinished = place.path().join("snap.7FFFFFFFFFFFFFFF.generating");
        std::fs::write(&unfinished, b"half").expect("written");
        assert_eq!(opened().get(b"key").expect("readable").as_deref(), Some(&b"value"[..]));
        assert!(!unfinished.exists());
    }
}
