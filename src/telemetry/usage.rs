//! How often a worker saw each token, and when last: kept by the worker, folded by the control path.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::model::{Timestamp, TokenId, Usage};

/// Tokens that a worker remembers before it hands its counts on early (worst case: 200,000 × about
/// 48 bytes).
const MOST: usize = 200_000;

/// Use since the last hand-over.
#[derive(Default)]
pub struct UsageCounts(HashMap<TokenId, Usage, BuildHasherDefault<IdHasher>>);

impl UsageCounts {
    /// Notes one allowed request; of a further token than [`MOST`], none.
    pub fn note(&mut self, token: TokenId, at: Timestamp) {
        if self.is_full() && !self.0.contains_key(&token) {
            return;
        }
        let usage = self.0.entry(token).or_default();
        usage.requests += 1;
        usage.last_used = usage.last_used.max(Some(at));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Adds what another worker counted.
    pub fn absorb(&mut self, counts: Vec<(TokenId, Usage)>) {
        for (token, usage) in counts {
            if self.is_full() && !self.0.contains_key(&token) {
                continue;
            }
            let sum = self.0.entry(token).or_default();
            *sum = sum.and(usage);
        }
    }

    /// Hands over what was counted, and begins anew.
    pub fn take(&mut self) -> Vec<(TokenId, Usage)> {
        self.0.drain().collect()
    }
}

/// Takes the last eight bytes of an id: they are random (RFC 9562 section 5.7), and nobody outside
/// chooses them.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
    fn write_u128(&mut self, id: u128) {
        // hashbrown takes its tag from the top bits, where version 7 has a constant variant.
        self.0 = (id as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_the_later_time_stays() {
        let (id, mut counts) = (TokenId::fresh(), UsageCounts::default());
        counts.note(id, Timestamp::from_millis(20));
        counts.note(id, Timestamp::from_millis(10));
        counts.absorb(vec![(id, Usage { requests: 5, last_used: Some(Timestamp::from_millis(15)) })]);
        assert_eq!(counts.take(), [(id, Usage { requests: 7, last_used: Some(Timestamp::from_millis(20)) })]);
        assert!(counts.is_empty());
    }
}
