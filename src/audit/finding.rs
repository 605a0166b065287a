//! What was done to a log, as its proof names it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What was done to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Edited,
    Inserted,
    Removed,
    Reordered,
    Repeated,
    /// The end is missing.
    Truncated,
    /// All of it is.
    Gone,
    /// A line with a right hash, of another history: an older copy, or another log of the same pepper.
    Foreign,
    /// A file has another one's name.
    Renamed,
    /// The last line is not whole.
    Unfinished,
    /// The anchor is away or damaged, so nobody can tell where the log ended.
    Unanchored,
    /// Not done to it: a later version wrote it.
    Later,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub fault: Fault,
    /// The file, and the line in it, counted from 1.
    pub place: Option<(PathBuf, u64)>,
    pub what: String,
}

/// Why a log is not proven.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("there is no audit log at {}", .0.display())]
    NoLog(PathBuf),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Found(Finding),
}

impl Fault {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Inserted => "inserted",
            Self::Removed => "removed",
            Self::Reordered => "reordered",
            Self::Repeated => "repeated",
            Self::Truncated => "truncated",
            Self::Gone => "gone",
            Self::Foreign => "foreign",
            Self::Renamed => "renamed",
            Self::Unfinished => "unfinished",
            Self::Unanchored => "unanchored",
            Self::Later => "later",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((path, 0)) => write!(f, "{}: ", path.display())?,
            Some((path, line)) => write!(f, "{}, line {line}: ", path.display())?,
            None => {}
        }
        write!(f, "{} ({})", self.what, self.fault.name())
    }
}
