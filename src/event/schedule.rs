//! What time alone brings about: expiries, near and passed, and remarks of policies about age and use.
//!
//! A token's moments are looked for in a walk over all tokens, some thousands of them a second, and those of
//! the next hour are kept in their order. So an event is told within two seconds of its moment, and no tick
//! looks at more tokens than are due. A token that is made or changed meanwhile is looked at as it is changed.
//! After a stop, what was due meanwhile is told at the next start.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::events::Events;
use super::walk::{What, moments};
use crate::auth::Accounts;
use crate::model::{AccountId, EventKind, State, Subject, Timestamp, Token, TokenId, Usage};
use crate::store::{Store, StoreError};

/// Between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);
/// How far ahead moments are known, and how little of it may be left before the next walk begins.
const AHEAD: Duration = Duration::from_secs(3_600);
const LEFT: Duration = Duration::from_secs(600);
/// Tokens of one read, and reads of one tick.
const BATCH: usize = 256;
const READS: usize = 64;
/// Moments told in one tick, and those that are kept (about 40 bytes each).
const MOST_TOLD: usize = 4_096;
const MOST_KEPT: usize = 500_000;

/// How long before its expiry a token is told of, the longest first.
#[derive(Debug, Clone, Default)]
pub struct Distances(Vec<Duration>);

impl Distances {
    pub fn new(mut distances: Vec<Duration>) -> Self {
        distances.sort_by(|one, other| other.cmp(one));
        distances.dedup();
        Self(distances)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }
}

/// What is due when. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Schedule {
    plan: Arc<Mutex<Plan>>,
    events: Events,
    accounts: Accounts,
    store: Arc<dyn Store>,
}

struct Plan {
    /// All that was due until then was told.
    done: Timestamp,
    /// All that is due until then is in `due`, or will be at the end of the walk.
    covered: Timestamp,
    due: BTreeSet<(Timestamp, TokenId, What)>,
    walk: Option<Walk>,
}

/// A look at every token, under way.
#[derive(Debug, Clone)]
struct Walk {
    from: Timestamp,
    to: Timestamp,
    accounts: VecDeque<AccountId>,
    after: Option<TokenId>,
}

impl Schedule {
    /// `done`: up to when an earlier run told everything.
    pub fn new(events: Events, accounts: Accounts, store: Arc<dyn Store>, done: Option<Timestamp>) -> Self {
        let now = events.clock().wall();
        let done = done.map_or(now, |done| done.min(now));
        let plan = Plan { done, covered: done, due: BTreeSet::new(), walk: None };
        Self { plan: Arc::new(Mutex::new(plan)), events, accounts, store }
    }

