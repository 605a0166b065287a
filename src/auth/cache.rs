//! The hot cache: digest → principal, and, apart from it, digests known to be nobody's.
//!
//! Four verbs: look up, begin and finish a fill, invalidate. A fill that began before an invalidation
//! of the same digest is thrown away: [`TokenCache::begin_fill`] notes the digest's generation before
//! the store is read, an invalidation counts it up, and a fill that finds another number inserts
//! nothing. moka runs the steps for one key one after the other, so between the comparison and the
//! insertion no invalidation can slip in unseen.
//!
//! What the steps do is written once, over a table and a counter: a model of threads (`cache/interleavings.rs`)
//! goes through every order in which they can come.
//!
//! Bounded: `tokens` and `unknown` entries at most, evicted by frequency and recency of use, each set
//! on its own, so a flood of made-up tokens cannot push out a real one.

#[cfg(test)]
mod flood;
#[cfg(test)]
mod interleavings;

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

pub(super) type ByDigest = BuildHasherDefault<DigestHasher>;

/// What is known by digest. Changes of one key come one after the other.
pub(super) trait Table<V> {
    fn get(&self, digest: &Digest) -> Option<V>;
    /// `is_lawful` is asked in the key's turn: no other change of the key comes between it and the insertion.
    fn put_if(&self, digest: Digest, value: V, is_lawful: impl FnOnce() -> bool);
    /// In the key's turn, like an insertion.
    fn remove(&self, digest: &Digest);
}

/// Counts up, and every thread sees it.
pub(super) trait Counter: Default {
    fn read(&self) -> u64;
    fn step(&self);
}

pub(super) type Hot<V> = Cache<Digest, V, ByDigest>;

impl<V: Clone + Send + Sync + 'static> Table<V> for Hot<V> {
    fn get(&self, digest: &Digest) -> Option<V> {
        Cache::get(self, digest)
    }

    fn put_if(&self, digest: Digest, value: V, is_lawful: impl FnOnce() -> bool) {
        self.entry(digest).and_compute_with(|_| if is_lawful() { Op::Put(value) } else { Op::Nop });
    }

    /// moka's own `invalidate` does not wait for the insertions.
    fn remove(&self, digest: &Digest) {
        self.entry_by_ref(digest).and_compute_with(|_| Op::Remove);
    }
}

impl Counter for AtomicU64 {
    fn read(&self) -> u64 {
        self.load(Ordering::SeqCst)
    }

    fn step(&self) {
        self.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) struct TokenCache<K = Hot<Arc<Principal>>, U = Hot<()>, C = AtomicU64> {
    known: K,
    unknown: U,
    /// One for each first byte of a digest: two digests that share one make each other's fills
    /// begin again, which is rare and harmless.
    generations: Box<[C]>,
}

impl TokenCache {
    pub(super) fn new(options: CacheOptions) -> Self {
        Self {
            known: Cache::builder().max_capacity(options.tokens).build_with_hasher(ByDigest::default()),
            unknown: Cache::builder()
                .max_capacity(options.unknown)
                .time_to_live(options.unknown_ttl)
                .build_with_hasher(ByDigest::default()),
            generations: counters(256),
        }
    }

    /// Principals that it holds at most.
    pub(super) fn room(&self) -> u64 {
        self.known.policy().max_capacity().unwrap_or(u64::MAX)
    }

    /// Entries held: principals, unknown digests. Exact only when nothing goes on.
    pub(super) fn sizes(&self) -> (u64, u64) {
        (self.known.entry_count(), self.unknown.entry_count())
    }
}

fn counters<C: Counter>(count: usize) -> Box<[C]> {
    (0..count).map(|_| C::default()).collect()
}

impl<K: Table<Arc<Principal>>, U: Table<()>, C: Counter> TokenCache<K, U, C> {
    pub(super) fn look_up(&self, digest: &Digest) -> Cached {
        match self.known.get(digest) {
            Some(principal) => Cached::Known(principal),
            None if self.unknown.get(digest).is_some() => Cached::Unknown,
            None => Cached::Miss,
        }
    }

    /// To be called before the store is read for this digest.
    pub(super) fn begin_fill(&self, digest: &Digest) -> FillTicket {
        FillTicket(self.current(digest))
    }

    /// Puts in what the store said, unless the digest was invalidated since the ticket was drawn.
    pub(super) fn finish_fill(&self, digest: Digest, ticket: FillTicket, found: Option<Arc<Principal>>) {
        let is_current = || self.current(&digest) == ticket.0;
        match found {
            Some(principal) => self.known.put_if(digest, principal, is_current),
            None => self.unknown.put_if(digest, (), is_current),
        }
    }

    /// Forgets the digest: when this returns, no look-up finds what was known before, and no fill
    /// that began before can bring it back.
    ///
    /// The generation is counted up behind the removal too: who saw the first count, and still found
    /// what was to be removed, sees another one.
    pub(super) fn invalidate(&self, digest: &Digest) {
        self.generation(digest).step();
        self.known.remove(digest);
        self.unknown.remove(digest);
        self.generation(digest).step();
    }

    /// Another number than before says that the digest may have been invalidated since.
    pub(super) fn current(&self, digest: &Digest) -> u64 {
        self.generation(digest).read()
    }

    fn generation(&self, digest: &Digest) -> &C {
        &self.generations[usize::from(digest.as_bytes()[0]) % self.generations.len()]
    }
}

/// Passes the eight bytes of a digest through: they are a keyed hash already.
#[derive(Default)]
pub(super) struct DigestHasher(u64);

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
    fn what_is_held_is_counted_apart() {
        let (cache, principal) = (cache(), principal());
        let fill = |digest: Digest, found| cache.finish_fill(digest, cache.begin_fill(&digest), found);
        fill(principal.token.digest, Some(Arc::clone(&principal)));
        (1..4).for_each(|byte| fill(Digest::from_bytes([byte; 32]), None));
        cache.known.run_pending_tasks();
        cache.unknown.run_pending_tasks();
        assert_eq!(cache.sizes(), (1, 3));
    }

    #[test]
    fn digests_are_their_own_hashes() {
        let hash = |bytes: &[u8]| {
            let mut hasher = DigestHasher::default();
            hasher.write(bytes);
            hasher.finish()
        };
        assert_eq!(hash(&[1, 2, 3, 4, 5, 6, 7, 8]), 0x0102_0304_0506_0708);
        assert_ne!(hash(&[3; 8]), hash(&[5; 8]));
        let mut hasher = DigestHasher::default();
        hasher.write_u64(7);
        assert_eq!(hasher.finish(), 7);
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
