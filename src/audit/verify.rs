//! All of a log is proven: that nothing of it was altered, inserted, removed or put elsewhere, and that
//! its end is there.
//!
//! Every line has a keyed hash, its number, and the hash of the line before; the anchor has the last one.
//! Whoever has the files alone can make no line that fits, so what was done to the log shows in which
//! lines fit and which do not: the first that does not is named, and what must have happened to it.

use std::collections::BTreeMap;
use std::path::Path;

use super::action::Action;
use super::anchor;
use super::files::{self, Segment};
use super::finding::{Fault, VerifyError};
use super::line::{ChainKey, Flaw, Line, Link};
use super::open::note;
use super::walk::{Seen, Walk, found, io_of};

/// What a log holds that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    pub first: u64,
    pub last: u64,
    /// The last line that retention dropped; 0: none was.
    pub dropped: u64,
    /// What was announced and not told: it is under way, or a crash cut it off and no start came after.
    pub open: u64,
}

/// Proves the log in a directory. The gateway may write meanwhile.
pub fn verify(directory: &Path, anchor: &Path, key: &ChainKey) -> Result<Verified, VerifyError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| VerifyError::Io { path, error }
    };
    // In this order: what is written meanwhile stands behind the anchor.
    let anchored = anchor::read(anchor, key).map_err(io(anchor))?;
    let is_running = files::is_owned(directory);
    let segments = files::segments(directory).map_err(io(directory))?;
    if segments.is_empty() {
        return match anchored {
            anchor::Found::Nothing => Err(VerifyError::NoLog(directory.to_owned())),
            anchor::Found::At(Link::START) => Ok(Verified::default()),
            anchor::Found::At(link) => Err(gone(link.seq)),
            anchor::Found::Unreadable => Err(unanchored(anchor, "is damaged, or of another pepper")),
        };
    }
    let mut proof = Proof::new(key, &segments, anchored);
    proof.is_running = is_running;
    proof.walk()?;
    match anchored {
        anchor::Found::At(_) => proof.end(),
        anchor::Found::Nothing => Err(unanchored(anchor, "is gone")),
        anchor::Found::Unreadable => Err(unanchored(anchor, "is damaged, or of another pepper")),
    }
}

/// Proves an export. Whether its end is there, only the log itself can tell.
pub fn verify_file(file: &Path, key: &ChainKey) -> Result<Verified, VerifyError> {
    let segment = Segment { first: 0, path: file.to_owned() };
    let segments = [segment];
    let mut proof = Proof::new(key, &segments, anchor::Found::Nothing);
    proof.walk()?;
    if proof.link.is_none() {
        return Err(found(Fault::Gone, None, "there is no line in it".to_owned()));
    }
    proof.end()
}

/// How far the log is proven.
struct Proof<'a> {
    key: &'a ChainKey,
    segments: &'a [Segment],
    anchored: anchor::Found,
    is_running: bool,
    first: Option<Line>,
    link: Option<Link>,
    /// The last line that an entry says was dropped, and its hash.
    dropped: Option<(u64, String)>,
    open: BTreeMap<u64, Line>,
}

impl<'a> Proof<'a> {
    fn new(key: &'a ChainKey, segments: &'a [Segment], anchored: anchor::Found) -> Self {
        let (first, link, dropped, open) = (None, None, None, BTreeMap::new());
        Self { key, segments, anchored, is_running: false, first, link, dropped, open }
    }

    fn walk(&mut self) -> Result<(), VerifyError> {
        let mut walk = Walk::new(self.segments);
        while let Some(seen) = walk.next()? {
            let before = self.link;
            self.check(&seen, &walk)?;
            // An export is one file of any name.
            let named = seen.segment.first;
            let is_first = seen.found.number == 1 && named != 0 && self.link != before;
            let seq = self.link.map_or(0, |link| link.seq);
            if is_first && seq != named {
                return Err(self.misnamed(&seen, seq, before.is_some(), &walk)?);
            }
        }
        self.check_empty()
    }

