//! Why a store directory could not be opened, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

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
    #[error(
        "the store at {} is damaged: {problem}. It was not begun anew: put a backup of the directory in its place",
        .path.display()
    )]
    Damaged { path: PathBuf, problem: String },
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
    /// What went wrong at `path`, by the kind of the error.
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::NotADirectory => Self::NotADirectory { path },
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
