//! The hot cache: digest → principal, and, apart from it, digests known to be nobody's.
//!
//! Four verbs: look up, begin and finish a fill, invalidate. A fill that began before an invalidation
//! of the same digest is thrown away: [`TokenCache::begin_fill`] notes the digest's generation before
//! the store is read, an invalidation counts it up, and a fill that finds another number inserts
//! nothing. moka runs the steps for one key one after the other, so between the comparison and the
//! insertion no invalidation can slip in unseen.
//!
//! Bounded: `tokens` and `unknown` entries at most, evicted by frequency and recency of use, each set
//! on its own, so a flood of made-up tokens cannot push out a real one.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;

use super::principal::Principal;
use crate::model::Digest;

/// What the cache knows of a digest.
pub(super) enum Cached {
    Known(Arc<Principal>),
    Unknown,
    Miss,
}

/// A digest's generation when its fill began.
#[derive(Debug, Clone, Copy)]
pub(super) struct FillTicket(u64);

/// How much is held.
#[derive(Debug, Clone, Copy)]
pub struct CacheOptions {
    /// Principals.
    pub tokens: u64,
    /// Digests that are nobody's.
    pub unknown: u64,
    /// How long the latter are remembered.
    pub unknown_ttl: Duration,
}

type ByDigest = BuildHasherDefault<DigestHasher>;

pub(super) struct TokenCache {
    known: Cache<Digest, Arc<Principal>, ByDigest>,
    unknown: Cache<Digest, (), ByDigest>,
    /// One for each first byte of a digest: two digests that share one make each other's fills
    /// begin again, which is rare and harmless.
    generations: [AtomicU64; 256],
}

impl TokenCache {
    pub(super) fn new(options: CacheOptions) -> Self {
        Self {
            known: Cache::builder().max_capacity(options.tokens).build_with_hasher(ByDigest::default()),
            unknown: Cache::builder()
                .max_capacity(options.unknown)
                .time_to_live(options.unknown_ttl)
                .build_with_hasher(ByDigest::default()),
            generations: [const { AtomicU64::new(0) }; 256],
        }
    }

    pub(super) fn look_up(&self, digest: &Digest) -> Cached {
        match self.known.get(digest) {
            Some(principal) => Cached::Known(principal),
            None if self.unknown.contains_key(digest) => Cached::Unknown,
            None => Cached::Miss,
        }
    }

    /// To be called before the store is read for this digest.
    pub(super) fn begin_fill(&self, digest: &Digest) -> FillTicket {
        FillTicket(self.generation(digest).load(Ordering::SeqCst))
    }

    /// Puts in what the store said, unless the digest was invalidated since the ticket was drawn.
    pub(super) fn finish_fill(&self, digest: Digest, ticket: FillTicket, found: Option<Arc<Principal>>) {
        let current = || self.generation(&digest).load(Ordering::SeqCst) == ticket.0;
        match found {
            Some(principal) => {
                self.known.entry(digest).and_compute_with(|_| if current() { Op::Put(principal) } else { Op::Nop });
            }
            None => {
                self.unknown.entry(digest).and_compute_with(|_| if current() { Op::Put(()) } else { Op::Nop });
            }
        }
    }

    /// Forgets the digest: when this returns, no look-up finds what was known before, and no fill
    /// that began before can bring it back.
    ///
    /// The generation is counted up behind the removal too: who saw the first count, and still found
    /// what was to be removed, sees another one.
    pub(super) fn invalidate(&self, digest: &Digest) {
        self.generation(digest).fetch_add(1, Ordering::SeqCst);
        // Through the same per-key order as the fills; moka's own `invalidate` does not wait for them.
        self.known.entry_by_ref(digest).and_compute_with(|_| Op::Remove);
        self.unknown.entry_by_ref(digest).and_compute_with(|_| Op::Remove);
        self.generation(digest).fetch_add(1, Ordering::SeqCst);
    }

    /// Another number than before says that the digest may have been invalidated since.
    pub(super) fn current(&self, digest: &Digest) -> u64 {
        self.generation(digest).load(Ordering::SeqCst)
    }

    /// Entries held: principals, unknown digests. Exact only when nothing goes on.
    pub(super) fn sizes(&self) -> (u64, u64) {
        (self.known.entry_count(), self.unknown.entry_count())
    }

    fn generation(&self, digest: &Digest) -> &AtomicU64 {
        &self.generations[usize::from(digest.as_bytes()[0])]
    }
}

/// Passes the eight bytes of a digest through: they are a keyed hash already.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::principal::tests::principal;

    fn cache() -> TokenCache {
        TokenCache::new(CacheOptions { tokens: 100, unknown: 100, unknown_ttl: Duration::from_secs(60) })
    }

    #[test]
    fn a_fill_is_found_and_an_invalidation_forgets_it() {
        let (cache, principal) = (cache(), principal());
        let digest = principal.token.digest;
        cache.finish_fill(digest, cache.begin_fill(&digest), Some(Arc::clone(&principal)));
        assert!(matches!(cache.look_up(&digest), Cached::Known(found) if Arc::ptr_eq(&found, &principal)));
        cache.invalidate(&digest);
        assert!(matches!(cache.look_up(&digest), Cached::Miss));
    }

    #[test]
    fn a_fill_that_began_before_an_invalidation_inserts_nothing() {
        let (cache, principal) = (cache(), principal());
        let digest = principal.token.digest;
        let early = cache.begin_fill(&digest);
        cache.invalidate(&digest);
        cache.finish_fill(digest, early, Some(principal));
        assert!(matches!(cache.look_up(&digest), Cached::Miss));
    }

    #[test]
    fn a_created_token_is_no_longer_unknown() {
        let (cache, principal) = (cache(), principal());
        let digest = principal.token.digest;
        let early = cache.begin_fill(&digest);
        cache.finish_fill(digest, early, None);
        assert!(matches!(cache.look_up(&digest), Cached::Unknown));
        cache.invalidate(&digest);
        assert!(matches!(cache.look_up(&digest), Cached::Miss));
        cache.finish_fill(digest, early, None);
        assert!(matches!(cache.look_up(&digest), Cached::Miss));
    }

    #[test]
    fn a_flood_of_unknown_digests_leaves_the_known_ones() {
        let (cache, principal) = (cache(), principal());
        let digest = principal.token.digest;
        cache.finish_fill(digest, cache.begin_fill(&digest), Some(principal));
        for number in 0u64..10_000 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
            let unknown = Digest::from_bytes(bytes);
            cache.finish_fill(unknown, cache.begin_fill(&unknown), None);
        }
        assert!(matches!(cache.look_up(&digest), Cached::Known(_)));
    }
}
