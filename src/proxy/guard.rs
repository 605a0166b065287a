//! Addresses from which many wrong tokens come: after so many they are only told to come back later.
//!
//! What is counted is a token that is none: one that is malformed, garbled, or known to nobody. A good token
//! is never held up by those that were wrong before it, since many clients may share an address; neither
//! counts who sends no token, nor who holds one that is over. Guessing is hopeless for other reasons (178
//! random bits); this keeps a client that is set up wrong from filling logs, and shows in the metrics.

use std::time::Duration;

use super::client::address_key;
use crate::limit::KeyedLimiter;
use crate::model::Quota;
use crate::server::Peer;

/// Counts failures of each address: an IPv4 address, or a /64 of IPv6.
pub(super) struct Guard(KeyedLimiter);

impl Guard {
    pub(super) fn new(limit: Quota) -> Self {
        Self(KeyedLimiter::new(limit))
    }

    /// Counts one; the error is the time until the next would be listened to.
    pub(super) fn failed(&self, from: Peer) -> Result<(), Duration> {
        self.0.charge(address_key(from))
    }

    /// Forgets who has not failed for a while. To be called every few seconds.
    pub(super) fn prune(&self) {
        self.0.prune();
    }
}
