//! The start: what lies in the directory is taken up where it ended, if it is what was written.
//!
//! Only the end is proven here, from the segment in which the anchor lies; `keygate audit verify` proves
//! all. What stands behind the anchor was acknowledged to nobody: what of it is whole is kept, and what
//! is torn is cut off. What stands before it must be there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::anchor::{self, Anchor};
use super::files::{self, Owned, Segment};
use super::line::{ChainKey, Line, Link};
use super::scan::Lines;

/// Where a log lies, and how much of it is kept.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    pub directory: PathBuf,
    /// The file that says what was written last, outside of the directory.
    pub anchor: PathBuf,
    pub key: ChainKey,
    /// When a new segment is begun, in bytes.
    pub segment_size: u64,
    /// How long entries are kept at least; `None`: for good.
    pub retention: Option<Duration>,
}

/// `<directory>.anchor`
pub fn anchor_beside(directory: &Path) -> PathBuf {
    let mut name = directory.components().as_path().as_os_str().to_owned();
    name.push(".anchor");
    PathBuf::from(name)
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AuditOpenError {
    #[error("the audit log at {} is in use by another process", .0.display())]
    Held(PathBuf),
    #[error("the audit log at {} cannot be opened: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// A log that can be written on.
pub(super) struct Opened {
    pub(super) owned: Owned,
    pub(super) segments: Vec<Segment>,
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) link: Link,
    pub(super) anchor: Anchor,
    /// What was announced and never told.
    pub(super) open: BTreeMap<u64, Line>,
}

/// What was found.
pub(super) enum Start {
    Opened(Box<Opened>),
    /// What lies there is not what was written; in words. Nothing was changed.
    Broken(String, Owned, Vec<Segment>),
}

/// How a log ends.
struct End {
    /// The last line that holds.
    link: Link,
    /// Where it ends in the last segment.
    len: u64,
    open: BTreeMap<u64, Line>,
}

pub(super) fn open(options: &AuditOptions) -> Result<Start, AuditOpenError> {
    let path = &options.directory;
    let io = |error| AuditOpenError::Io { path: path.clone(), error };
    let owned = files::own(path).map_err(io)?.ok_or_else(|| AuditOpenError::Held(path.clone()))?;
    let segments = files::segments(path).map_err(io)?;
    let anchored = anchor::read(&options.anchor, &options.key).map_err(io)?;
    let broken = |what: String, owned, segments| Ok(Start::Broken(what, owned, segments));
    let anchor_path = options.anchor.display();
    let link = match (anchored, segments.is_empty()) {
        (anchor::Found::Nothing, true) | (anchor::Found::At(Link::START), true) => {
            return begin(options, owned).map_err(io);
        }
        (anchor::Found::At(link), true) => {
            let what = format!("its {} lines are gone: there is no segment at {}", link.seq, path.display());
            return broken(what, owned, segments);
        }
        (anchor::Found::Nothing, false) => {
            return broken(format!("its anchor {anchor_path} is gone"), owned, segments);
        }
        (anchor::Found::Unreadable, _) => {
            return broken(format!("its anchor {anchor_path} is damaged, or of another pepper"), owned, segments);
        }
        (anchor::Found::At(link), false) => link,
    };
    let End { link, len, open } = match end(&segments, link, &options.key).map_err(io)? {
        Ok(end) => end,
        Err(what) => return broken(what, owned, segments),
    };
    let last = segments.last().expect("there is one");
    let file = File::options().read(true).write(true).open(&last.path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > len {
        tracing::warn!(event = "audit_tail_cut", path = %last.path.display(), "an unfinished line was cut off: nobody was told of it");
        file.set_len(len).and_then(|()| file.sync_all()).map_err(io)?;
    }
    let anchor = Anchor::create(&options.anchor, options.key.clone(), link).map_err(io)?;
    Ok(Start::Opened(Box::new(Opened { owned, segments, file, len, link, anchor, open })))
}

/// A log that has no line yet.
fn begin(options: &AuditOptions, owned: Owned) -> io::Result<Start> {
    // In this order, so that a crash in between leaves what is begun again.
    let anchor = Anchor::create(&options.anchor, options.key.clone(), Link::START)?;
    let segment = Segment::new(&options.directory, 1);
    let file = segment.create()?;
    let (link, open) = (Link::START, BTreeMap::new());
    Ok(Start::Opened(Box::new(Opened { owned, segments: vec![segment], file, len: 0, link, anchor, open })))
}

/// Reads the last segments: from the one that the anchor lies in, and always the last two, since what is
/// announced in one is told in the next at the latest (`writer.rs`).
fn end(segments: &[Segment], anchored: Link, key: &ChainKey) -> io::Result<Result<End, String>> {
    let of_anchor = segments.iter().rposition(|segment| segment.first <= anchored.seq.max(1));
    let Some(of_anchor) = of_anchor else {
        return Ok(Err(format!("line {} is missing, which was the last one written", anchored.seq)));
    };
    let begin = of_anchor.min(segments.len().saturating_sub(2));
    let mut end = End { link: Link::START, len: 0, open: BTreeMap::new() };
    let mut is_first = true;
    for (index, segment) in segments.iter().enumerate().skip(begin) {
        end.len = 0;
        let mut lines = Lines::of(segment)?;
        while let Some(found) = lines.next()? {
            let at = || format!("{}, line {}", segment.path.display(), found.number);
            let good = found.open(key).ok().filter(|(line, _)| is_first || line.follows(end.link));
            let Some((line, link)) = good else {
                // Behind the anchor, and in the last segment, it was never acknowledged.
                let is_torn = end.link.seq >= anchored.seq && index + 1 == segments.len();
                return Ok(if is_torn { Ok(end) } else { Err(format!("{}: it is not what was written", at())) });
            };
            if link.seq == anchored.seq && link != anchored {
                return Ok(Err(format!("{}: it is another line than was written last", at())));
            }
            is_first = false;
            (end.link, end.len) = (link, found.end());
            note(&mut end.open, line);
        }
    }
    if end.link.seq < anchored.seq {
        let what = format!("it ends with line {}, and line {} was the last one written", end.link.seq, anchored.seq);
        return Ok(Err(what));
    }
    Ok(Ok(end))
}

/// Which announcements have not been settled.
pub(super) fn note(open: &mut BTreeMap<u64, Line>, line: Line) {
    if let Some(settled) = line.settles {
        open.remove(&settled);
    }
    if line.is_announcement() {
        open.insert(line.seq, line);
    }
}
