//! `[store]`: where tokens are kept.

use std::path::{Path, PathBuf};

use super::secret::Surroundings;
use super::settings::StoreSettings;
use super::table::{Mistake, Reader};
use super::tree::Node;
use super::value;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sled,
    Memory,
}

const KINDS: &[(&str, Kind)] = &[("sled", Kind::Sled), ("memory", Kind::Memory)];

pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<StoreSettings> {
    if root.node("store").is_none() {
        let help = "write `[store]` and below it `kind = \"sled\"` and `path = \"/var/lib/keygate/data\"`";
        root.findings().report_absence(root.place(), "`[store]` is missing", help);
        return None;
    }
    let mut table = root.section("store")?;
    let kind = table.required("kind", "write `kind = \"sled\"` or `kind = \"memory\"`", value::choice(KINDS));
    let settings = match kind.map(|kind| kind.value) {
        Some(Kind::Sled) => sled(&mut table, around),
        Some(Kind::Memory) => memory(&mut table),
        None => {
            // Known keys of some kind: which one they fit cannot be said.
            table.node("path");
            table.node("anchor");
            table.node("cache");
            None
        }
    };
    table.finish();
    settings
}

fn sled(table: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<StoreSettings> {
    let path = table.required("path", "name the store's directory: `path = \"/var/lib/keygate/data\"`", |node| {
        directory(node, around)
    });
    let anchor = table.field("anchor", |node| anchor(node, around)).optional();
    let cache = table.field("cache", value::size).or(64 << 20);
    let (path, anchor) = (path?.value, anchor?);
    let anchor = anchor.unwrap_or_else(|| beside(&path, ".anchor"));
    if anchor.starts_with(&path) {
        table.findings().warn(
            "`store.anchor` lies in the store's own directory: an older copy of that directory put back in its place \
             will not be noticed",
        );
    }
    Some(StoreSettings::Sled { path, anchor, cache: cache? })
}

/// `<path>.anchor`
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.components().as_path().as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file that need not be there yet.
pub(super) fn anchor(node: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Mistake> {
    let text = value::text(node)?;
    let path = around.resolve(&text);
    if text.is_empty() || path.file_name().is_none() || path.is_dir() {
        return Err(Mistake::new("names no file", "name a file outside of the directory, on a disk that is kept"));
    }
    Ok(path)
}

fn memory(table: &mut Reader<'_>) -> Option<StoreSettings> {
    let mut settings = Some(StoreSettings::Memory);
    for key in ["path", "anchor", "cache"] {
        if let Some(node) = table.node(key) {
            let mistake =
                Mistake::new("means nothing with `kind = \"memory\"`", "remove it, or write `kind = \"sled\"`");
            table.mistake(key, node, mistake);
            settings = None;
        }
    }
    if settings.is_some() {
        table.findings().warn("`store.kind` is \"memory\": every token is gone when keygate stops");
    }
    settings
}

/// It need not be there yet, but nothing else may be in its place.
pub(super) fn directory(node: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Mistake> {
    let text = value::text(node)?;
    if text.is_empty() {
        return Err(Mistake::new("must not be empty", "name a directory"));
    }
    let path = around.resolve(&text);
    if path.exists() && !path.is_dir() {
        let what = format!("names something that is no directory ({})", path.display());
        return Err(Mistake::new(what, "name a directory, or a path where keygate may create one"));
    }
    Ok(path)
}
