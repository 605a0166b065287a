//! Room on the disk: noticed before it is gone, and some of it kept in reserve.
//!
//! sled must never meet a full disk. An open that runs out of room can leave a database that does not
//! open any more, and a write that does ends all writing. So commits stop while there is still a margin,
//! and a start first makes sure that there is enough. The ballast, a file that only takes up room, is
//! what a start and what takes rights away (a revocation must not wait for somebody to tidy up) can
//! fall back on.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// sled takes segments of half a MiB, one for each database when it opens, and more when it writes.
const OPENING: u64 = 3 << 19;
/// Commits stop below it. Of a small file system, a smaller part.
const MARGIN: (u64, u64) = (3 << 19, 16 << 20);
const BALLAST: (u64, u64) = (4 << 20, 256 << 20);
/// What the reserve leaves on a full disk, for the lock file and the like.
const LITTLE: u64 = 64 << 10;

/// The room around one store.
pub(super) struct Space {
    directory: PathBuf,
    /// What the store needs to be opened.
    needed: u64,
    /// One at a time changes the ballast.
    ballast: Mutex<PathBuf>,
}

/// What a file system has.
#[derive(Debug, Clone, Copy)]
struct Room {
    free: u64,
    total: u64,
}

impl Room {
    fn margin(&self) -> u64 {
        (self.total / 64).clamp(MARGIN.0, MARGIN.1)
    }
}

impl Space {
    /// `snapshot`: how large the file is that sled writes anew when it opens.
    pub(super) fn of(directory: &Path, snapshot: u64) -> Self {
        let ballast = Mutex::new(directory.join("ballast"));
        Self { directory: directory.to_owned(), needed: OPENING + 2 * snapshot, ballast }
    }

    /// Makes sure that the store can be opened, out of the reserve if need be. The error: how many bytes
    /// are free and how many are needed.
    pub(super) fn prepare(&self) -> io::Result<Result<(), (u64, u64)>> {
        if self.room()?.free < self.needed {
            self.release();
        }
        let free = self.room()?.free;
        Ok(if free < self.needed { Err((free, self.needed)) } else { Ok(()) })
    }

    /// Whether there is room for changes; if not, why.
    pub(super) fn check(&self) -> Result<(), String> {
        // Who cannot be asked does not stop anything: the next write will tell.
        let Ok(room) = self.room() else { return Ok(()) };
        let (free, margin) = (room.free, room.margin());
        if free >= margin {
            return Ok(());
        }
        Err(format!("{free} bytes are free at {}, and {margin} are needed", self.directory.display()))
    }

    /// Gives the reserve up, for what must not wait.
    pub(super) fn release(&self) {
        let ballast = self.ballast.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::remove_file(&*ballast) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the reserve {} could not be given up", ballast.display());
            }
            _ => {}
        }
    }

    /// Takes the reserve back: as much of it as leaves twice the margin where there is room, and on a full
    /// disk what is left but for a little, so that another process does not take it.
    pub(super) fn reserve(&self) {
        let ballast = self.ballast.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.try_reserve(&ballast) {
            tracing::warn!(%error, "no room could be kept in reserve at {}", ballast.display());
            // Half of it may be there, in the way of others.
            let _ = fs::remove_file(&*ballast);
        }
    }

    fn try_reserve(&self, ballast: &Path) -> io::Result<()> {
        let room = self.room()?;
        let present = ballast.metadata().map_or(0, |found| found.len());
        let wanted = self.needed.saturating_mul(2).clamp(BALLAST.0, BALLAST.1).min(room.total / 8);
        let margin = room.margin();
        let spare = if room.free < margin { room.free.saturating_sub(LITTLE) } else { (room.free - margin) / 2 };
        let more = wanted.saturating_sub(present).min(spare);
        if more == 0 {
            return Ok(());
        }
        let size = present + more;
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(ballast)?;
        match fallocate(&file, FallocateFlags::empty(), 0, size) {
            Ok(()) => Ok(()),
            // A file system that cannot do it: then there is none.
            Err(rustix::io::Errno::OPNOTSUPP) => fs::remove_file(ballast),
            Err(error) => Err(error.into()),
        }
    }

    fn room(&self) -> io::Result<Room> {
        let found = statvfs(&self.directory)?;
        Ok(Room { free: found.f_bavail * found.f_frsize, total: found.f_blocks * found.f_frsize })
    }
}

/// The size of sled's snapshot in a directory; 0 where there is none.
pub(super) fn snapshot_size(database: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(database) else { return 0 };
    let snapshots = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("snap."));
    snapshots.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_taken_and_given_up() {
        let place = tempfile::tempdir().expect("a directory");
        let space = Space::of(place.path(), 0);
        let size = || place.path().join("ballast").metadata().map(|found| found.len()).ok();
        assert!(space.prepare().expect("asked").is_ok() && space.check().is_ok(), "the machine has room");
        assert_eq!(size(), None);
        space.reserve();
        assert_eq!(size(), Some(BALLAST.0));
        space.reserve();
        assert_eq!(size(), Some(BALLAST.0), "once is enough");
        space.release();
        assert_eq!(size(), None);
        space.release();
    }

    #[test]
    fn more_is_needed_than_any_disk_has() {
        let place = tempfile::tempdir().expect("a directory");
        let space = Space::of(place.path(), u64::MAX / 4);
        space.reserve();
        let (free, needed) = space.prepare().expect("asked").expect_err("nobody has so much");
        assert!(free > 0 && needed > u64::MAX / 4);
        assert!(!place.path().join("ballast").exists(), "all that there was has been tried");
    }
}
