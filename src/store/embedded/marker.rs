//! The marker: says what the store's directory is, and which of its generations is the present one.
//!
//! It is replaced as a whole, by a rename, so that a rebuilt store takes the place of the one before at
//! one moment.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::disk::sync_directory;
use crate::store::StoreId;
use crate::store::{StoreKey, hex};

/// The layout of the directory that is written today.
pub(super) const FORMAT: u64 = 2;
const NAME: &str = "keygate.store";
/// What the markers of format 1 begin with; they said nothing else.
const FORMAT_1: &[u8] = b"A keygate store.";
const WARNING: &str = "Do not edit or remove this file: without it the store does not open.";

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) store: StoreId,
    /// The records lie in `data-<generation>`.
    pub(super) generation: u64,
    /// Tells a wrong pepper from the right one, and is of no use as a key.
    pub(super) pepper: [u8; 32],
}

#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    Format1,
    Later(u64),
    Unreadable(String),
    Marker(Marker),
}

pub(super) fn read(directory: &Path, key: &StoreKey) -> io::Result<Found> {
    let bytes = match fs::read(directory.join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if bytes.starts_with(FORMAT_1) {
        return Ok(Found::Format1);
    }
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
        return Ok(Found::Unreadable("it is not JSON".to_owned()));
    };
    Ok(match document["format"].as_u64() {
        Some(format) if format > FORMAT => Found::Later(format),
        _ => decode(&document, key).map_or_else(Found::Unreadable, Found::Marker),
    })
}

/// Durable when it returns.
pub(super) fn write(directory: &Path, key: &StoreKey, marker: &Marker) -> io::Result<()> {
    let (new, name) = (directory.join("keygate.store.new"), directory.join(NAME));
    let check = hex::encode(&marker.check(key));
    let document = json!({
        "keygate_store": WARNING,
        "format": FORMAT,
        "store": hex::encode(&marker.store.0),
        "generation": marker.generation,
        "pepper": hex::encode(&marker.pepper),
        "check": check,
    });
    let written =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&new).and_then(|mut file| {
            writeln!(file, "{document}")?;
            file.sync_all()
        });
    if let Err(error) = written {
        // The present one stays as it is.
        let _ = fs::remove_file(new);
        return Err(error);
    }
    fs::rename(new, name)?;
    sync_directory(directory)
}

impl Marker {
    fn check(&self, key: &StoreKey) -> [u8; 16] {
        let Self { store, generation, pepper } = self;
        let parts = [&FORMAT.to_le_bytes()[..], &store.0, &generation.to_le_bytes(), pepper];
        key.check(&parts.concat())
    }
}

/// A marker of another pepper has another check too, and is to be told from a damaged one: so it is
/// handed out if all of it is there.
fn decode(document: &Value, key: &StoreKey) -> Result<Marker, String> {
    let field = |name: &str| document[name].as_str().ok_or_else(|| format!("it has no `{name}`"));
    let marker = Marker {
        store: StoreId(hex::decode(field("store")?).ok_or("its `store` is no id")?),
        generation: document["generation"].as_u64().ok_or("it has no `generation`")?,
        pepper: hex::decode(field("pepper")?).ok_or("its `pepper` is no hash")?,
    };
    let same_key = marker.pepper == pepper_mark(key);
    let format = document["format"].as_u64();
    if same_key && (field("check")? != hex::encode(&marker.check(key)) || format != Some(FORMAT)) {
        return Err("its check is wrong".to_owned());
    }
    Ok(marker)
}

/// What the marker of a store with this key holds.
pub(super) fn pepper_mark(key: &StoreKey) -> [u8; 32] {
    let half = |number: u8| key.check(&[b"keygate store pepper mark v2", &[number][..]].concat());
    let mut mark = [0; 32];
    mark[..16].copy_from_slice(&half(0));
    mark[16..].copy_from_slice(&half(1));
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StoreKey {
        StoreKey::new(&[1; 32])
    }

    fn marker() -> Marker {
        Marker { store: StoreId([5; 16]), generation: 3, pepper: pepper_mark(&key()) }
    }

    #[test]
    fn what_is_written_is_read() {
        let place = tempfile::tempdir().expect("a directory");
        assert!(matches!(read(place.path(), &key()), Ok(Found::Nothing)));
        write(place.path(), &key(), &marker()).expect("written");
        assert!(matches!(read(place.path(), &key()), Ok(Found::Marker(found)) if found == marker()));
        let other = StoreKey::new(&[2; 32]);
        assert!(matches!(read(place.path(), &other), Ok(Found::Marker(found)) if found.pepper != pepper_mark(&other)));
    }

    #[test]
    fn no_flipped_bit_gives_another_marker() {
        let place = tempfile::tempdir().expect("a directory");
        write(place.path(), &key(), &marker()).expect("written");
        let path = place.path().join(NAME);
        let whole = fs::read(&path).expect("readable");
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                fs::write(&path, flipped).expect("written");
                match read(place.path(), &key()).expect("readable") {
                    // The warning, a space or the case of a digit may have changed, and nothing else;
                    // a flipped mark of the pepper reads like another pepper's.
                    Found::Marker(found) => assert!(found == marker() || found.pepper != marker().pepper),
                    Found::Later(_) | Found::Unreadable(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
