//! The lines of a log through all its files, and where in them something is wrong.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use super::files::Segment;
use super::finding::{Fault, Finding, VerifyError};
use super::scan::{Found, Lines};

/// Lines from a place on, through all files that follow.
pub(super) struct Walk<'a> {
    segments: &'a [Segment],
    index: usize,
    lines: Option<Lines<BufReader<File>>>,
}

pub(super) struct Seen<'a> {
    pub(super) segment: &'a Segment,
    pub(super) found: Found,
}

impl<'a> Walk<'a> {
    pub(super) fn new(segments: &'a [Segment]) -> Self {
        Self { segments, index: 0, lines: None }
    }

    /// The lines behind one that was seen.
    pub(super) fn again(&self, seen: &Seen<'_>) -> Result<Self, VerifyError> {
        let index = self.segments.iter().position(|segment| segment == seen.segment).unwrap_or(self.segments.len());
        let mut walk = Self { segments: self.segments, index, lines: None };
        while walk.next()?.is_some_and(|other| other.segment != seen.segment || other.found.number < seen.found.number)
        {
        }
        Ok(walk)
    }

    pub(super) fn next(&mut self) -> Result<Option<Seen<'a>>, VerifyError> {
        loop {
            let Some(segment) = self.segments.get(self.index) else { return Ok(None) };
            let lines = match &mut self.lines {
                Some(lines) => lines,
                none => none.insert(Lines::of(segment).map_err(|error| io_of(segment, error))?),
            };
            match lines.next().map_err(|error| io_of(segment, error))? {
                Some(found) => return Ok(Some(Seen { segment, found })),
                None => (self.index, self.lines) = (self.index + 1, None),
            }
        }
    }
}

impl Seen<'_> {
    pub(super) fn fault(&self, fault: Fault, what: String) -> VerifyError {
        found(fault, Some((self.segment.path.clone(), self.found.number)), what)
    }
}

pub(super) fn found(fault: Fault, place: Option<(PathBuf, u64)>, what: String) -> VerifyError {
    VerifyError::Found(Finding { fault, place, what })
}

pub(super) fn io_of(segment: &Segment, error: io::Error) -> VerifyError {
    VerifyError::Io { path: segment.path.clone(), error }
}
