//! A quota that tells what is left of it, for who is to be told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as Gcra, RateLimiter};

use super::keyed::{LimitKey, MAX_KEYS, SHARED};
use crate::model::Quota;

/// Counts requests of each key against one quota, as [`super::KeyedLimiter`] does, and knows how many more
/// there may be.
pub struct ToldLimiter {
    quota: Quota,
    limiter: RateLimiter<LimitKey, DashMapStateStore<LimitKey>, MonotonicClock, StateInformationMiddleware>,
    full: AtomicBool,
}

/// What a key has of its quota after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub quota: Quota,
    /// Requests that would be allowed now.
    pub requests: u32,
    /// The time until there is one more.
    pub more_in: Duration,
}

impl ToldLimiter {
    pub fn new(quota: Quota) -> Self {
        let gcra =
            Gcra::with_period(quota.interval()).expect("a quota's interval is over zero").allow_burst(quota.requests());
        let limiter = RateLimiter::dashmap_with_clock(gcra, MonotonicClock).with_middleware();
        Self { quota, limiter, full: false.into() }
    }

    /// Counts one request; the error is what is left where it was one too many.
    pub fn charge(&self, key: LimitKey) -> Result<Left, Left> {
        let key = if self.full.load(Ordering::Relaxed) { (key ^ (key >> 64)) % SHARED } else { key };
        let quota = self.quota;
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(Left { quota, requests: state.remaining_burst_capacity(), more_in: quota.interval() }),
            Err(until) => {
                let wait = until.wait_time_from(MonotonicClock.now());
                Err(Left { quota, requests: 0, more_in: wait })
            }
        }
    }

    /// Forgets the keys whose quota is whole again. To be called every few seconds.
    pub fn prune(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        self.full.store(self.limiter.len() >= MAX_KEYS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_goes_down_to_nothing() {
        let quota = Quota::new(3, Duration::from_secs(3_600)).expect("a quota");
        let limiter = ToldLimiter::new(quota);
        let left: Vec<_> = (0..3).map(|_| limiter.charge(1).expect("within it").requests).collect();
        assert_eq!(left, [2, 1, 0]);
        let over = limiter.charge(1).expect_err("the fourth is too many");
        let wait = over.more_in;
        assert!(
            over.requests == 0 && wait > Duration::from_secs(1_190) && wait <= Duration::from_secs(1_200),
            "{wait:?}"
        );
        assert_eq!(limiter.charge(2).expect("another key").requests, 2);
        limiter.prune();
        assert!(limiter.charge(1).is_err(), "a key is kept until its quota is whole");
    }
}
