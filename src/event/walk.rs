//! The moments of a token: when time alone will make an event of it.

use super::events::Events;
use crate::model::{EventKind, Kind, Life, State, Timestamp, Token, Usage};

/// What a moment brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// So many seconds are left.
    Expiring {
        within: u64,
    },
    Expired,
    /// The text before its present one is good no more.
    OverlapEnded,
    /// Nobody used it for as long as its account's policy allows.
    Unused,
    /// Its text is as old as the policy allows.
    Rotate,
}

impl What {
    /// The code of the policy's remark.
    pub(super) fn warning(self) -> Option<&'static str> {
        match self {
            What::Expiring { .. } | What::Expired | What::OverlapEnded => None,
            What::Unused => Some("unused"),
            What::Rotate => Some("rotate"),
        }
    }
}

/// All moments of the token that anybody wants to hear of, past and to come.
pub(super) fn moments(token: &Token, usage: &Usage, events: &Events) -> Vec<(Timestamp, What)> {
    if token.kind == Kind::Session || matches!(token.state, State::Revoked { .. }) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(expires) = token.expires {
        if events.is_wanted(EventKind::Expired) {
            found.push((expires, What::Expired));
        }
        if events.is_wanted(EventKind::Expiring) {
            let moment = |distance: std::time::Duration| {
                let before = i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
                let at = Timestamp::from_millis(expires.millis().saturating_sub(before));
                // A token of a day is not about to expire in a week.
                (at > token.created).then_some((at, What::Expiring { within: distance.as_secs() }))
            };
            found.extend(events.distances().iter().filter_map(moment));
        }
    }
    if events.is_wanted(EventKind::OverlapEnded) {
        let life = token.rotation.as_ref().map(|rotation| rotation.old.life);
        if let Some(Life::Until(at)) = life {
            found.push((at, What::OverlapEnded));
        }
    }
    let policy = events.is_wanted(EventKind::Warning).then(|| events.policy(token.account)).flatten();
    if let Some((policy, _)) = policy {
        let since = usage.last_used.unwrap_or(token.created);
        found.extend(policy.warn.unused_after.map(|after| (since.plus(after), What::Unused)));
        found.extend(policy.warn.rotate_after.map(|after| (token.secret_since().plus(after), What::Rotate)));
    }
    found
}
