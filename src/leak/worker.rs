//! What is done about a token whose text somebody found: what the policy of its account says.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::desk::Batch;
use crate::audit::{Action, Audit, Change, Entry, Object};
use crate::auth::{Lifecycle, LifecycleError};
use crate::event::{Events, Leak};
use crate::model::{Digest, LeakAction, Policies, Secret, State, Token};

/// Finds that are remembered, so that each is dealt with once (worst case 10,000 × 100 bytes).
const MOST_REMEMBERED: usize = 10_000;

/// A find that is one of our tokens, without its text.
pub(super) struct Taken {
    /// Under what it may be known.
    pub(super) digests: Vec<Digest>,
    pub(super) source: String,
    pub(super) url: String,
}

/// Works through what was handed in; see [`Worker::run`].
pub struct Worker {
    lifecycle: Lifecycle,
    policies: Arc<Policies>,
    events: Events,
    audit: Audit,
    batches: mpsc::Receiver<Batch>,
    known: Remembered,
}

impl Worker {
    pub(super) fn new(
        lifecycle: Lifecycle,
        policies: Arc<Policies>,
        events: Events,
        audit: Audit,
        batches: mpsc::Receiver<Batch>,
    ) -> Self {
        Self { lifecycle, policies, events, audit, batches, known: Remembered::default() }
    }

    /// Until no desk is left, and everything is done.
    pub async fn run(mut self) {
        while let Some(Batch { finds, done }) = self.batches.recv().await {
            for taken in finds {
                if let Err(error) = self.deal_with(&taken).await {
                    tracing::error!(target: "keygate::leak", %error, source = %taken.source, url = %taken.url, "a leaked token could not be dealt with");
                }
            }
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }

    /// Each find once: who enables the token again, knowing of it, is not overruled by its repetition.
    async fn deal_with(&mut self, taken: &Taken) -> Result<(), LifecycleError> {
        let cause = format!("{} {}", taken.source, taken.url);
        // The last one is of this installation, and stays the same.
        let Some(key) = taken.digests.last().map(|digest| Remembered::key(*digest, &cause)) else { return Ok(()) };
        if self.known.all.contains(&key) {
            return Ok(());
        }
        let Some((token, digest)) = self.lifecycle.find(&taken.digests).await? else { return Ok(()) };
        let Some(secret) = token.secret_of(&digest) else { return Ok(()) };
        // Where nobody can tell what the account wants, the usual is done.
        let policy = self.policies.of(&self.lifecycle.way_up(token.account)).ok();
        let wanted = policy.map(|policy| policy.leak_action).unwrap_or_default();
        let after = self.act(&token, secret, wanted).await?;
        self.known.add(key);
        tracing::warn!(target: "keygate::leak", token = %token.id, account = %token.account, action = wanted.name(), text = secret.name(), source = %taken.source, url = %taken.url, "a token was leaked");
        let leak = Leak { source: taken.source.clone(), url: taken.url.clone(), action: wanted, secret };
        self.note(&token, &after, &leak).await;
        self.events.leaked(&after, leak, &cause);
        Ok(())
    }

    /// A text that another one replaced is ended, and the token goes on.
    async fn act(&self, token: &Token, secret: Secret, wanted: LeakAction) -> Result<Token, LifecycleError> {
        let done = match (wanted, secret, token.state) {
            (LeakAction::Notify, ..) | (_, _, State::Revoked { .. }) => return Ok(token.clone()),
            (LeakAction::Disable, Secret::Present, State::Disabled) => return Ok(token.clone()),
            (LeakAction::Revoke, Secret::Present, _) => self.lifecycle.revoke(token.id).await,
            (LeakAction::Disable, Secret::Present, State::Active) => self.lifecycle.disable(token.id).await,
            (_, Secret::Old, _) => self.lifecycle.end_overlap(token.id).await,
        };
        match done {
            // It was revoked, deleted or over already.
            Err(LifecycleError::Revoked(_) | LifecycleError::NoToken(_) | LifecycleError::Rotation(_)) => {
                Ok(token.clone())
            }
            done => done,
        }
    }

    /// What takes rights away does not wait for the log; but it is told where it is not in it.
    async fn note(&self, before: &Token, after: &Token, leak: &Leak) {
        let now = self.lifecycle.clock().wall();
        let facts = [
            ("source", leak.source.clone().into()),
            ("url", leak.url.clone().into()),
            ("text", leak.secret.name().into()),
            ("leak_action", leak.action.name().into()),
            ("state_before", before.standing(now).name().into()),
            ("state_after", after.standing(now).name().into()),
        ];
        let entry = Entry::system(Action::TokenLeaked, Object::token(after), Change::noted(facts));
        if let Err(error) = self.audit.record(entry).await {
            tracing::error!(target: "keygate::audit", %error, token = %after.id, "a leak is not in the audit log");
        }
    }
}

/// The last finds that were dealt with.
#[derive(Default)]
struct Remembered {
    all: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Remembered {
    fn key(digest: Digest, cause: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(digest.as_bytes()).update(cause.as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn add(&mut self, key: [u8; 32]) {
        if !self.all.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MOST_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}
