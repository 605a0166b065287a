//! How much a token was used.

use super::clock::Timestamp;

/// How much a token was used, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub requests: u64,
    pub last_used: Option<Timestamp>,
}

impl Usage {
    /// Both together: the sum, and the later of the two times.
    #[must_use]
    pub fn and(self, other: Usage) -> Usage {
        Usage { requests: self.requests.saturating_add(other.requests), last_used: self.last_used.max(other.last_used) }
    }
}
