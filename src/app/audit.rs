//! What is done to an audit log at the command line, beside the gateway or without one.

use std::path::{Path, PathBuf};

use super::bootstrap;
use crate::audit::{self, Audit, AuditOpenError, AuditOptions, Change, Entry, Object, ObjectKind, VerifyError};
use crate::config::Settings;
use crate::model::Clock;
use crate::store::Summary;

pub use crate::audit::{Action, Finding, Verified};

/// The audit log of a configuration.
pub struct AuditLog {
    options: AuditOptions,
}

/// Why something was not done. The log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the configuration's store is in memory, and so is its audit log")]
    InMemory,
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Open(#[from] AuditOpenError),
    #[error("the audit log at {} is what was written: there is nothing to accept", .0.display())]
    Whole(PathBuf),
}

impl AuditLog {
    /// That of the configuration, or with its pepper another directory and anchor.
    pub fn new(settings: &Settings, directory: Option<&Path>, anchor: Option<&Path>) -> Result<Self, AuditError> {
        let options = bootstrap::audit_options(&settings.audit, &settings.tokens.pepper).ok_or(AuditError::InMemory)?;
        let beside = directory.map(audit::anchor_beside);
        let anchor = anchor.map(Path::to_owned).or(beside).unwrap_or_else(|| options.anchor.clone());
        let directory = directory.map_or_else(|| options.directory.clone(), Path::to_owned);
        Ok(Self { options: AuditOptions { directory, anchor, ..options } })
    }

    pub fn path(&self) -> &Path {
        &self.options.directory
    }

    pub fn verify(&self) -> Result<Verified, AuditError> {
        Ok(audit::verify(&self.options.directory, &self.options.anchor, &self.options.key)?)
    }

    /// Proves an export.
    pub fn verify_file(&self, file: &Path) -> Result<Verified, AuditError> {
        Ok(audit::verify_file(file, &self.options.key)?)
    }

    /// What is wrong with the log.
    pub fn finding(&self) -> Result<Finding, AuditError> {
        match audit::verify(&self.options.directory, &self.options.anchor, &self.options.key) {
            Ok(_) => Err(AuditError::Whole(self.options.directory.clone())),
            Err(VerifyError::Found(finding)) => Ok(finding),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the log aside for what was found, and begins another whose first line says so. Where it lies.
    pub fn accept(&self, finding: &Finding) -> Result<PathBuf, AuditError> {
        Ok(audit::accept(&self.options, finding, &Clock::system())?)
    }
}

impl AuditLog {
    /// Notes what was done to the store at the command line, where no gateway has the log.
    pub fn note(&self, action: Action, summary: &Summary) -> Result<(), NotNoted> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| NotNoted(error.to_string()))?;
        let log = Audit::open(self.options.clone(), Clock::system()).map_err(|error| NotNoted(error.to_string()))?;
        let facts = [
            ("revision", summary.revision.0.into()),
            ("tokens", summary.tokens.into()),
            ("accounts", summary.accounts.into()),
        ];
        let entry = Entry::system(action, Object::whole(ObjectKind::Store), Change::noted(facts));
        let noted = runtime.block_on(log.record(entry)).map_err(|error| NotNoted(error.to_string()));
        log.close();
        noted
    }
}

/// That the gateway starts or stops. Neither waits for a log that takes no entries: it says so by itself.
pub(super) async fn note_gateway(audit: &Audit, action: Action) {
    let version = ("version", env!("CARGO_PKG_VERSION").into());
    let entry = Entry::system(action, Object::whole(ObjectKind::Gateway), Change::noted([version]));
    if let Err(error) = audit.record(entry).await {
        tracing::error!(target: "keygate::audit", %error, action = action.name(), "this is not in the audit log");
    }
}

/// Why something is not in the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotNoted(String);

impl AuditError {
    /// Whether the log is not what was written.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Verify(VerifyError::Found(_)))
    }
}
