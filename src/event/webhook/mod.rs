//! Webhooks: where events are sent, one line of messages for each.

mod delivery;
mod line;
mod signature;
mod status;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::id;
use super::payload::{self, Detail};
use crate::model::{AccountId, Clock, EventKind, Timestamp, WebhookSecret};
use crate::outbound::Target;
pub(super) use line::{Line, Message};
pub use status::{Attempt, DeadLetter, WebhookCounts, WebhookStatus};

/// One webhook of the configuration.
pub struct WebhookOptions {
    pub name: String,
    /// For people: without what could be a secret.
    pub url: String,
    pub target: Target,
    /// The present one first, and maybe the one before it.
    pub secrets: Vec<WebhookSecret>,
    /// Empty: all.
    pub events: Vec<EventKind>,
    /// Empty: all. Those below are meant too.
    pub accounts: Vec<AccountId>,
    /// Messages that may wait.
    pub queue: usize,
    /// How often a message is tried.
    pub attempts: u32,
    /// How long after the first failure it is tried again; twice as long after each further one.
    pub retry_after: Duration,
    /// For one attempt.
    pub timeout: Duration,
}

/// All webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    lines: Arc<[Arc<Line>]>,
    clock: Clock,
}

impl Webhooks {
    pub fn new(options: Vec<WebhookOptions>, clock: Clock) -> Self {
        let lines = options.into_iter().map(|options| Arc::new(Line::new(options, clock.clone()))).collect();
        Self { lines, clock }
    }

    pub(super) fn is_wanted(&self, kind: EventKind) -> bool {
        self.lines.iter().any(|line| line.wants(kind))
    }

    /// Puts an event into the line of every webhook that asked for it. It is made only where one did.
    pub(super) fn offer(
        &self,
        kind: EventKind,
        is_within: impl Fn(AccountId) -> bool,
        make: impl FnOnce() -> (String, Timestamp, Bytes),
    ) {
        let mut wanting = self.lines.iter().filter(|line| line.wants(kind) && line.covers(&is_within)).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let (id, at, body) = make();
        let message = Message { id, kind, at, body, attempts: 0, not_before: None };
        wanting.for_each(|line| line.push(message.clone()));
    }

    pub fn list(&self) -> Vec<WebhookStatus> {
        self.lines.iter().map(|line| line.status()).collect()
    }

    /// The messages that could not be delivered, the oldest first; `None`: there is no such webhook.
    pub fn dead(&self, name: &str) -> Option<Vec<DeadLetter>> {
        Some(self.line(name)?.dead())
    }

    /// Puts dead letters to the end of the line again: those with these ids, or all. How many that were.
    pub fn redeliver(&self, name: &str, ids: Option<&[String]>) -> Option<usize> {
        Some(self.line(name)?.redeliver(ids))
    }

    /// Forgets dead letters: those with these ids, or all. How many that were.
    pub fn discard(&self, name: &str, ids: Option<&[String]>) -> Option<usize> {
        Some(self.line(name)?.discard(ids))
    }

    /// Sends a message that says nothing, once and at once.
    pub async fn test(&self, name: &str) -> Option<Attempt> {
        let line = self.line(name)?;
        let (kind, at) = (EventKind::Test, self.clock.wall());
        let body = payload::body(kind, at, None, &Detail::Nothing);
        Some(line.attempt(&Message { id: id::fresh(), kind, at, body, attempts: 0, not_before: None }).await)
    }

    /// For metrics: what each has delivered, and what waits.
    pub fn counts(&self) -> Vec<WebhookCounts> {
        self.lines.iter().map(|line| line.counts()).collect()
    }

    /// Delivers until it is told to stop; what waits then is there still.
    pub async fn run(self, stopped: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        for line in self.lines.iter() {
            running.spawn(Arc::clone(line).run(stopped.clone()));
        }
        while running.join_next().await.is_some() {}
    }

    pub(super) fn lines(&self) -> &[Arc<Line>] {
        &self.lines
    }

    fn line(&self, name: &str) -> Option<&Arc<Line>> {
        self.lines.iter().find(|line| line.name() == name)
    }
}
