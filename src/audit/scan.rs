//! Lines of segments, one after the other, proven as they come.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use super::files::Segment;
use super::line::{ChainKey, Flaw, Line, Link};

/// No line is as long: what is longer is none.
const LONGEST: usize = 4 << 20;

/// A line as it lies in a segment.
#[derive(Debug)]
pub(super) struct Found {
    /// Counted from 1 in its file.
    pub(super) number: u64,
    /// Where it begins.
    pub(super) offset: u64,
    /// Without its line feed.
    pub(super) text: Vec<u8>,
    /// Whether it has one.
    pub(super) is_whole: bool,
}

/// Reads a file line by line.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    offset: u64,
}

impl Lines<BufReader<File>> {
    pub(super) fn of(segment: &Segment) -> io::Result<Self> {
        Ok(Self::new(BufReader::with_capacity(1 << 16, File::open(&segment.path)?)))
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, offset: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        let mut text = Vec::new();
        let read = io::Read::take(&mut self.input, LONGEST as u64).read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(None);
        }
        let is_whole = text.last() == Some(&b'\n');
        if is_whole {
            text.pop();
        }
        self.number += 1;
        let offset = self.offset;
        self.offset += read as u64;
        Ok(Some(Found { number: self.number, offset, text, is_whole }))
    }
}

impl Found {
    pub(super) fn open(&self, key: &ChainKey) -> Result<(Line, Link), Flaw> {
        if self.is_whole { Line::open(&self.text, key) } else { Err(Flaw::Altered) }
    }

    /// Where the next one begins.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.text.len() as u64 + u64::from(self.is_whole)
    }
}
