//! The anchor: which line was written last, in a small file that does not lie in the log's directory.
//!
//! A log that ends before its anchor was cut, or is an older copy of itself. The file has two slots,
//! written in turn and synced, so that a write that is torn leaves the other; what the torn one was about
//! was not acknowledged yet. It never grows, so a full disk does not stop it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::files::sync_directory;
use super::line::{ChainKey, Link};

const MAGIC: &[u8; 8] = b"KGAUDIT1";
const SLOTS: [u64; 2] = [0, 4096];
const COVERED: usize = 8 + 8 + 32;
const SLOT: usize = COVERED + 32;

/// What an anchor file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no file.
    Nothing,
    /// There is one, and neither slot is whole (or both are of another pepper).
    Unreadable,
    At(Link),
}

/// The open file, to be written by the writer alone.
pub(super) struct Anchor {
    file: File,
    key: ChainKey,
    next: usize,
}

pub(super) fn read(path: &Path, key: &ChainKey) -> io::Result<Found> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(error),
    };
    let mut newest: Option<Link> = None;
    for offset in SLOTS {
        let mut bytes = [0; SLOT];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            // Not the same as damaged: it may be the newer one.
            Err(error) => return Err(error),
        }
        newest = [newest, decode(&bytes, key)].into_iter().flatten().max_by_key(|link| link.seq);
    }
    Ok(newest.map_or(Found::Unreadable, Found::At))
}

impl Anchor {
    /// Opens the file, or makes it, and writes `link` into both slots.
    pub(super) fn create(path: &Path, key: ChainKey, link: Link) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut anchor = Self { file, key, next: 0 };
        for _ in SLOTS {
            anchor.write(link)?;
        }
        anchor.file.sync_all()?;
        let path = std::path::absolute(path)?;
        sync_directory(path.parent().unwrap_or(&path))?;
        Ok(anchor)
    }

    /// Durable when it returns.
    pub(super) fn write(&mut self, link: Link) -> io::Result<()> {
        self.file.write_all_at(&encode(link, &self.key), SLOTS[self.next])?;
        self.file.sync_data()?;
        self.next = 1 - self.next;
        Ok(())
    }
}

fn encode(link: Link, key: &ChainKey) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..16].copy_from_slice(&link.seq.to_le_bytes());
    slot[16..COVERED].copy_from_slice(&link.hash);
    let check = key.hash(&slot[..COVERED]);
    slot[COVERED..].copy_from_slice(&check);
    slot
}

fn decode(slot: &[u8; SLOT], key: &ChainKey) -> Option<Link> {
    let (covered, check) = slot.split_at(COVERED);
    let check = blake3::Hash::from_bytes(check.try_into().ok()?);
    if blake3::Hash::from_bytes(key.hash(covered)) != check || &covered[..8] != MAGIC {
        return None;
    }
    let (seq, hash) = (covered[8..16].try_into().ok()?, covered[16..].try_into().ok()?);
    Some(Link { seq: u64::from_le_bytes(seq), hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ChainKey {
        ChainKey::new(&[1; 32])
    }

    fn link(seq: u64) -> Link {
        Link { seq, hash: [9; 32] }
    }

    #[test]
    fn the_last_write_counts_and_a_torn_one_leaves_the_one_before() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("anchor");
        assert_eq!(read(&path, &key()).expect("asked"), Found::Nothing);
        let mut anchor = Anchor::create(&path, key(), link(1)).expect("written");
        for seq in 2..6 {
            anchor.write(link(seq)).expect("written");
            assert_eq!(read(&path, &key()).expect("readable"), Found::At(link(seq)));
        }
        let good = std::fs::read(&path).expect("readable");
        for at in 0..SLOT {
            for (slot, left) in [(0, 5), (4096, 4)] {
                let mut torn = good.clone();
                torn[slot + at] ^= 4;
                std::fs::write(&path, torn).expect("written");
                assert_eq!(read(&path, &key()).expect("readable"), Found::At(link(left)), "byte {at} of slot {slot}");
            }
        }
        std::fs::write(&path, &good).expect("written");
        assert_eq!(read(&path, &ChainKey::new(&[2; 32])).expect("readable"), Found::Unreadable);
    }
}