    /// A file that begins with another line than its name says.
    fn misnamed(&self, seen: &Seen<'_>, seq: u64, follows: bool, rest: &Walk<'_>) -> Result<VerifyError, VerifyError> {
        let named = seen.segment.first;
        let (fault, what) = if follows || seq < named {
            (Fault::Renamed, format!("the file's name says that it begins with line {named}"))
        } else if self.stands_later(named, seen, rest)? {
            (Fault::Reordered, format!("line {seq} stands before line {named}"))
        } else {
            (Fault::Removed, format!("the lines from {named} on are missing before it"))
        };
        Ok(seen.fault(fault, what))
    }

    /// One line, on the ones before it.
    fn check(&mut self, seen: &Seen<'_>, rest: &Walk<'_>) -> Result<(), VerifyError> {
        let (line, link) = match seen.found.open(self.key) {
            Ok(good) => good,
            Err(Flaw::Unknown) => {
                return Err(seen.fault(Fault::Later, "a later version of keygate wrote it".to_owned()));
            }
            Err(Flaw::Altered) => return self.altered(seen, rest),
        };
        match self.link {
            Some(before) if line.follows(before) => {}
            Some(before) => return self.misplaced(seen, &line, before, rest),
            None if line.seq == 1 && !line.follows(Link::START) => {
                return Err(
                    seen.fault(Fault::Foreign, "it is line 1, and says that another one stood before it".to_owned())
                );
            }
            None => self.first = Some(line.clone()),
        }
        if let anchor::Found::At(anchored) = self.anchored
            && anchored.seq == link.seq
            && anchored != link
        {
            return Err(seen.fault(Fault::Foreign, format!("line {} is another one than was written last", link.seq)));
        }
        if let Some(dropped) = drop_of(&line) {
            self.dropped = Some(dropped);
        }
        self.link = Some(link);
        note(&mut self.open, line);
        Ok(())
    }

    /// A line whose hash is not its own: from the next one that holds follows what it was.
    fn altered(&self, seen: &Seen<'_>, rest: &Walk<'_>) -> Result<(), VerifyError> {
        let before = self.link.map_or(0, |link| link.seq);
        let (mut bad, mut next) = (1, None);
        let mut walk = rest.again(seen)?;
        while let Some(seen) = walk.next()? {
            match seen.found.open(self.key) {
                Ok((line, _)) => {
                    next = Some(line);
                    break;
                }
                Err(_) => bad += 1,
            }
        }
        let number = |fault, what| Err(seen.fault(fault, what));
        let of_log = next.as_ref().map_or(before + 1, |line: &Line| line.seq.saturating_sub(bad));
        let is_anchored = matches!(self.anchored, anchor::Found::At(_));
        match next {
            Some(line) if self.link.is_none() && line.seq == 1 || self.link.is_some_and(|link| line.follows(link)) => {
                number(Fault::Inserted, format!("{} that keygate did not write", lines(bad)))
            }
            Some(_) => number(Fault::Edited, format!("line {of_log} of the log is not as it was written")),
            None if !seen.found.is_whole && is_anchored && !self.is_behind_anchor(before) => {
                number(Fault::Truncated, format!("line {of_log} of the log is cut off"))
            }
            None if !seen.found.is_whole && self.is_running && self.is_behind_anchor(before) => Ok(()),
            None if !seen.found.is_whole && self.is_behind_anchor(before) => number(
                Fault::Unfinished,
                "an unfinished line, or something that was added; the next start cuts it off".to_owned(),
            ),
            None if self.is_behind_anchor(before) => {
                number(Fault::Inserted, format!("{} that keygate did not write", lines(bad)))
            }
            None => {
                let pepper = if self.link.is_none() { ", or it was written with another pepper" } else { "" };
                number(Fault::Edited, format!("line {of_log} of the log is not as it was written{pepper}"))
            }
        }
    }

    /// Whether everything that was acknowledged stands before.
    fn is_behind_anchor(&self, seq: u64) -> bool {
        matches!(self.anchored, anchor::Found::At(link) if link.seq <= seq)
    }

