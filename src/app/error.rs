//! Why a gateway does not start, or did not stop cleanly.

use std::io;
use std::path::PathBuf;

use crate::audit::{AuditOpenError, Unrecorded};
use crate::auth::{LifecycleError, PasswordError};
use crate::proxy::TrustError;
use crate::route::TableError;
use crate::server::BindError;
use crate::store::{OpenError, StoreError};

/// Why the gateway does not start. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("`{place}.tls`: {problem}")]
    Tls { place: String, problem: String },
    #[error("upstream `{upstream}`: {error}")]
    Trust { upstream: String, error: TrustError },
    #[error("{place}: {error}")]
    Outbound { place: String, error: TrustError },
    #[error("upstream `{upstream}`: `{name}` is no name that a certificate can have")]
    ServerName { upstream: String, name: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error("the store at {path} has no account yet; run `keygate init -c FILE` with this configuration to create the first one and its administrator token", path = .path.display())]
    NoAccount { path: PathBuf },
    #[error("the routes make no table: {0}")]
    Routes(#[from] TableError),
    #[error("{0} could not be started: {1}")]
    Thread(&'static str, io::Error),
    #[error("no password can be checked: {0}")]
    Passwords(#[from] PasswordError),
    #[error(transparent)]
    Audit(#[from] AuditOpenError),
    #[error("the first account cannot be noted: {0}")]
    Unrecorded(#[from] Unrecorded),
    #[error("the first account could not be created: {0}")]
    Bootstrap(#[from] LifecycleError),
}

/// What went wrong while the gateway ran or stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error("data-path worker {0} ended unexpectedly; its message is above")]
    WorkerEnded(usize),
    #[error("the thread for {0} ended unexpectedly; its message is above")]
    Thread(&'static str),
    #[error("{0} took too long and was given up")]
    Stuck(&'static str),
    #[error("the store was not closed cleanly: {0}")]
    Store(StoreError),
}

/// What helps where a store does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// A backup, or taking what is there for the truth.
    RestoreOrAccept,
    /// There is nothing that could be accepted.
    Restore,
}

impl Remedy {
    /// `None`: the store is in order, and something around it is not.
    pub(super) fn of(error: &OpenError) -> Option<Self> {
        match error {
            OpenError::Gone { .. } => Some(Self::Restore),
            OpenError::WrongPepper { .. } => None,
            other => other.is_damage().then_some(Self::RestoreOrAccept),
        }
    }
}

impl StartError {
    /// Whether the store's data is to blame.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_damage())
    }

    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Open(error) => Remedy::of(error),
            _ => None,
        }
    }
}
