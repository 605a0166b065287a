//! The anchor: what was acknowledged last, in a small file that does not lie in the store's directory.
//!
//! It says up to which revision changes were acknowledged and proves which records were there then. A
//! store that is behind it has lost something, or is an older copy of itself.
//!
//! The file has two slots on pages of their own, written in turn and synced: a write that is torn by a
//! power cut leaves the other slot, and what the torn one was about was not acknowledged yet. It never
//! grows, so a full disk does not stop it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::disk::sync_directory;
use super::point::Point;
use crate::store::StoreId;
use crate::store::StoreKey;

const MAGIC: &[u8; 8] = b"KGANCHR2";
const SLOTS: [u64; 2] = [0, 4096];
const COVERED: usize = 8 + 16 + Point::BYTES;
const SLOT: usize = COVERED + 16;

/// What an anchor file says.
#[derive(Debug)]
pub(super) enum Found {
    /// There is no file.
    Nothing,
    /// There is one, and neither slot is whole (or both are of another pepper).
    Unreadable,
    Anchored {
        store: StoreId,
        point: Point,
    },
}

/// The open file, to be written by the writer alone.
pub(super) struct Anchor {
    file: File,
    key: StoreKey,
    store: StoreId,
    next: usize,
}

pub(super) fn read(path: &Path, key: &StoreKey) -> io::Result<Found> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(error),
    };
    let mut newest: Option<(StoreId, Point)> = None;
    for offset in SLOTS {
        let mut bytes = [0; SLOT];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            // Not the same as damaged: it may be the newer one.
            Err(error) => return Err(error),
        }
        let slot = decode(&bytes, key);
        newest = [newest, slot].into_iter().flatten().max_by_key(|(_, point)| point.revision);
    }
    Ok(newest.map_or(Found::Unreadable, |(store, point)| Found::Anchored { store, point }))
}

impl Anchor {
    /// Opens the file, or makes it, and writes `point` into both slots.
    pub(super) fn create(path: &Path, key: StoreKey, store: StoreId, point: &Point) -> io::Result<Self> {
        let directory = parent(path)?;
        let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut anchor = Self { file, key, store, next: 0 };
        for _ in SLOTS {
            anchor.write(point)?;
        }
        anchor.file.sync_all()?;
        sync_directory(&directory)?;
        Ok(anchor)
    }

    /// Durable when it returns.
    pub(super) fn write(&mut self, point: &Point) -> io::Result<()> {
        let slot = encode(&self.key, self.store, point);
        self.file.write_all_at(&slot, SLOTS[self.next])?;
        self.file.sync_data()?;
        self.next = 1 - self.next;
        Ok(())
    }
}

fn parent(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    Ok(path.parent().map_or_else(|| path.clone(), Path::to_owned))
}

fn encode(key: &StoreKey, store: StoreId, point: &Point) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..24].copy_from_slice(&store.0);
    slot[24..COVERED].copy_from_slice(&point.encode());
    let check = key.check(&slot[..COVERED]);
    slot[COVERED..].copy_from_slice(&check);
    slot
}

fn decode(slot: &[u8; SLOT], key: &StoreKey) -> Option<(StoreId, Point)> {
    let (covered, check) = slot.split_at(COVERED);
    if key.check(covered) != check || &covered[..8] != MAGIC {
        return None;
    }
    let (store, point) = (covered[8..24].try_into().ok()?, covered[24..].try_into().ok()?);
    Some((StoreId(store), Point::decode(point)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tally::Tally;

    const STORE: StoreId = StoreId([5; 16]);

    fn key() -> StoreKey {
        StoreKey::new(&[1; 32])
    }

    fn point(revision: u64) -> Point {
        Point::of(&key(), STORE, revision, &Tally::default())
    }

    fn revision(path: &Path) -> Option<u64> {
        match read(path, &key()).expect("readable") {
            Found::Anchored { store: STORE, point } => Some(point.revision),
            _ => None,
        }
    }

    #[test]
    fn the_last_write_counts_and_a_torn_one_leaves_the_one_before() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("anchor");
        assert!(matches!(read(&path, &key()), Ok(Found::Nothing)));
        let mut anchor = Anchor::create(&path, key(), STORE, &point(1)).expect("written");
        for number in 2..6 {
            anchor.write(&point(number)).expect("written");
            assert_eq!(revision(&path), Some(number));
        }
        let good = std::fs::read(&path).expect("readable");
        for at in 0..SLOT {
            for (slot, left) in [(0, 5), (4096, 4)] {
                let mut torn = good.clone();
                torn[slot + at] ^= 4;
                std::fs::write(&path, torn).expect("written");
                assert_eq!(revision(&path), Some(left), "byte {at} of the slot at {slot}");
            }
        }
    }

    #[test]
    fn garbage_and_another_pepper_are_no_anchor() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("anchor");
        std::fs::write(&path, b"short").expect("written");
        assert!(matches!(read(&path, &key()), Ok(Found::Unreadable)));
        Anchor::create(&path, key(), STORE, &point(1)).expect("written");
        assert!(matches!(read(&path, &StoreKey::new(&[2; 32])), Ok(Found::Unreadable)));
    }
}
