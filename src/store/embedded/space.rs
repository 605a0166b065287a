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
    /// One at a time changes it.
    ballast: Mutex<Ballast>,
}

struct Ballast {
    path: PathBuf,
    /// How large it was when it was given up, until it is as large again.
    lent: u64,
}

/// What a file system has.
#[derive(Debug, Clone, Copy)]
struct Room {
    free: u64,
    total: u64,
}

impl Ballast {
    fn size(&self) -> u64 {
        self.path.metadata().map_or(0, |found| found.len())
    }
}

impl Room {
    fn margin(&self) -> u64 {
        (self.total / 64).clamp(MARGIN.0, MARGIN.1)
    }
}

impl Space {
    /// `snapshot`: how large the file is that sled writes anew when it opens.
    pub(super) fn of(directory: &Path, snapshot: u64) -> Self {
        let ballast = Mutex::new(Ballast { path: directory.join("ballast"), lent: 0 });
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
        let mut ballast = self.ballast.lock().unwrap_or_else(PoisonError::into_inner);
        let size = ballast.size();
        match fs::remove_file(&ballast.path) {
            Ok(()) => ballast.lent = size.max(ballast.lent),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the reserve {} could not be given up", ballast.path.display()),
        }
    }

    /// Takes the reserve: what was lent of it, but for a little, and more as long as twice the margin is
    /// left to others.
    pub(super) fn reserve(&self) {
        let mut ballast = self.ballast.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.try_reserve(&mut ballast) {
            tracing::warn!(%error, "no room could be kept in reserve at {}", ballast.path.display());
            // Half of it may be there, in the way of others.
            let _ = fs::remove_file(&ballast.path);
        }
    }

    fn try_reserve(&self, ballast: &mut Ballast) -> io::Result<()> {
        let room = self.room()?;
        let present = ballast.size();
        let wanted = self.needed.saturating_mul(2).clamp(BALLAST.0, BALLAST.1).min(room.total / 8);
        let spare = wanted.saturating_sub(present).min(room.free.saturating_sub(room.margin()) / 2);
        let back = ballast.lent.saturating_sub(present).min(room.free.saturating_sub(LITTLE));
        let size = present + spare.max(back);
        if size == present {
            return Ok(());
        }
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&ballast.path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, size) {
            Ok(()) if size >= ballast.lent => ballast.lent = 0,
            Ok(()) => {}
            // A file system that cannot do it: then there is none.
            Err(rustix::io::Errno::OPNOTSUPP) => fs::remove_file(&ballast.path)?,
            Err(error) => return Err(error.into()),
        }
        Ok(())
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
