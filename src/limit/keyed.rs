//! One quota, counted apart for each key: governor (GCRA) over a dashmap.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as Gcra, RateLimiter};

use crate::model::Quota;

/// Where a [`KeyedLimiter::prune`] finds this many keys or more, keys share [`SHARED`] counts until one
/// finds room again (worst case: 1,048,576 × about 64 bytes, and what comes between two prunings).
pub(super) const MAX_KEYS: usize = 1 << 20;
pub(super) const SHARED: LimitKey = 1 << 16;

/// What is counted apart: a token's id, an address, or 0 for one count shared by all.
pub type LimitKey = u128;

/// Counts requests of each key against one quota.
pub struct KeyedLimiter {
    quota: Quota,
    limiter: RateLimiter<
        LimitKey,
        DashMapStateStore<LimitKey>,
        MonotonicClock,
        NoOpMiddleware<<MonotonicClock as Clock>::Instant>,
    >,
    full: AtomicBool,
}

impl KeyedLimiter {
    pub fn new(quota: Quota) -> Self {
        let gcra =
            Gcra::with_period(quota.interval()).expect("a quota's interval is over zero").allow_burst(quota.requests());
        Self { quota, limiter: RateLimiter::dashmap_with_clock(gcra, MonotonicClock), full: false.into() }
    }

    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Counts one request; the error is the time until one would be allowed.
    pub fn charge(&self, key: LimitKey) -> Result<(), Duration> {
        let key = if self.full.load(Ordering::Relaxed) { (key ^ (key >> 64)) % SHARED } else { key };
        self.limiter.check_key(&key).map_err(|until| until.wait_time_from(MonotonicClock.now()))
    }

    /// Forgets the keys whose quota is whole again. To be called every few seconds.
    pub fn prune(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.full.store(self.limiter.len() >= MAX_KEYS, Ordering::Relaxed);
    }

    /// Keys that are remembered at present.
    pub fn keys(&self) -> usize {
        self.limiter.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: u32, window: u64) -> KeyedLimiter {
        KeyedLimiter::new(Quota::new(requests, Duration::from_secs(window)).expect("a quota"))
    }

    #[test]
    fn a_key_has_its_burst_and_is_told_how_long_to_wait() {
        let limiter = limiter(3, 3_600);
        assert!((0..3).all(|_| limiter.charge(1).is_ok()));
        let wait = limiter.charge(1).expect_err("the fourth is too many");
        assert!(wait > Duration::from_secs(1_190) && wait <= Duration::from_secs(1_200), "{wait:?}");
        assert!(limiter.charge(2).is_ok(), "another key has its own quota");
    }

    #[test]
    fn pruning_forgets_only_keys_whose_quota_is_whole() {
        let limiter = limiter(1, 3_600);
        assert!(limiter.charge(1).is_ok());
        limiter.prune();
        assert_eq!(limiter.keys(), 1);
        assert!(limiter.charge(1).is_err());
    }
}
