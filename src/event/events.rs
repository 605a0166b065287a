//! What happened, made into events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::id;
use super::payload::{self, Detail};
use super::schedule::Distances;
use super::webhook::Webhooks;
use crate::auth::{Accounts, TokenChange};
use crate::model::{
    AccountId, Clock, EventKind, Kind, LeakAction, Life, PlanName, Policies, Policy, Secret, State, Subject, Timestamp,
    Token, TokenId, TurnKind, Usage, Warning,
};

/// A token is told of once in this time, however often it is over its limit.
const QUIET: i64 = 3_600_000;
/// Tokens of which it is remembered when they were over a limit (worst case 10,000 × 40 bytes).
const MOST_REMEMBERED: usize = 10_000;

/// Where the text of a token was found, and what its policy says about that.
#[derive(Debug, Clone)]
pub struct Leak {
    pub source: String,
    /// Without the token's text, also where that was a part of it.
    pub url: String,
    pub action: LeakAction,
    /// Which of the token's texts it is.
    pub secret: Secret,
}

/// Makes events and hands them on. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    webhooks: Webhooks,
    accounts: Accounts,
    policies: Arc<Policies>,
    clock: Clock,
    distances: Distances,
    /// When each token was last told to be over its limit.
    limited: Mutex<HashMap<TokenId, Timestamp>>,
}

