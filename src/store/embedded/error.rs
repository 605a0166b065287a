//! Why a store directory could not be opened, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The store did not open. No record was changed; a database that is damaged was not repaired.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store's path {} is a file: give `store.path` a directory, or a name that is free", .path.display())]
    NotADirectory { path: PathBuf },
    #[error(
        "the store at {} is in use by {}: a store belongs to one process, so stop that one or give this one a \
         `store.path` of its own", .path.display(), holder(.pid)
    )]
    Held { path: PathBuf, pid: Option<u32> },
    #[error(
        "{} may not be read and written by this user: the store's directory must belong to the user that runs keygate \
         (chown), with mode 0700", .path.display()
    )]
    Permission { path: PathBuf },
    #[error("the store at {} cannot be opened: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("store_damaged: the store at {} is damaged: {problem}. Nothing was changed or begun anew", .path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error(
        "store_behind: the store at {} holds changes up to number {found}, and {acknowledged} were acknowledged: the \
         last ones are lost. Served as it is, it would accept tokens that were revoked", .path.display()
    )]
    Behind { path: PathBuf, found: u64, acknowledged: u64 },
    #[error(
        "store_rolled_back: the store at {} is an older copy of itself: it ends with change {found}, and change \
         {acknowledged} was acknowledged. Served as it is, it would accept tokens that were revoked since", .path.display()
    )]
    RolledBack { path: PathBuf, found: u64, acknowledged: u64 },
    #[error(
        "store_gone: there is no store at {}, but {} says that {tokens} tokens were in it. To begin a new store in its \
         place, remove that file", .path.display(), .anchor.display()
    )]
    Gone { path: PathBuf, anchor: PathBuf, tokens: u64 },
    #[error(
        "store_unanchored: {} is {what}, so nobody can say whether the store at {} is complete or an older copy",
        .anchor.display(), .path.display()
    )]
    Unanchored { path: PathBuf, anchor: PathBuf, what: &'static str },
    #[error(
        "store_full: {free} bytes are free at {}, and {needed} are needed to open the store there. It was not touched: a \
         database that is opened on a full disk can be lost. Make room, and start again", .path.display()
    )]
    Full { path: PathBuf, free: u64, needed: u64 },
    #[error(
        "store_full: there is no room at {} for the records a second time, beside those that are there: {problem}. The \
         store is as it was. Make room, and try again", .path.display()
    )]
    NoRoom { path: PathBuf, problem: String },
    #[error(
        "the anchor {} cannot be written: {error}. It has to lie outside of the store's directory, where this user may \
         write: give `store.anchor` a path", .anchor.display()
    )]
    Anchor { anchor: PathBuf, error: io::Error },
    #[error(
        "the usage counts at {} are damaged: {problem}. Tokens are not affected: move that directory away, and counting \
         starts again", .path.display()
    )]
    UsageDamaged { path: PathBuf, problem: String },
    #[error(
        "the store at {} has format {found}, and this version of keygate knows formats up to {known}: use the version \
         that wrote it, or a later one", .path.display()
    )]
    NewerSchema { path: PathBuf, found: u64, known: u64 },
    #[error(
        "the store at {} was made with another pepper, so no token in it would be found: give `tokens.pepper` the \
         pepper of this store", .path.display()
    )]
    WrongPepper { path: PathBuf },
}

impl OpenError {
    /// Whether what lies on the disk is to blame, and a restored store would open.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::Behind { .. }
            | Self::RolledBack { .. }
            | Self::Gone { .. }
            | Self::Unanchored { .. }
            | Self::WrongPepper { .. } => true,
            Self::NotADirectory { .. }
            | Self::Held { .. }
            | Self::Permission { .. }
            | Self::Io { .. }
            | Self::UsageDamaged { .. }
            | Self::NewerSchema { .. }
            | Self::Full { .. }
            | Self::NoRoom { .. }
            | Self::Anchor { .. } => false,
        }
    }

    pub(super) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }

    /// What a read of the store at `path` came to.
    pub(super) fn unread(path: &Path, error: StoreError) -> Self {
        match error {
            StoreError::Damaged { record, problem } => Self::damaged(path, format!("record {record}: {problem}")),
            StoreError::Full(problem) => Self::NoRoom { path: path.to_owned(), problem },
            other => Self::damaged(path, other.to_string()),
        }
    }

    /// What went wrong at `path`, by the kind of the error.
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::NotADirectory => Self::NotADirectory { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoRoom { path, problem: error.to_string() }
            }
            _ => Self::Io { path, error },
        }
    }
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test that runs as root meets no permission, so the mapping is checked here.
    #[test]
    fn a_missing_permission_says_what_to_do() {
        let error = OpenError::io(Path::new("/var/lib/keygate"), io::ErrorKind::PermissionDenied.into());
        assert_eq!(
            error.to_string(),
            "/var/lib/keygate may not be read and written by this user: the store's directory must belong to the user \
             that runs keygate (chown), with mode 0700"
        );
    }
}