    /// A good line that does not follow the one before.
    fn misplaced(&self, seen: &Seen<'_>, line: &Line, before: Link, rest: &Walk<'_>) -> Result<(), VerifyError> {
        let first = self.first.as_ref().map_or(0, |line| line.seq);
        let wanted = before.seq + 1;
        let (fault, what) = match line.seq {
            seq if seq == wanted => (Fault::Foreign, format!("line {seq} of another history stands in its place")),
            seq if seq < first => (Fault::Reordered, format!("line {seq} stands behind line {}", before.seq)),
            seq if seq < wanted => (Fault::Repeated, format!("line {seq} stands here once more")),
            seq => match self.stands_later(wanted, seen, rest)? {
                true => (Fault::Reordered, format!("line {seq} stands before line {wanted}")),
                false if seq - wanted == 1 => (Fault::Removed, format!("line {wanted} is missing before it")),
                false => (Fault::Removed, format!("lines {wanted} to {} are missing before it", seq - 1)),
            },
        };
        Err(seen.fault(fault, what))
    }

    fn stands_later(&self, wanted: u64, seen: &Seen<'_>, rest: &Walk<'_>) -> Result<bool, VerifyError> {
        let mut walk = rest.again(seen)?;
        while let Some(seen) = walk.next()? {
            if seen.found.open(self.key).is_ok_and(|(line, _)| line.seq == wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A file without a line is one that was just begun.
    fn check_empty(&self) -> Result<(), VerifyError> {
        for (index, segment) in self.segments.iter().enumerate() {
            let len = segment.path.metadata().map_err(|error| io_of(segment, error))?.len();
            let is_begun =
                index + 1 == self.segments.len() && self.link.map_or(1, |link| link.seq + 1) == segment.first;
            if len == 0 && !is_begun && segment.first != 0 {
                let what = "the file is empty: its lines were removed, or it is none of keygate's".to_owned();
                return Err(found(Fault::Removed, Some((segment.path.clone(), 1)), what));
            }
        }
        Ok(())
    }

    /// That the log begins where it should, and ends there.
    fn end(&self) -> Result<Verified, VerifyError> {
        let last = self.link.map_or(0, |link| link.seq);
        if let anchor::Found::At(anchored) = self.anchored
            && anchored.seq > last
        {
            let what = format!("the log ends with line {last}, and line {} was the last one written", anchored.seq);
            return Err(found(Fault::Truncated, self.segments.last().map(|segment| (segment.path.clone(), 0)), what));
        }
        let first = self.first.as_ref().map_or(1, |line| line.seq);
        let (through, hash) = self.dropped.clone().unwrap_or_default();
        let is_proven = first == 1
            || first <= through
            || (first == through + 1 && self.first.as_ref().is_some_and(|line| line.previous() == hash));
        if !is_proven {
            let what = format!(
                "the log begins with line {first}, and nothing in it says that lines {} to {} were dropped",
                through + 1,
                first - 1
            );
            return Err(found(Fault::Removed, self.segments.first().map(|segment| (segment.path.clone(), 1)), what));
        }
        Ok(Verified { first, last, dropped: through.min(first - 1), open: self.open.len() as u64 })
    }
}

/// What an entry says was dropped.
fn drop_of(line: &Line) -> Option<(u64, String)> {
    let facts = line.after.as_ref().filter(|_| line.action == Action::AuditDrop.name())?;
    Some((facts.get("through")?.as_u64()?, facts.get("hash")?.as_str()?.to_owned()))
}

fn gone(seq: u64) -> VerifyError {
    found(Fault::Gone, None, format!("all {seq} lines that were written are gone"))
}

fn unanchored(anchor: &Path, what: &str) -> VerifyError {
    let what = format!("the anchor {} {what}, so nobody can tell where the log ended", anchor.display());
    found(Fault::Unanchored, None, what)
}

fn lines(count: u64) -> String {
    if count == 1 { "a line".to_owned() } else { format!("{count} lines") }
}
