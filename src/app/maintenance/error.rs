//! Why an operation on the store's directory was not done, and what is to blame.

use std::path::PathBuf;

use crate::app::error::{Remedy, StartError};
use crate::model::AccountId;
use crate::store::{ExchangeError, OpenError, RebuildError, StoreError};

/// Why it was not done. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    #[error("the configuration's store is in memory, and there is none without a gateway")]
    InMemory,
    #[error("there is no store at {}", .0.display())]
    NoStore(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    #[error("{} is no regular file, and has to be read twice: save it as a file first", .0.display())]
    NotRereadable(PathBuf),
    #[error("{}: {error}", .file.display())]
    File { file: PathBuf, error: ExchangeError },
    #[error("{}: line {line}: {error}", .file.display())]
    Record { file: PathBuf, line: u64, error: RebuildError },
    #[error(
        "{}: line {line}: account {account} is a root account, and {root} is the store's own: an installation has one",
        .file.display()
    )]
    SecondRoot { file: PathBuf, line: u64, account: AccountId, root: AccountId },
    #[error("the export cannot be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("the store at {} is damaged: the database panicked", .0.display())]
    Panicked(PathBuf),
}

/// What is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A store or a file that is damaged, incomplete or of another pepper.
    Data,
    /// What was to be added is there already.
    Exists,
    /// Another process has the store.
    Held,
    Other,
}

impl MaintenanceError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Open(error) => of_open(error),
            Self::Store(error) => of_store(error),
            Self::Rebuild(error) | Self::Record { error, .. } => match error {
                RebuildError::Open(error) => of_open(error),
                RebuildError::Store(error) => of_store(error),
                RebuildError::DuplicateToken(_)
                | RebuildError::DuplicateAccount(_)
                | RebuildError::DuplicateUser(_)
                | RebuildError::DuplicateNote(_)
                | RebuildError::DuplicateDigest(_) => Fault::Exists,
            },
            Self::Start(error) if error.is_data() => Fault::Data,
            Self::File { error: ExchangeError::Flawed { .. }, .. } | Self::Panicked(_) => Fault::Data,
            Self::SecondRoot { .. } => Fault::Exists,
            Self::InMemory
            | Self::NoStore(_)
            | Self::NotRereadable(_)
            | Self::Start(_)
            | Self::File { .. }
            | Self::Write(_) => Fault::Other,
        }
    }

    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Open(error) | Self::Rebuild(RebuildError::Open(error)) => Remedy::of(error),
            _ => None,
        }
    }
}

fn of_store(error: &StoreError) -> Fault {
    if matches!(error, StoreError::Damaged { .. }) { Fault::Data } else { Fault::Other }
}

fn of_open(error: &OpenError) -> Fault {
    match error {
        OpenError::Held { .. } => Fault::Held,
        other if other.is_damage() => Fault::Data,
        _ => Fault::Other,
    }
}
