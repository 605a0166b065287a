//! How often a worker saw each token, from where and on which route: kept by the worker, folded by the
//! control path.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;

use crate::model::{SecretUse, Timestamp, TokenId};

/// Tokens that a worker remembers before it hands its counts on early (worst case of tokens that each come
/// by one route from one peer: 200,000 × about 130 bytes).
const MOST: usize = 200_000;
/// Routes and peers of one token between two hand-overs; further ones are counted with the token alone.
const MOST_WAYS: usize = 32;

/// Use since the last hand-over.
#[derive(Default)]
pub struct UsageCounts(HashMap<TokenId, TokenUse, BuildHasherDefault<IdHasher>>);

/// One token's use. Most tokens come by one route from one peer, which takes no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    pub requests: u64,
    pub last: Timestamp,
    first: Way,
    others: Vec<Way>,
    /// By its texts, where it was rotated; most tokens never were.
    secrets: Vec<SecretUse>,
}

/// How a token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The route's place in the configuration.
    pub route: usize,
    /// As [`crate::model::peer`] gives it; `None` where the client has no address.
    pub peer: Option<IpAddr>,
    pub requests: u64,
    pub last: Timestamp,
}

impl TokenUse {
    fn new(route: usize, peer: Option<IpAddr>, at: Timestamp) -> Self {
        let first = Way { route, peer, requests: 1, last: at };
        Self { requests: 1, last: at, first, others: Vec::new(), secrets: Vec::new() }
    }

    pub fn ways(&self) -> impl Iterator<Item = &Way> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub fn secrets(&self) -> &[SecretUse] {
        &self.secrets
    }

    fn note_secret(&mut self, number: u32, at: Timestamp) {
        SecretUse::note(&mut self.secrets, SecretUse { number, requests: 1, last: at });
    }

    fn note(&mut self, route: usize, peer: Option<IpAddr>, at: Timestamp) {
        self.requests += 1;
        self.last = self.last.max(at);
        let ways = std::iter::once(&mut self.first).chain(&mut self.others);
        if let Some(way) = ways.into_iter().find(|way| way.route == route && way.peer == peer) {
            way.requests += 1;
            way.last = way.last.max(at);
        } else if self.others.len() < MOST_WAYS {
            self.others.push(Way { route, peer, requests: 1, last: at });
        }
    }
}

impl UsageCounts {
    /// Notes one allowed request; of a further token than [`MOST`], none. `secret`: which of the token's
    /// texts it came by, if it ever had another.
    pub fn note(&mut self, token: TokenId, secret: Option<u32>, route: usize, peer: Option<IpAddr>, at: Timestamp) {
        if let Some(used) = self.0.get_mut(&token) {
            used.note(route, peer, at);
        } else if self.0.len() < MOST {
            self.0.insert(token, TokenUse::new(route, peer, at));
        }
        if let Some((number, used)) = secret.and_then(|number| Some((number, self.0.get_mut(&token)?))) {
            used.note_secret(number, at);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    /// Takes back what was handed over and has no room elsewhere; nothing was counted since.
    pub fn put_back(&mut self, counts: Vec<(TokenId, TokenUse)>) {
        self.0.extend(counts);
    }

    /// Hands over what was counted, and begins anew.
    pub fn take(&mut self) -> Vec<(TokenId, TokenUse)> {
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
    fn counts_add_up_for_each_way_and_the_later_time_stays() {
        let (id, mut counts) = (TokenId::fresh(), UsageCounts::default());
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|text| Some(text.parse().expect("an address")));
        for (secret, route, peer, at) in
            [(None, 0, one, 20), (Some(0), 0, one, 10), (Some(1), 1, one, 15), (Some(0), 0, two, 5)]
        {
            counts.note(id, secret, route, peer, Timestamp::from_millis(at));
        }
        let taken = counts.take();
        let [(token, used)] = taken.as_slice() else { panic!("{taken:?}") };
        assert_eq!((*token, used.requests, used.last), (id, 4, Timestamp::from_millis(20)));
        let ways: Vec<_> = used.ways().map(|way| (way.route, way.peer, way.requests, way.last.millis())).collect();
        assert_eq!(ways, [(0, one, 2, 20), (1, one, 1, 15), (0, two, 1, 5)]);
        let secrets: Vec<_> =
            used.secrets().iter().map(|used| (used.number, used.requests, used.last.millis())).collect();
        assert_eq!(secrets, [(0, 2, 10), (1, 1, 15)]);
        assert!(counts.is_empty());
    }

    #[test]
    fn a_token_that_comes_from_everywhere_takes_bounded_memory() {
        let (id, mut counts) = (TokenId::fresh(), UsageCounts::default());
        for last in 0..200u8 {
            counts.note(id, None, 0, Some(IpAddr::from([192, 0, 2, last])), Timestamp::from_millis(1));
        }
        let taken = counts.take();
        assert_eq!((taken[0].1.requests, taken[0].1.ways().count()), (200, MOST_WAYS + 1));
    }
}
