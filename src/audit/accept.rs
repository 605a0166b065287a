//! A log that is not what was written is set aside, and another one is begun whose first line says so.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::action::Action;
use super::anchor::Anchor;
use super::change::Change;
use super::entry::{Entry, Object, ObjectKind};
use super::files::{self, Segment, sync_directory};
use super::finding::Finding;
use super::line::{Line, Link};
use super::open::{AuditOpenError, AuditOptions};
use crate::model::Clock;

/// Sets the present files aside, and begins anew. Where they lie then.
///
/// The anchor comes last: before it, the log is still one that is not what was written.
pub fn accept(options: &AuditOptions, finding: &Finding, clock: &Clock) -> Result<PathBuf, AuditOpenError> {
    let path = &options.directory;
    let io = |error| AuditOpenError::Io { path: path.clone(), error };
    let _owned = files::own(path).map_err(io)?.ok_or_else(|| AuditOpenError::Held(path.clone()))?;
    let aside = set_aside(options, clock).map_err(io)?;
    begin(options, finding, &aside, clock).map_err(io)?;
    Ok(aside)
}

fn set_aside(options: &AuditOptions, clock: &Clock) -> io::Result<PathBuf> {
    let aside = options.directory.join(format!("aside-{}", clock.wall().millis()));
    fs::create_dir(&aside)?;
    for segment in files::segments(&options.directory)? {
        if let Some(name) = segment.path.file_name() {
            fs::rename(&segment.path, aside.join(name))?;
        }
    }
    sync_directory(&aside)?;
    sync_directory(&options.directory)?;
    Ok(aside)
}

fn begin(options: &AuditOptions, finding: &Finding, aside: &std::path::Path, clock: &Clock) -> io::Result<()> {
    let facts = [
        ("fault", finding.fault.name().into()),
        ("found", finding.what.clone().into()),
        ("aside", aside.display().to_string().into()),
    ];
    let entry = Entry::system(Action::AuditAccept, Object::whole(ObjectKind::Audit), Change::noted(facts));
    let (text, link) = Line::new(&entry, Link::START, clock.wall(), None).seal(&options.key);
    let file = Segment::new(&options.directory, 1).create()?;
    file.write_all_at(&text, 0)?;
    file.sync_all()?;
    Anchor::create(&options.anchor, options.key.clone(), link).map(drop)
}
