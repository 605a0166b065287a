//! `[audit]`: the log of what is done over the management API, and how long it is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secret::Surroundings;
use super::settings::{AuditFiles, AuditSettings, StoreSettings};
use super::store::{anchor, beside, directory};
use super::table::{Mistake, Reader};
use super::tree::Node;
use super::value;

const SEGMENT: u64 = 16 << 20;
/// Smaller ones would be files without number; a start reads the last two.
const SEGMENTS: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 30);
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

/// Beside the store, where nothing else is said; in memory with a store that is.
pub(super) fn read(
    root: &mut Reader<'_>,
    around: &Surroundings<'_>,
    store: Option<&StoreSettings>,
) -> Option<AuditSettings> {
    let mut table = root.section("audit")?;
    let retention = table.field("retention", value::or_word("forever", value::duration(LONGEST))).or(None);
    let segment_size = table.field("segment_size", size).or(SEGMENT);
    let files = match store {
        Some(StoreSettings::Memory) => in_memory(&mut table),
        Some(StoreSettings::Sled { path, .. }) => on_disk(&mut table, around, path).map(Some),
        None => {
            // Known keys; what they default to cannot be said.
            table.node("path");
            table.node("anchor");
            None
        }
    };
    table.finish();
    Some(AuditSettings { files: files?, retention: retention?, segment_size: segment_size? })
}

fn on_disk(table: &mut Reader<'_>, around: &Surroundings<'_>, store: &Path) -> Option<AuditFiles> {
    let path = table.field("path", |node| apart(directory(node, around)?, store)).optional()?;
    let path = path.unwrap_or_else(|| beside(store, ".audit"));
    let anchor = table.field("anchor", |node| anchor(node, around)).optional()?;
    let anchor = anchor.unwrap_or_else(|| beside(&path, ".anchor"));
    if anchor.starts_with(&path) {
        table.findings().warn(
            "`audit.anchor` lies in the log's own directory: an older copy of that directory put back in its place \
             will not be noticed",
        );
    }
    Some(AuditFiles { path, anchor })
}

fn apart(path: PathBuf, store: &Path) -> Result<PathBuf, Mistake> {
    if path == store { Err(Mistake::new("is the store's directory", "name one of its own")) } else { Ok(path) }
}

fn in_memory(table: &mut Reader<'_>) -> Option<Option<AuditFiles>> {
    let mut files = Some(None);
    for key in ["path", "anchor", "retention", "segment_size"] {
        if let Some(node) = table.node(key) {
            let what = "means nothing where `store.kind` is \"memory\", and the last entries are kept in memory too";
            table.mistake(key, node, Mistake::new(what, "remove it, or write `kind = \"sled\"` under `[store]`"));
            files = None;
        }
    }
    files
}

fn size(node: &Node) -> Result<u64, Mistake> {
    match value::size(node)? {
        bytes if SEGMENTS.contains(&bytes) => Ok(bytes),
        _ => Err(Mistake::new("must be from 64KiB to 1GiB", "write a size such as \"16MiB\"")),
    }
}
