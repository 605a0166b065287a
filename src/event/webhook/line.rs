//! The line of one webhook: messages go out one at a time, and in their order while the receiver takes them.
//!
//! A message that fails goes behind the others and is tried again, later each time; and after each failure in
//! a row the whole line rests longer. So a message that a receiver cannot take holds nothing up, and a receiver
//! that is down is asked seldom. After its last attempt a message is a dead letter, and so is one that finds
//! the line full. Nothing here waits for a receiver but [`Line::run`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::WebhookOptions;
use super::status::{Attempt, DeadLetter, Outcome, WebhookCounts, WebhookStatus};
use crate::model::{AccountId, Clock, EventKind, Timestamp};

/// Dead letters that are kept; a further one takes the place of the oldest.
const MOST_DEAD: usize = 1_000;
/// The longest between two attempts, also where a receiver asks for more.
const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::event) struct Message {
    pub(in crate::event) id: String,
    pub(in crate::event) kind: EventKind,
    pub(in crate::event) at: Timestamp,
    pub(in crate::event) body: Bytes,
    pub(in crate::event) attempts: u32,
    /// After a failure. A restart begins anew.
    pub(in crate::event) not_before: Option<Instant>,
}

/// What a line has to do.
enum Next {
    Send(Message),
    Rest(Duration),
    /// Until a message comes.
    Wait,
}

pub(in crate::event) struct Line {
    pub(super) options: WebhookOptions,
    pub(super) clock: Clock,
    state: Mutex<State>,
    /// Told when there may be something to send.
    news: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Message>,
    dead: VecDeque<DeadLetter>,
    counts: WebhookCounts,
    gone: bool,
    /// The last message found no room.
    full: bool,
    failures: u32,
    rest_until: Option<Instant>,
    last_success: Option<Timestamp>,
    last_error: Option<String>,
    /// Counts what would have to be saved.
    changes: u64,
}

impl Line {
    pub(super) fn new(options: WebhookOptions, clock: Clock) -> Self {
        Self { options, clock, state: Mutex::default(), news: Notify::new() }
    }

    pub(in crate::event) fn name(&self) -> &str {
        &self.options.name
    }

    pub(super) fn wants(&self, kind: EventKind) -> bool {
        self.options.events.is_empty() || self.options.events.contains(&kind)
    }

    pub(super) fn covers(&self, is_within: impl Fn(AccountId) -> bool) -> bool {
        self.options.accounts.is_empty() || self.options.accounts.iter().any(|account| is_within(*account))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, message: Message) {
        let mut state = self.state();
        state.changes += 1;
        if state.gone {
            state.bury(message, "the receiver answered 410 before");
        } else if state.waiting.len() >= self.options.queue {
            if !std::mem::replace(&mut state.full, true) {
                tracing::error!(target: "keygate::webhook", webhook = %self.name(), "the line is full: messages are dead letters until there is room");
            }
            state.bury(message, "the line was full");
        } else {
            state.full = false;
            state.waiting.push_back(message);
            drop(state);
            self.news.notify_one();
        }
    }

