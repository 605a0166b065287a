//! Every order in which the steps of fills and invalidations can come, tried one after the other by a
//! model of threads and memory. What is tried is the cache's own code, over tables and counters that the
//! model watches.

use std::collections::HashMap;
use std::sync::Arc as Shared;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::*;
use crate::auth::principal::tests::principal;

/// A table as simple as its promise: changes come one after the other.
struct Watched<V>(Mutex<HashMap<Digest, V>>);

impl<V: Clone> Table<V> for Watched<V> {
    fn get(&self, digest: &Digest) -> Option<V> {
        self.0.lock().expect("no panic holds it").get(digest).cloned()
    }

    fn put_if(&self, digest: Digest, value: V, is_lawful: impl FnOnce() -> bool) {
        let mut entries = self.0.lock().expect("no panic holds it");
        if is_lawful() {
            entries.insert(digest, value);
        }
    }

    fn remove(&self, digest: &Digest) {
        self.0.lock().expect("no panic holds it").remove(digest);
    }
}

#[derive(Default)]
struct WatchedCounter(AtomicU64);

impl Counter for WatchedCounter {
    fn read(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn step(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

type Principals = Watched<Shared<Principal>>;

/// The cache, and a store with one record at most.
struct World {
    cache: TokenCache<Principals, Watched<()>, WatchedCounter>,
    store: Mutex<Option<Shared<Principal>>>,
    digest: Digest,
}

impl World {
    fn new(record: Option<Shared<Principal>>, digest: Digest) -> Arc<Self> {
        let tables = (Watched(Mutex::new(HashMap::new())), Watched(Mutex::new(HashMap::new())));
        let cache = TokenCache { known: tables.0, unknown: tables.1, generations: counters(1) };
        Arc::new(Self { cache, store: Mutex::new(record), digest })
    }

    /// As the loader does it.
    fn fill(&self) {
        let ticket = self.cache.begin_fill(&self.digest);
        let found = self.store.lock().expect("no panic holds it").clone();
        self.cache.finish_fill(self.digest, ticket, found);
    }

    /// As the lifecycle does it: durable first, then forgotten; whoever called is told after that.
    fn change(&self, record: Option<Shared<Principal>>) {
        *self.store.lock().expect("no panic holds it") = record;
        self.cache.invalidate(&self.digest);
    }

    fn knows(&self, principal: &Shared<Principal>) -> bool {
        matches!(self.cache.look_up(&self.digest), Cached::Known(found) if Shared::ptr_eq(&found, principal))
    }
}

/// Each principal is made once: the model runs its closure thousands of times.
fn records() -> [Shared<Principal>; 2] {
    [principal(), principal()]
}

/// Every order with at most so many switches between threads where none has to wait: all that there are take
/// hours.
fn in_any_order(run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(run);
}

#[test]
fn no_fill_outlives_a_revocation_in_any_order() {
    let [active, revoked] = records();
    let digest = active.token.digest;
    in_any_order(move || {
        let world = World::new(Some(Shared::clone(&active)), digest);
        let fillers = [Arc::clone(&world), Arc::clone(&world)].map(|world| thread::spawn(move || world.fill()));
        world.change(Some(Shared::clone(&revoked)));
        assert!(!world.knows(&active), "as soon as the revocation is acknowledged");
        fillers.into_iter().for_each(|filler| filler.join().expect("no panic"));
        assert!(!world.knows(&active), "and for good");
    });
}

#[test]
fn no_fill_makes_a_created_token_unknown_in_any_order() {
    let [created, _] = records();
    let digest = created.token.digest;
    in_any_order(move || {
        let world = World::new(None, digest);
        let filler = thread::spawn({
            let world = Arc::clone(&world);
            move || world.fill()
        });
        world.change(Some(Shared::clone(&created)));
        assert!(!matches!(world.cache.look_up(&digest), Cached::Unknown));
        filler.join().expect("no panic");
        assert!(!matches!(world.cache.look_up(&digest), Cached::Unknown));
    });
}

/// What lasts longer than a request notes the generation and looks again when that has changed.
#[test]
fn who_still_saw_what_was_revoked_is_told_of_it_in_any_order() {
    let [active, revoked] = records();
    let digest = active.token.digest;
    in_any_order(move || {
        let world = World::new(Some(Shared::clone(&active)), digest);
        world.fill();
        let looker = thread::spawn({
            let (world, active) = (Arc::clone(&world), Shared::clone(&active));
            move || {
                let generation = world.cache.current(&digest);
                world.knows(&active).then_some(generation)
            }
        });
        world.change(Some(Shared::clone(&revoked)));
        let seen = looker.join().expect("no panic");
        assert!(seen.is_none_or(|generation| generation != world.cache.current(&digest)));
    });
}
