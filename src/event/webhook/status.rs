//! How a webhook is, for those who run the gateway.

use std::time::Duration;

use crate::model::{EventKind, Timestamp};

/// What the API shows of a webhook.
#[derive(Debug, Clone)]
pub struct WebhookStatus {
    pub name: String,
    pub url: String,
    /// Empty: all.
    pub events: Vec<EventKind>,
    pub accounts: Vec<String>,
    pub counts: WebhookCounts,
    /// The receiver answered 410: nothing is sent until somebody redelivers.
    pub gone: bool,
    /// Attempts that failed since the last one that did not.
    pub failures: u32,
    pub last_success: Option<Timestamp>,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct WebhookCounts {
    pub name: String,
    pub pending: usize,
    pub dead: usize,
    pub delivered: u64,
    pub failed: u64,
    /// Dead letters that had to make room for newer ones.
    pub dropped: u64,
}

/// A message that could not be delivered.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: String,
    pub kind: EventKind,
    pub at: Timestamp,
    pub attempts: u32,
    pub reason: String,
    /// The JSON that the receiver would have got.
    pub body: String,
}

/// What became of one attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub outcome: Outcome,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered 2xx.
    Delivered(u16),
    /// It answered 410: it wants no more of them.
    Gone,
    Failed {
        status: Option<u16>,
        reason: String,
        /// How long the receiver asks to be left alone.
        wait: Option<Duration>,
    },
}

impl Attempt {
    /// The status that was answered, where anything was.
    pub fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Delivered(status) => Some(*status),
            Outcome::Gone => Some(410),
            Outcome::Failed { status, .. } => *status,
        }
    }

    /// Why it failed; `None` if it did not.
    pub fn reason(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Delivered(_) => None,
            Outcome::Gone => Some("it answered 410, and is sent nothing any more"),
            Outcome::Failed { reason, .. } => Some(reason),
        }
    }
}
