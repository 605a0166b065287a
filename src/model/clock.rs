//! Time, passed in: a moment of wall time for expiry, and a monotonic one for durations.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment and `by` later, at the end of time at the latest.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{} ms after 1970", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One reading of both clocks: wall time for what has a date, monotonic time for what has a length.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub wall: Timestamp,
    pub mono: Instant,
}

/// Where time comes from. Cheap to clone; clones of one manual clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_millis: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's own.
    pub fn system() -> Self {
        Self { ahead_millis: None }
    }

    /// The machine's clock, whose wall time can be moved: for tests of expiry and of clock steps.
    pub fn adjustable() -> Self {
        Self { ahead_millis: Some(Arc::default()) }
    }

    /// Moves the wall time of an adjustable clock by so many milliseconds; nothing on the machine's.
    pub fn step_millis(&self, by: i64) {
        if let Some(ahead) = &self.ahead_millis {
            ahead.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// The wall time now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn wall(&self) -> Timestamp {
        // A machine set before 1970 counts as 1970: nothing has expired then, and nothing was created.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ahead = self.ahead_millis.as_ref().map_or(0, |ahead| ahead.load(Ordering::Relaxed));
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(ahead))
    }

    /// The monotonic time now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn mono(&self) -> Instant {
        Instant::now()
    }

    /// Both at once.
    pub fn now(&self) -> Moment {
        Moment { wall: self.wall(), mono: self.mono() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_as_rfc_3339() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(1_795_392_000_123).to_string(), "2026-11-23T00:00:00.123Z");
    }

    #[test]
    fn clones_of_an_adjustable_clock_move_together() {
        let clock = Clock::adjustable();
        let other = clock.clone();
        let before = other.wall();
        clock.step_millis(3_600_000);
        assert!(other.wall().millis() - before.millis() >= 3_600_000);
    }
}
