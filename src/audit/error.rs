//! Why something could not be noted, or read again.

/// Why an action has no entry, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// Heals by itself.
    #[error("the audit log has no room: {0}")]
    Full(String),
    /// Until somebody has looked after it.
    #[error("the audit log cannot be written: {0}")]
    Failed(String),
    #[error("too many entries wait to be written to the audit log")]
    Busy,
    #[error("the audit log is closed")]
    Closed,
}

/// Why entries cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be read: {0}")]
pub struct Unreadable(pub(super) String);
