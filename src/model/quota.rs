//! A limit on how often: so many requests in so long a window.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// `requests` in every `window`, refilled evenly: the whole quota may be used in one burst, and one
/// more request becomes free every `window / requests` (GCRA).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    requests: NonZeroU32,
    window: Duration,
}

/// Why two numbers are no quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    #[error("a quota is at least 1 request; to refuse every request, disable the token instead")]
    NoRequests,
    #[error("a window is from 1 s to 31 days")]
    Window,
    #[error("a quota is at most 1000 requests a microsecond of its window")]
    TooFine,
}

impl Quota {
    pub fn new(requests: u32, window: Duration) -> Result<Self, QuotaError> {
        let requests = NonZeroU32::new(requests).ok_or(QuotaError::NoRequests)?;
        if window < Duration::from_secs(1) || window > Duration::from_secs(31 * 86_400) {
            return Err(QuotaError::Window);
        }
        let quota = Self { requests, window };
        if quota.interval().is_zero() { Err(QuotaError::TooFine) } else { Ok(quota) }
    }

    pub const fn requests(self) -> NonZeroU32 {
        self.requests
    }

    pub const fn window(self) -> Duration {
        self.window
    }

    /// The time after which one more request is free.
    pub fn interval(self) -> Duration {
        self.window / self.requests.get()
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}s", self.requests, self.window.as_secs_f64())
    }
}
