//! One file of the journal: a header that says from which moment on it goes, and frames.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::disk::sync_directory;
use super::super::point::Point;
use crate::store::StoreId;
use crate::store::StoreKey;

const MAGIC: &[u8; 8] = b"KGJRNAL2";
const COVERED: usize = 8 + 16 + Point::BYTES;
pub(super) const HEADER: usize = COVERED + 16;
const ENDING: &str = "journal";

pub(super) struct Header {
    pub(super) store: StoreId,
    /// Before the first frame.
    pub(super) base: Point,
    pub(super) check: [u8; 16],
}

/// A segment without frames, durable down to its name. One of that name begins anew: it had no frame
/// that anybody needs, or it would not be written to again.
pub(super) fn create(
    directory: &Path,
    key: &StoreKey,
    store: StoreId,
    base: &Point,
) -> io::Result<(File, u64, [u8; 16])> {
    let file =
        File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path(directory, base))?;
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..24].copy_from_slice(&store.0);
    header[24..COVERED].copy_from_slice(&base.encode());
    let check = key.check(&header[..COVERED]);
    header[COVERED..].copy_from_slice(&check);
    let written = file.write_all_at(&header, 0).and_then(|()| file.sync_all()).and_then(|()| sync_directory(directory));
    if let Err(error) = written {
        // Half a segment would end the journal for whoever reads it.
        let _ = fs::remove_file(path(directory, base));
        return Err(error);
    }
    Ok((file, header.len() as u64, check))
}

pub(super) fn path(directory: &Path, base: &Point) -> PathBuf {
    directory.join(format!("{:016x}.{ENDING}", base.revision))
}

pub(super) fn decode(bytes: &[u8], key: &StoreKey) -> Option<Header> {
    let header = bytes.get(..HEADER)?;
    let (covered, check) = header.split_at(COVERED);
    let check: [u8; 16] = check.try_into().ok()?;
    if key.check(covered) != check || &covered[..8] != MAGIC {
        return None;
    }
    let store = StoreId(covered[8..24].try_into().ok()?);
    Some(Header { store, base: Point::decode(covered[24..].try_into().ok()?), check })
}

/// The segments of a directory, oldest first.
pub(super) fn names(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            names.push(path);
        }
    }
    names.sort_unstable();
    Ok(names)
}
