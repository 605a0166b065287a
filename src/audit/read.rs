//! Entries from the disk, newest first: backwards through the segments, from where the page before ended.
//! How long a page takes does not depend on how long the log is.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::files::Segment;
use super::line::Line;
use super::query::{Page, Place, Query};

const CHUNK: u64 = 64 << 10;
/// Lines that one call looks at; the rest is for the next call.
const MOST_LOOKED_AT: usize = 20_000;

/// `segments` in order; of the last one, `len` bytes count.
pub(super) fn list(segments: &[Segment], len: u64, query: &Query) -> io::Result<Page> {
    let mut page = Page::default();
    let mut looked_at = 0;
    let last = segments.last().map(|segment| segment.first);
    for segment in segments.iter().rev() {
        let mut end = match query.after {
            Some(place) if place.segment < segment.first => continue,
            Some(place) if place.segment == segment.first => Some(place.offset),
            _ => None,
        };
        if Some(segment.first) == last {
            end = Some(end.unwrap_or(len).min(len));
        }
        let mut lines = Backwards::of(segment, end)?;
        while let Some((offset, text)) = lines.next()? {
            if page.lines.len() == query.limit || looked_at == MOST_LOOKED_AT {
                page.next = Some(Place { segment: segment.first, offset: lines.end });
                return Ok(page);
            }
            looked_at += 1;
            lines.end = offset;
            let Some(line) = Line::read(&text) else { continue };
            if query.is_past(&line) {
                return Ok(page);
            }
            if query.has(&line) {
                page.lines.push(line);
            }
        }
    }
    Ok(page)
}

/// The lines of a file from its end on.
struct Backwards {
    file: File,
    /// Where the line that was handed out last begins; the next one ends there.
    end: u64,
    /// From here on it was read.
    read: u64,
    /// Lines that were read and not handed out, the last one at the back.
    lines: VecDeque<(u64, Vec<u8>)>,
    /// The end of a line whose beginning was not read.
    rest: Vec<u8>,
}

impl Backwards {
    fn of(segment: &Segment, end: Option<u64>) -> io::Result<Self> {
        let file = File::open(&segment.path)?;
        let len = file.metadata()?.len();
        let end = end.map_or(len, |end| end.min(len));
        Ok(Self { file, end, read: end, lines: VecDeque::new(), rest: Vec::new() })
    }

    fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        while self.lines.is_empty() && self.read > 0 {
            self.read_more()?;
        }
        Ok(self.lines.pop_back())
    }

    fn read_more(&mut self) -> io::Result<()> {
        let begin = self.read.saturating_sub(CHUNK);
        let mut bytes = vec![0; usize::try_from(self.read - begin).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, begin)?;
        bytes.extend_from_slice(&self.rest);
        self.read = begin;
        let mut at = begin;
        let mut pieces = bytes.split_inclusive(|&byte| byte == b'\n');
        // What stands before the first line feed may have begun earlier.
        self.rest = if begin > 0 { pieces.next().unwrap_or_default().to_vec() } else { Vec::new() };
        at += self.rest.len() as u64;
        for piece in pieces {
            self.lines.push_back((at, piece.strip_suffix(b"\n").unwrap_or(piece).to_vec()));
            at += piece.len() as u64;
        }
        Ok(())
    }
}
