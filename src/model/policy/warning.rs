//! What is worth a word about a token that nothing forbids: good practice, told where it matters.

use std::time::Duration;

use super::{DAY, Policy};
use crate::model::clock::Timestamp;
use crate::model::name::PlanName;
use crate::model::token::{Kind, Standing, Token};
use crate::model::usage::Usage;

/// Which practices a policy reminds of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WarnRules {
    /// Of tokens that never expire.
    pub never_expires: bool,
    /// Accounts with these plans, such as `production`, may have tokens that never expire.
    pub except_plans: Vec<PlanName>,
    /// Of tokens that nobody used for so long.
    pub unused_after: Option<Duration>,
    /// Of tokens with a text so old.
    pub rotate_after: Option<Duration>,
}

/// A remark about a token: a code for programs, and a text for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub code: &'static str,
    pub message: String,
}

/// What a remark can be about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub token: &'a Token,
    pub last_used: Option<Timestamp>,
    /// Of its account.
    pub plan: Option<&'a PlanName>,
    pub now: Timestamp,
}

impl<'a> Subject<'a> {
    pub fn new(token: &'a Token, usage: &Usage, plan: Option<&'a PlanName>, now: Timestamp) -> Self {
        Self { token, last_used: usage.last_used, plan, now }
    }

    /// How long ago something was, in whole days.
    fn days_since(&self, then: Timestamp) -> u64 {
        u64::try_from(self.now.millis() - then.millis()).unwrap_or(0) / 1_000 / DAY.as_secs()
    }

    fn is_older(&self, then: Timestamp, than: Option<Duration>) -> bool {
        than.is_some_and(|than| then.plus(than) <= self.now)
    }
}

impl Policy {
    /// All that is worth a word about the token.
    pub fn warnings(&self, subject: Subject<'_>) -> Vec<Warning> {
        let Subject { token, last_used, .. } = subject;
        let is_over = matches!(token.standing(subject.now), Standing::Revoked { .. } | Standing::Expired { .. });
        if is_over || token.kind == Kind::Session {
            return Vec::new();
        }
        let excepted = subject.plan.is_some_and(|plan| self.warn.except_plans.contains(plan));
        let mut warnings = Vec::new();
        let mut warn = |code, message| warnings.push(Warning { code, message });
        if self.warn.never_expires && token.expires.is_none() && !excepted {
            warn("never_expires", "it never expires: give it an expiry, unless production depends on it".to_owned());
        }
        if token.kind == Kind::Shared && token.filters.is_empty() {
            warn("no_filter", "it is shared and has no filter: whoever holds it reads everything it grants".to_owned());
        }
        let since = last_used.unwrap_or(token.created);
        if subject.is_older(since, self.warn.unused_after) {
            let days = subject.days_since(since);
            warn("unused", format!("nobody used it for {days} days: delete it if nothing needs it"));
        }
        let since = token.secret_since();
        if subject.is_older(since, self.warn.rotate_after) {
            let advice =
                if self.rotation.allowed { "rotate it" } else { "put a new one in its place, and revoke this one" };
            warn("rotate", format!("it is {} days old: {advice}", subject.days_since(since)));
        }
        warnings
    }
}