impl Events {
    pub fn new(
        webhooks: Webhooks,
        accounts: Accounts,
        policies: Arc<Policies>,
        clock: Clock,
        distances: Distances,
    ) -> Self {
        let inner = Inner { webhooks, accounts, policies, clock, distances, limited: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(super) fn distances(&self) -> &Distances {
        &self.inner.distances
    }

    /// The policy of the account and its plan; `None` where nobody can tell.
    pub(super) fn policy(&self, account: AccountId) -> Option<(Arc<Policy>, Option<PlanName>)> {
        let way_up = self.inner.accounts.way_up(account);
        let policy = self.inner.policies.of(&way_up).ok()?;
        Some((policy, way_up.into_iter().next().and_then(|account| account.plan)))
    }

    /// Whether anybody wants to hear of such events.
    pub(super) fn is_wanted(&self, kind: EventKind) -> bool {
        self.inner.webhooks.is_wanted(kind)
    }

    /// A change of a token is durable.
    pub fn changed(&self, change: &TokenChange) {
        let Some(token) = change.after.as_ref().or(change.before.as_ref()) else { return };
        let Some(kind) = kind_of(change) else { return };
        // A deletion has no revision of its own, and happens once.
        let cause = format!("{} {}", token.revision.0, change.after.is_some());
        self.tell(kind, token, &cause, Detail::Nothing);
        if let (EventKind::Created | EventKind::Updated, Some(after)) = (kind, &change.after) {
            self.warn_at_once(change.before.as_ref(), after, &cause);
        }
    }

    /// The remarks that a change alone brings about; those that time brings are the schedule's.
    fn warn_at_once(&self, before: Option<&Token>, after: &Token, cause: &str) {
        if !self.is_wanted(EventKind::Warning) {
            return;
        }
        let Some((policy, plan)) = self.policy(after.account) else { return };
        let now = self.inner.clock.wall();
        let of = |token| policy.warnings(Subject::new(token, &Usage::default(), plan.as_ref(), now));
        let had = before.map(of).unwrap_or_default();
        for warning in of(after).into_iter().filter(|warning| !had.iter().any(|had| had.code == warning.code)) {
            let cause = format!("{} {cause}", warning.code);
            self.tell(EventKind::Warning, after, &cause, Detail::Warning(warning));
        }
    }

    pub(super) fn warned(&self, token: &Token, warning: Warning, since: Timestamp) {
        let cause = format!("{} {}", warning.code, since.millis());
        self.tell(EventKind::Warning, token, &cause, Detail::Warning(warning));
    }

    /// `within` seconds of its expiry are left.
    pub(super) fn expires_soon(&self, token: &Token, within: u64) {
        let cause = format!("{within} {}", token.expires.map_or(0, Timestamp::millis));
        self.tell(EventKind::Expiring, token, &cause, Detail::Expiring { within });
    }

    pub(super) fn expired(&self, token: &Token) {
        let cause = token.expires.map_or(0, Timestamp::millis).to_string();
        self.tell(EventKind::Expired, token, &cause, Detail::Nothing);
    }

    /// The overlap of a rotation ended by itself.
    pub(super) fn overlap_ended(&self, token: &Token, at: Timestamp) {
        self.tell(EventKind::OverlapEnded, token, &at.millis().to_string(), Detail::Nothing);
    }

    /// A token's text was found where it does not belong. `cause` tells this find from others.
    pub fn leaked(&self, token: &Token, leak: Leak, cause: &str) {
        self.tell(EventKind::Leaked, token, cause, Detail::Leaked(leak));
    }

    /// Whether a token that was refused over its limit is to be told of: not more than once an hour.
    pub fn is_news(&self, token: TokenId, at: Timestamp) -> bool {
        if !self.is_wanted(EventKind::LimitReached) {
            return false;
        }
        let mut limited = self.inner.limited.lock().unwrap_or_else(PoisonError::into_inner);
        if limited.get(&token).is_some_and(|told| at.millis() - told.millis() < QUIET) {
            return false;
        }
        if limited.len() >= MOST_REMEMBERED {
            limited.retain(|_, told| at.millis() - told.millis() < QUIET);
        }
        if limited.len() < MOST_REMEMBERED {
            limited.insert(token, at);
        }
        true
    }

    /// So many requests with the token were refused over its limit within seconds.
    pub fn over_limit(&self, token: &Token, at: Timestamp, refused: u64) {
        self.tell(EventKind::LimitReached, token, &at.millis().to_string(), Detail::Limit { refused });
    }

    fn tell(&self, kind: EventKind, token: &Token, cause: &str, detail: Detail) {
        // Logins come and go by the thousand, and nobody waits to hear of each.
        let is_quiet = matches!(kind, EventKind::Created | EventKind::Updated | EventKind::Deleted);
        if token.kind == Kind::Session && is_quiet {
            return;
        }
        let at = self.inner.clock.wall();
        let way_up = self.inner.accounts.way_up(token.account);
        let is_within = |account: AccountId| account == token.account || way_up.iter().any(|above| above.id == account);
        self.inner.webhooks.offer(kind, is_within, || {
            (id::of_cause(kind, token.id, cause), at, payload::body(kind, at, Some(token), &detail))
        });
    }
}

/// Which kind of event a change is; `None` for what nobody outside notices.
fn kind_of(change: &TokenChange) -> Option<EventKind> {
    let (before, after) = match (&change.before, &change.after) {
        (None, None) => return None,
        // Keys of another system come by the hundred thousand, and who imports them knows of it.
        (None, Some(after)) if after.id.imported_by().is_some() => return None,
        (None, Some(_)) => return Some(EventKind::Created),
        (Some(_), None) => return Some(EventKind::Deleted),
        (Some(before), Some(after)) => (before, after),
    };
    match (before.state, after.state) {
        (before, after) if before == after => {}
        (_, State::Revoked { .. }) => return Some(EventKind::Revoked),
        (_, State::Disabled) => return Some(EventKind::Disabled),
        (_, State::Active) => return Some(EventKind::Enabled),
    }
    if number(before) != number(after) {
        let turn = after.rotation.as_ref().and_then(|rotation| rotation.history.last());
        let is_undone = turn.is_some_and(|turn| turn.what == TurnKind::Undone);
        return Some(if is_undone { EventKind::RotationUndone } else { EventKind::Rotated });
    }
    if life(before) != life(after) && matches!(life(after), Some(Life::Ended(_))) {
        return Some(EventKind::OverlapEnded);
    }
    let like_after = Token {
        digest: after.digest,
        revision: after.revision,
        sealed: after.sealed.clone(),
        created: after.created,
        ..before.clone()
    };
    (like_after != *after).then_some(EventKind::Updated)
}

/// Which of the token's texts is the present one. That a key of another system gets a digest of this one
/// changes none of them.
fn number(token: &Token) -> Option<u32> {
    token.number_of(Secret::Present)
}

/// Of the text that was replaced.
fn life(token: &Token) -> Option<Life> {
    token.rotation.as_ref().map(|rotation| rotation.old.life)
}
