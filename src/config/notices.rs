//! The settings of who is told of events, and of whose word about leaks is taken.

use std::path::PathBuf;
use std::time::Duration;

use super::settings::Scheme;
use crate::model::{AccountId, EventKind, WebhookSecret};

/// Where the gateway itself sends requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl {
    pub scheme: Scheme,
    /// A host name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// With the query.
    pub path: String,
}

/// `[[webhook]]`.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub name: String,
    pub url: WebUrl,
    /// `secret`, and `previous_secret` while receivers change over.
    pub secrets: Vec<WebhookSecret>,
    /// Empty: all.
    pub events: Vec<EventKind>,
    /// Empty: all. Those below are meant too.
    pub accounts: Vec<AccountId>,
    /// Whether it may be this machine or one of a private network (default false).
    pub allow_private: bool,
    /// Trusted roots (PEM) in place of the system's.
    pub ca: Option<PathBuf>,
    /// Messages that may wait (default 10,000).
    pub queue: usize,
    /// How often a message is tried (default 16).
    pub attempts: u32,
    /// How long after the first failure it is tried again (default 5 s); twice as long after each further one.
    pub retry_after: Duration,
    /// For one attempt (default 10 s).
    pub timeout: Duration,
}

/// `[events]`.
#[derive(Debug, Clone)]
pub struct Events {
    /// How long before its expiry a token is told of (default 30, 7 and 1 days).
    pub expiring: Vec<Duration>,
}

/// `[leaks]`.
#[derive(Debug, Clone)]
pub struct Leaks {
    /// Where the public keys of GitHub's secret scanning are; `None`: its alerts are not taken.
    pub github_keys: Option<KeySource>,
}

#[derive(Debug, Clone)]
pub enum KeySource {
    File(PathBuf),
    Url { url: WebUrl, ca: Option<PathBuf>, allow_private: bool },
}
