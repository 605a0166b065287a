//! Webhooks as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::event::{Attempt, DeadLetter, WebhookCounts, WebhookStatus};

/// A webhook, and how it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(in crate::admin) struct WebhookRecord {
    name: String,
    /// Without its path, which may be a secret.
    url: String,
    /// Empty: all.
    #[schema(value_type = Vec<terms::EventType>)]
    events: Vec<&'static str>,
    /// Empty: all.
    #[schema(value_type = Vec<terms::AccountId>)]
    accounts: Vec<String>,
    /// `ok`, `failing` or `gone`.
    state: &'static str,
    /// Messages that wait.
    pending: usize,
    /// Messages that could not be delivered.
    dead: usize,
    /// Since the start, as are the next two.
    delivered: u64,
    failed: u64,
    /// Dead letters that made room for newer ones.
    dropped: u64,
    #[schema(required, value_type = Option<terms::Moment>)]
    last_success: Option<String>,
    /// Why the last attempt failed; null if it did not.
    #[schema(required)]
    last_error: Option<String>,
}

/// A message that could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(in crate::admin) struct DeadLetterRecord {
    id: String,
    #[serde(rename = "type")]
    #[schema(value_type = terms::EventType)]
    kind: &'static str,
    #[schema(value_type = terms::Moment)]
    at: String,
    attempts: u32,
    reason: String,
    /// What the receiver would have got.
    #[schema(value_type = terms::Members)]
    payload: serde_json::Value,
}

/// What came of one message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(in crate::admin) struct AttemptRecord {
    delivered: bool,
    /// What the receiver answered; null: nothing.
    #[schema(required)]
    status: Option<u16>,
    /// Null: it was delivered.
    #[schema(required)]
    error: Option<String>,
    took_ms: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Redelivered {
    /// Messages that are in the line again.
    pub(in crate::admin) redelivered: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Discarded {
    /// Messages that are gone for good.
    pub(in crate::admin) discarded: usize,
}

impl WebhookRecord {
    pub(in crate::admin) fn new(status: WebhookStatus) -> Self {
        let WebhookStatus { name, url, events, accounts, counts, gone, failures, last_success, last_error } = status;
        let WebhookCounts { name: _, pending, dead, delivered, failed, dropped } = counts;
        let state = match (gone, failures) {
            (true, _) => "gone",
            (false, 0) => "ok",
            (false, _) => "failing",
        };
        Self {
            name,
            url,
            events: events.into_iter().map(|kind| kind.name()).collect(),
            accounts,
            state,
            pending,
            dead,
            delivered,
            failed,
            dropped,
            last_success: last_success.map(|at| at.to_string()),
            last_error,
        }
    }
}

impl DeadLetterRecord {
    pub(in crate::admin) fn new(letter: DeadLetter) -> Self {
        let DeadLetter { id, kind, at, attempts, reason, body } = letter;
        let payload = serde_json::from_str(&body).unwrap_or_default();
        Self { id, kind: kind.name(), at: at.to_string(), attempts, reason, payload }
    }
}

impl AttemptRecord {
    pub(in crate::admin) fn new(attempt: &Attempt) -> Self {
        let reason = attempt.reason().map(str::to_owned);
        let took_ms = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
        Self { delivered: reason.is_none(), status: attempt.status(), error: reason, took_ms }
    }
}
