//! How long somebody may keep us waiting, and how fast that time comes back.
//!
//! Waiting uses up time, and each byte that comes of it gives some back, up to what there was at first.
//! So who takes or sends nothing is given up after that time, and who does so more slowly than the rate
//! is given up too, only later; whoever keeps to the rate may go on for ever. Nothing is used up while
//! nobody waits. Time is that of the [`Timer`]'s sweep: no clock is read.

use std::cell::Cell;
use std::time::Duration;

use super::sweep::Timer;

/// What somebody who is waited for is granted.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// Without a byte; `None`: for ever.
    pub most: Option<Duration>,
    /// Bytes a second, on the average; `None`: any byte gives all of the time back.
    pub min_rate: Option<u64>,
}

impl Grant {
    /// The time that so many bytes give back.
    pub fn worth(&self, bytes: u64) -> Duration {
        match self.min_rate {
            Some(rate) => Duration::from_micros(bytes.saturating_mul(1_000_000) / rate.max(1)),
            None if bytes > 0 => self.most.unwrap_or_default(),
            None => Duration::ZERO,
        }
    }
}

/// What is left of a [`Grant`].
pub struct Patience {
    grant: Grant,
    left: Cell<Duration>,
    /// The tick at which the present wait began.
    since: Cell<Option<u64>>,
}

impl Patience {
    pub fn new(grant: Grant) -> Self {
        Self { grant, left: Cell::new(grant.most.unwrap_or_default()), since: Cell::new(None) }
    }

    /// It is waited from now on, if it is not already; the timer fires when the time is used up.
    pub fn wait(&self, timer: &Timer) {
        if self.grant.most.is_some() && self.since.get().is_none() {
            self.since.set(Some(timer.now()));
            timer.set(self.left.get());
        }
    }

    /// Whether somebody is waited for.
    pub fn waits(&self) -> bool {
        self.since.get().is_some()
    }

    /// Nobody is waited for any more.
    pub fn rest(&self, timer: &Timer) {
        if let Some(since) = self.since.take() {
            timer.clear();
            self.left.set(self.left.get().saturating_sub(timer.since(since)));
        }
    }

    /// So many bytes came of it.
    pub fn gain(&self, bytes: u64) {
        let Some(most) = self.grant.most.filter(|&most| self.left.get() < most) else { return };
        self.left.set(self.left.get().saturating_add(self.grant.worth(bytes)).min(most));
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::server::Sweep;

    const SECOND: usize = 10;

    /// Seconds until the timer fires, where so many bytes come every second.
    fn given_up(grant: Grant, bytes: u64) -> Option<usize> {
        let sweep = Sweep::new();
        let timer = sweep.timer();
        let patience = Patience::new(grant);
        (1..=1000).find(|_| {
            patience.wait(&timer);
            let fired = (0..SECOND).any(|_| {
                sweep.tick();
                timer.poll_fired(&Context::from_waker(Waker::noop()))
            });
            patience.rest(&timer);
            patience.gain(bytes);
            fired
        })
    }

    #[test]
    fn who_gives_nothing_is_given_up_after_the_time_and_who_is_too_slow_later() {
        let grant = Grant { most: Some(Duration::from_secs(10)), min_rate: Some(100) };
        assert_eq!(given_up(grant, 0), Some(11), "ten seconds, and the tick that had begun");
        assert!(given_up(grant, 50).is_some_and(|after| (19..23).contains(&after)), "half of the rate: twice the time");
        assert_eq!(given_up(grant, 100), None, "the rate itself is enough");
        assert_eq!(given_up(grant, 1_000_000), None);
    }

    #[test]
    fn without_a_rate_a_byte_is_enough_and_without_a_time_nothing_is_needed() {
        let grant = Grant { most: Some(Duration::from_secs(10)), min_rate: None };
        assert_eq!(given_up(grant, 1), None);
        assert_eq!(given_up(grant, 0), Some(11));
        assert_eq!(given_up(Grant { most: None, min_rate: Some(100) }, 0), None);
    }

    #[test]
    fn time_is_used_up_only_while_somebody_waits() {
        let sweep = Sweep::new();
        let timer = sweep.timer();
        let patience = Patience::new(Grant { most: Some(Duration::from_secs(2)), min_rate: Some(100) });
        for _ in 0..50 {
            (0..SECOND).for_each(|_| sweep.tick());
            assert!(!timer.poll_fired(&Context::from_waker(Waker::noop())));
        }
        patience.wait(&timer);
        (0..SECOND).for_each(|_| sweep.tick());
        patience.rest(&timer);
        assert_eq!(patience.left.get(), Duration::from_secs(1));
    }
}
