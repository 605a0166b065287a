//! What can happen to the files of a store while nobody looks.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::specimen::{ANCHOR, STORE, Specimen, copy_directory};

const PAGE: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    OneBit,
    TwentyBits,
    Truncated,
    ZeroedPage,
    FileMissing,
    /// The directory was moved away and an older copy moved to its place; the anchor stayed.
    OldDirectory,
    /// An older copy was unpacked over the directory; files that it lacks stayed, and so did the anchor.
    OldCopyOver,
    /// One file is as it was in an older copy.
    OldFile,
    /// The database is sound, and one record of it is gone.
    RecordLost,
    /// The database is sound, and one record of it is as it once was: what a lost write leaves.
    RecordOld,
}

impl Damage {
    pub const ALL: [Damage; 10] = [
        Damage::OneBit,
        Damage::TwentyBits,
        Damage::Truncated,
        Damage::ZeroedPage,
        Damage::FileMissing,
        Damage::OldDirectory,
        Damage::OldCopyOver,
        Damage::OldFile,
        Damage::RecordLost,
        Damage::RecordOld,
    ];

    /// Does it to the copy of `specimen` in `place`; in words, what was done.
    pub fn inflict(self, specimen: &Specimen, place: &Path, rng: &mut Rng) -> String {
        let past = &specimen.past[rng.usize(..specimen.past.len())];
        match self {
            Damage::OldDirectory => {
                fs::remove_dir_all(place.join(STORE)).expect("removed");
                copy_directory(&past.join(STORE), &place.join(STORE));
                return format!("{} put in its place", past.display());
            }
            Damage::OldCopyOver => {
                copy_directory(&past.join(STORE), &place.join(STORE));
                return format!("{} copied over it", past.display());
            }
            Damage::RecordLost => return lose_a_record(&tree(place), rng),
            Damage::RecordOld => return undo_a_record(&tree(place), &tree(past), rng),
            _ => {}
        }
        let files = files(place);
        let file = &files[rng.usize(..files.len())];
        let name = file.strip_prefix(place).expect("below it");
        let done = match self {
            Damage::OneBit => flip(file, 1, rng),
            Damage::TwentyBits => flip(file, 20, rng),
            Damage::Truncated => truncate(file, rng),
            Damage::ZeroedPage => zero_a_page(file, rng),
            Damage::OldFile => match fs::copy(past.join(name), file) {
                Ok(_) => format!("is that of {}", past.display()),
                Err(_) => remove(file),
            },
            _ => remove(file),
        };
        format!("{}: {done}", name.display())
    }
}

/// The directory of the records, whose name changes when a store is rebuilt.
pub fn generation(place: &Path) -> PathBuf {
    let entries = fs::read_dir(place.join(STORE)).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut found = entries.filter(|path| path.to_string_lossy().contains("/data-"));
    found.next().expect("a generation")
}

/// The directory of the database in it.
pub fn tree(place: &Path) -> PathBuf {
    generation(place).join("tokens")
}

/// Every file of a store but for empty ones, which hold nothing that could be damaged, and its anchor.
pub fn files(place: &Path) -> Vec<PathBuf> {
    let mut found = below(&place.join(STORE));
    found.push(place.join(ANCHOR));
    found.retain(|file| file.metadata().is_ok_and(|data| data.len() > 0));
    // Directories are read in no order, and a seed shall give the same case again.
    found.sort();
    found
}

fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

fn flip(file: &Path, bits: usize, rng: &mut Rng) -> String {
    let mut bytes = fs::read(file).expect("readable");
    // Most of a file is room that is not used yet, where damage does nothing: half of the bits are where
    // something is written.
    let written: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    let mut places = Vec::new();
    for _ in 0..bits {
        let anywhere = written.is_empty() || rng.bool();
        let at = if anywhere { rng.usize(..bytes.len()) } else { written[rng.usize(..written.len())] };
        let bit = rng.u8(..8);
        bytes[at] ^= 1 << bit;
        places.push(format!("{at}.{bit}"));
    }
    fs::write(file, bytes).expect("written");
    format!("flipped the bits {}", places.join(" "))
}

fn truncate(file: &Path, rng: &mut Rng) -> String {
    let length = file.metadata().expect("it is there").len();
    let kept = rng.u64(..length);
    File::options().write(true).open(file).expect("ours").set_len(kept).expect("truncated");
    format!("cut from {length} to {kept} bytes")
}

fn zero_a_page(file: &Path, rng: &mut Rng) -> String {
    let bytes = fs::read(file).expect("readable");
    let written: Vec<usize> = bytes
        .chunks(PAGE)
        .enumerate()
        .filter(|(_, page)| page.iter().any(|&byte| byte != 0))
        .map(|(at, _)| at)
        .collect();
    let page = written.get(rng.usize(..written.len().max(1))).copied().unwrap_or(0);
    let length = bytes.len().min((page + 1) * PAGE) - page * PAGE;
    let mut open = File::options().write(true).open(file).expect("ours");
    open.seek(SeekFrom::Start((page * PAGE) as u64)).expect("a seekable file");
    open.write_all(&vec![0; length]).expect("written");
    format!("page {page} filled with zeros")
}

fn remove(file: &Path) -> String {
    fs::remove_file(file).expect("removed");
    "removed".to_owned()
}

/// What keys of tokens begin with.
const TOKEN: &[u8] = b"t";

pub fn lose_a_record(tree: &Path, rng: &mut Rng) -> String {
    let db = sled::open(tree).expect("sled opens");
    let keys: Vec<_> = db.scan_prefix(TOKEN).keys().map(|key| key.expect("readable")).collect();
    let key = &keys[rng.usize(..keys.len())];
    db.remove(key).expect("removed");
    db.flush().expect("flushed");
    format!("the record {key:02x?} removed")
}

/// Puts a record of `old` that was changed since over that in `tree`.
pub fn undo_a_record(tree: &Path, old: &Path, rng: &mut Rng) -> String {
    let place = tempfile::tempdir().expect("a directory");
    copy_directory(old, place.path());
    let (old, db) = (sled::open(place.path()).expect("sled opens"), sled::open(tree).expect("sled opens"));
    let pairs = old.scan_prefix(TOKEN).map(|pair| pair.expect("readable"));
    let changed: Vec<_> =
        pairs.filter(|(key, before)| db.get(key).expect("readable").is_some_and(|now| now != before)).collect();
    let (key, before) = &changed[rng.usize(..changed.len())];
    db.insert(key, before).expect("written");
    db.flush().expect("flushed");
    format!("the record {key:02x?} as it once was")
}
