//! Room in reserve: what takes rights away is noted out of it when the disk is full.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

use super::files::RESERVE;

/// Enough for a thousand revocations.
const SIZE: u64 = 1 << 20;

pub(super) struct Reserve {
    path: PathBuf,
    is_held: bool,
}

impl Reserve {
    pub(super) fn new(directory: &Path) -> Self {
        Self { path: directory.join(RESERVE), is_held: false }
    }

    /// Takes it, where there is room. Whether it is held then.
    pub(super) fn take(&mut self) -> bool {
        if self.is_held {
            return true;
        }
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&self.path);
        let taken =
            file.map_err(|_| rustix::io::Errno::IO).and_then(|file| fallocate(&file, FallocateFlags::empty(), 0, SIZE));
        self.is_held = match taken {
            Ok(()) => true,
            // A file system that cannot do it: then there is none, and room is tried for by writing.
            Err(rustix::io::Errno::OPNOTSUPP) => true,
            // A part of it would be in the way.
            Err(_) => {
                let _ = fs::remove_file(&self.path);
                false
            }
        };
        self.is_held
    }

    /// Gives it up. Whether there was one.
    pub(super) fn give_up(&mut self) -> bool {
        let was_held = std::mem::take(&mut self.is_held);
        if was_held {
            let _ = fs::remove_file(&self.path);
        }
        was_held
    }
}