    /// Sends what waits until it is told to stop. A message leaves the line only once it is settled, so that
    /// one that is cut off is there still.
    pub(super) async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let work = async {
            loop {
                match self.next() {
                    Next::Send(message) => {
                        let attempt = self.attempt(&message).await;
                        self.settle(&message.id, attempt);
                    }
                    Next::Rest(rest) => tokio::select! {
                        () = tokio::time::sleep(rest) => {}
                        // Somebody may have ended the rest.
                        () = self.news.notified() => {}
                    },
                    Next::Wait => self.news.notified().await,
                }
            }
        };
        tokio::select! {
            () = work => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    fn next(&self) -> Next {
        let (state, now) = (self.state(), self.clock.mono());
        let rest = state.rest_until.map(|until| until.saturating_duration_since(now)).filter(|rest| !rest.is_zero());
        if let (Some(rest), false) = (rest, state.waiting.is_empty()) {
            return Next::Rest(rest);
        }
        let is_due = |message: &&Message| message.not_before.is_none_or(|at| at <= now);
        if let Some(message) = state.waiting.iter().find(is_due) {
            return Next::Send(message.clone());
        }
        let first = state.waiting.iter().filter_map(|message| message.not_before).min();
        first.map_or(Next::Wait, |at| Next::Rest(at.saturating_duration_since(now)))
    }

    fn settle(&self, id: &str, attempt: Attempt) {
        let mut state = self.state();
        // It may have been moved meanwhile.
        let at = state.waiting.iter().position(|message| message.id == id);
        let Some(mut message) = at.and_then(|at| state.waiting.remove(at)) else { return };
        message.attempts += 1;
        state.changes += 1;
        let reason = attempt.reason().unwrap_or_default().to_owned();
        match attempt.outcome {
            Outcome::Delivered(_) => {
                state.counts.delivered += 1;
                (state.failures, state.rest_until, state.last_error) = (0, None, None);
                state.last_success = Some(self.clock.wall());
            }
            Outcome::Gone => {
                tracing::error!(target: "keygate::webhook", webhook = %self.name(), "the receiver answered 410: nothing is sent to it until its dead letters are redelivered, or until a restart");
                state.failed(&reason);
                state.gone = true;
                state.bury(message, &reason);
                for behind in std::mem::take(&mut state.waiting) {
                    state.bury(behind, &reason);
                }
            }
            Outcome::Failed { wait, .. } => {
                state.failed(&reason);
                let rest = wait.map_or(self.rest(state.failures), |wait| wait.max(self.rest(state.failures)));
                let now = self.clock.mono();
                state.rest_until = Some(now + rest.min(LONGEST_REST));
                let (webhook, attempts) = (self.name(), message.attempts);
                if attempts < self.options.attempts {
                    tracing::warn!(target: "keygate::webhook", %webhook, id, attempts, %reason, "a message could not be delivered; it is tried again");
                    message.not_before = Some(now + self.rest(attempts));
                    state.waiting.push_back(message);
                } else {
                    tracing::error!(target: "keygate::webhook", %webhook, id, attempts, %reason, "a message could not be delivered and is a dead letter");
                    state.bury(message, &reason);
                }
            }
        }
    }

    /// Twice as long after each failure, and a random part of it more or less, so that many do not come back
    /// together.
    fn rest(&self, failures: u32) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1).min(20));
        let rest = self.options.retry_after.saturating_mul(doubled).min(LONGEST_REST);
        rest.mul_f64(0.75 + fastrand::f64() / 2.0)
    }

    pub(super) fn dead(&self) -> Vec<DeadLetter> {
        self.state().dead.iter().cloned().collect()
    }

    /// Forgets dead letters: those with these ids, or all. How many that were.
    pub(super) fn discard(&self, ids: Option<&[String]>) -> usize {
        let mut state = self.state();
        let before = state.dead.len();
        state.dead.retain(|letter| ids.is_some_and(|ids| !ids.contains(&letter.id)));
        state.changes += 1;
        before - state.dead.len()
    }

    /// Also ends the rest of a receiver that failed, and lets one that was gone be asked again.
    pub(super) fn redeliver(&self, ids: Option<&[String]>) -> usize {
        let mut state = self.state();
        let is_meant = |letter: &DeadLetter| ids.is_none_or(|ids| ids.contains(&letter.id));
        let room = self.options.queue.saturating_sub(state.waiting.len());
        let mut moved = 0;
        let (kept, taken): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut state.dead).into_iter().partition(|letter| {
                let is_taken = moved < room && is_meant(letter);
                moved += usize::from(is_taken);
                !is_taken
            });
        state.dead = kept;
        state.waiting.extend(taken.into_iter().map(Message::from));
        (state.gone, state.failures, state.rest_until) = (false, 0, None);
        state.changes += 1;
        drop(state);
        self.news.notify_one();
        moved
    }

    pub(super) fn status(&self) -> WebhookStatus {
        let counts = self.counts();
        let (options, state) = (&self.options, self.state());
        WebhookStatus {
            name: options.name.clone(),
            url: options.url.clone(),
            events: options.events.clone(),
            accounts: options.accounts.iter().map(ToString::to_string).collect(),
            counts,
            gone: state.gone,
            failures: state.failures,
            last_success: state.last_success,
            last_error: state.last_error.clone(),
        }
    }

    pub(super) fn counts(&self) -> WebhookCounts {
        let state = self.state();
        let (pending, dead) = (state.waiting.len(), state.dead.len());
        WebhookCounts { name: self.name().to_owned(), pending, dead, ..state.counts.clone() }
    }

    /// How often anything changed that is to be saved.
    pub(in crate::event) fn changes(&self) -> u64 {
        self.state().changes
    }

    pub(in crate::event) fn contents(&self) -> (Vec<Message>, Vec<DeadLetter>) {
        let state = self.state();
        (state.waiting.iter().cloned().collect(), state.dead.iter().cloned().collect())
    }

    /// Puts back what was saved, before anything is sent.
    pub(in crate::event) fn restore(&self, waiting: Vec<Message>, dead: Vec<DeadLetter>) {
        let mut state = self.state();
        for letter in dead {
            state.keep(letter);
        }
        for message in waiting {
            if state.waiting.len() < self.options.queue {
                state.waiting.push_back(message);
            } else {
                state.bury(message, "the line was full");
            }
        }
    }
}

impl State {
    fn failed(&mut self, reason: &str) {
        self.counts.failed += 1;
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(reason.to_owned());
    }

    fn bury(&mut self, message: Message, reason: &str) {
        let Message { id, kind, at, body, attempts, not_before: _ } = message;
        let body = String::from_utf8_lossy(&body).into_owned();
        self.keep(DeadLetter { id, kind, at, attempts, reason: reason.to_owned(), body });
    }

    fn keep(&mut self, letter: DeadLetter) {
        if self.dead.len() >= MOST_DEAD {
            self.dead.pop_front();
            self.counts.dropped += 1;
        }
        self.dead.push_back(letter);
    }
}

impl From<DeadLetter> for Message {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { id, kind, at, body, .. } = letter;
        Self { id, kind, at, body: body.into(), attempts: 0, not_before: None }
    }
}
