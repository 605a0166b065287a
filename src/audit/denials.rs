//! How many refusals of one token are noted: a client that goes on asking with a token that was taken
//! from it must not fill the disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::TokenId;

/// So many entries in each window; the rest is counted.
const MOST: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Tokens that are remembered at a time, about 64 bytes each. With more, all begin anew.
const TOKENS: usize = 4_096;

#[derive(Default)]
pub(super) struct Denials(Mutex<HashMap<TokenId, Window>>);

struct Window {
    since: Instant,
    noted: u32,
    left_out: u64,
}

impl Denials {
    /// Whether one more refusal is to be noted; if so, how many were not since the last.
    pub(super) fn admit(&self, token: TokenId, now: Instant) -> Option<u64> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS && !tokens.contains_key(&token) {
            tokens.retain(|_, window| now.duration_since(window.since) < WINDOW);
            if tokens.len() >= TOKENS {
                tokens.clear();
            }
        }
        let window = tokens.entry(token).or_insert(Window { since: now, noted: 0, left_out: 0 });
        if now.duration_since(window.since) >= WINDOW {
            (window.since, window.noted) = (now, 0);
        }
        if window.noted == MOST {
            window.left_out += 1;
            return None;
        }
        window.noted += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Clock;

    #[test]
    fn what_goes_on_is_counted_and_told_later() {
        let (denials, token, now) = (Denials::default(), TokenId::fresh(), Clock::system().mono());
        for _ in 0..MOST {
            assert_eq!(denials.admit(token, now), Some(0));
        }
        for _ in 0..5 {
            assert_eq!(denials.admit(token, now), None);
        }
        assert_eq!(denials.admit(TokenId::fresh(), now), Some(0), "another token's are its own");
        assert_eq!(denials.admit(token, now + WINDOW), Some(5));
        assert_eq!(denials.admit(token, now + WINDOW), Some(0));
    }

    #[test]
    fn no_more_tokens_are_remembered_than_the_bound() {
        let (denials, now) = (Denials::default(), Clock::system().mono());
        for _ in 0..3 * TOKENS {
            assert!(denials.admit(TokenId::fresh(), now).is_some());
        }
        assert!(denials.0.lock().expect("not poisoned").len() <= TOKENS);
    }
}