    /// Up to when everything that was due was told.
    pub fn done(&self) -> Timestamp {
        self.plan().done
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token was made or changed.
    pub fn note(&self, token: &Token) {
        let now = self.events.clock().wall();
        // Of use that nobody recorded yet, the walk will know.
        let found = moments(token, &Usage::default(), &self.events);
        let mut plan = self.plan();
        found.into_iter().filter(|(at, _)| *at > now).for_each(|(at, what)| plan.keep(at, token.id, what));
    }

    /// Until it is told to stop.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                interval.tick().await;
                if let Err(error) = self.tick().await {
                    tracing::warn!(target: "keygate::webhook", %error, "what is due cannot be looked up; it is tried again");
                }
            }
        };
        tokio::select! {
            () = work => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }

    async fn tick(&self) -> Result<(), StoreError> {
        let now = self.events.clock().wall();
        let is_wanted = [EventKind::Expiring, EventKind::Expired, EventKind::OverlapEnded, EventKind::Warning];
        if !is_wanted.into_iter().any(|kind| self.events.is_wanted(kind)) {
            let mut plan = self.plan();
            (plan.done, plan.covered) = (now, now);
            plan.due.clear();
            return Ok(());
        }
        self.begin_walk(now);
        self.walk().await?;
        self.tell_due(now).await?;
        self.plan().settle(now);
        Ok(())
    }

    fn begin_walk(&self, now: Timestamp) {
        let mut plan = self.plan();
        if plan.walk.is_none() && plan.covered < now.plus(LEFT) {
            let root = self.accounts.root().map(|root| root.id);
            let accounts = root.map(|root| self.accounts.subtree(root)).unwrap_or_default().into();
            let (from, to) = (plan.covered, now.plus(AHEAD));
            plan.walk = Some(Walk { from, to, accounts, after: None });
            // What changes from now on is noted, also where the walk was already.
            plan.covered = to;
        }
    }

    /// Goes on with a walk for as many reads as a tick may have.
    async fn walk(&self) -> Result<(), StoreError> {
        for _ in 0..READS {
            let Some(mut walk) = self.plan().walk.clone() else { return Ok(()) };
            let Some(&account) = walk.accounts.front() else {
                self.plan().walk = None;
                return Ok(());
            };
            let tokens = self.store.list_tokens(account, walk.after, BATCH).await?;
            let usage = self.usage(account, &tokens).await?;
            let mut plan = self.plan();
            for (token, usage) in tokens.iter().zip(usage) {
                let found = moments(token, &usage, &self.events);
                let is_of_walk = |at: Timestamp| walk.from < at && at <= walk.to;
                found
                    .into_iter()
                    .filter(|(at, _)| is_of_walk(*at))
                    .for_each(|(at, what)| plan.keep(at, token.id, what));
            }
            match tokens.last() {
                Some(last) if tokens.len() == BATCH => walk.after = Some(last.id),
                _ => {
                    walk.accounts.pop_front();
                    walk.after = None;
                }
            }
            plan.walk = Some(walk);
        }
        Ok(())
    }

    /// How much the tokens were used, where a policy asks for it.
    async fn usage(&self, account: AccountId, tokens: &[Token]) -> Result<Vec<Usage>, StoreError> {
        let is_asked = self.events.is_wanted(EventKind::Warning)
            && self.events.policy(account).is_some_and(|(policy, _)| policy.warn.unused_after.is_some());
        if !is_asked {
            return Ok(vec![Usage::default(); tokens.len()]);
        }
        self.store.usage(tokens.iter().map(|token| token.id).collect()).await
    }

    async fn tell_due(&self, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..MOST_TOLD {
            let first = self.plan().due.first().copied().filter(|(at, _, _)| *at <= now);
            let Some((at, id, what)) = first else { return Ok(()) };
            if let Some(token) = self.store.token(id).await? {
                self.tell(&token, at, what, now).await?;
            }
            self.plan().due.remove(&(at, id, what));
        }
        Ok(())
    }

    /// Tells what was due, if it still is: the token may be another since.
    async fn tell(&self, token: &Token, at: Timestamp, what: What, now: Timestamp) -> Result<(), StoreError> {
        let usage = match what {
            What::Unused => self.store.usage(vec![token.id]).await?.pop().unwrap_or_default(),
            _ => Usage::default(),
        };
        let found = moments(token, &usage, &self.events);
        if matches!(token.state, State::Revoked { .. }) || !found.contains(&(at, what)) {
            // It was used meanwhile, or has another expiry: the moment has moved.
            let mut plan = self.plan();
            let later = found.into_iter().filter(|(later, moved)| *moved == what && *later > now);
            later.for_each(|(later, what)| plan.keep(later, token.id, what));
            return Ok(());
        }
        match what {
            What::Expired => self.events.expired(token),
            What::Expiring { within } => {
                // After a stop several may be due together; only the nearest says what is true.
                let is_nearest = !found.iter().any(|(other, what)| {
                    let is_nearer = match what {
                        What::Expired => true,
                        What::Expiring { within: other } => *other < within,
                        What::OverlapEnded | What::Unused | What::Rotate => false,
                    };
                    is_nearer && *other <= now
                });
                if is_nearest {
                    self.events.expires_soon(token, within);
                }
            }
            What::OverlapEnded => self.events.overlap_ended(token, at),
            What::Unused | What::Rotate => self.warn(token, &usage, what, at, now),
        }
        Ok(())
    }

    fn warn(&self, token: &Token, usage: &Usage, what: What, at: Timestamp, now: Timestamp) {
        let Some((policy, plan)) = self.events.policy(token.account) else { return };
        let warnings = policy.warnings(Subject::new(token, usage, plan.as_ref(), now));
        if let Some(warning) = warnings.into_iter().find(|warning| Some(warning.code) == what.warning()) {
            self.events.warned(token, warning, at);
        }
    }
}

impl Plan {
    fn keep(&mut self, at: Timestamp, id: TokenId, what: What) {
        if at > self.covered {
            // The next walk finds it.
        } else if self.due.len() < MOST_KEPT {
            self.due.insert((at, id, what));
        } else {
            // And here it has to begin earlier.
            self.covered = Timestamp::from_millis(at.millis() - 1);
        }
    }

    /// How far everything is told by now.
    fn settle(&mut self, now: Timestamp) {
        let walked = self.walk.as_ref().map_or(self.covered, |walk| walk.from);
        let first = self.due.first().map_or(now, |(at, _, _)| Timestamp::from_millis(at.millis() - 1));
        self.done = self.done.max(now.min(walked).min(self.covered).min(first));
    }
}
