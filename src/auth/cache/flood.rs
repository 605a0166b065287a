//! More made-up tokens than anybody has room for, and threads that fill and forget as fast as they can.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use super::*;
use crate::auth::principal::tests::principal;

/// Ten times as many where the code is optimized: `cargo test --profile soak --lib flood`.
const FLOOD: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };
const KNOWN: u64 = 10_000;
const UNKNOWN: u64 = 100_000;
/// Of a process that does nothing else.
const ROOM: u64 = 200 << 20;
/// An argument of the test program that lets it run this one test.
const EXACTLY: &str = "--exact";

/// As good as random in every byte, and another one for each number.
fn digest(number: u64) -> Digest {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = [0; 32];
    for (at, part) in bytes.chunks_exact_mut(8).enumerate() {
        let at = u32::try_from(at).expect("four parts");
        part.copy_from_slice(&mixed.rotate_left(at * 17).to_be_bytes());
    }
    Digest::from_bytes(bytes)
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number of pages") * 4_096
}

/// Runs this test in a process of its own, where memory is that of nobody else.
fn run_alone(test: &str) {
    let this = std::env::current_exe().expect("the path of this program");
    let mut command = std::process::Command::new(this);
    let done = command.args([test, EXACTLY, "--nocapture"]).output().expect("another process");
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn slow_a_flood_of_unknown_tokens_pushes_out_nobody_and_stays_within_bounds() {
    if std::env::args().all(|argument| argument != EXACTLY) {
        let name = "slow_a_flood_of_unknown_tokens_pushes_out_nobody_and_stays_within_bounds";
        return run_alone(&format!("auth::cache::flood::{name}"));
    }
    let options = CacheOptions { tokens: KNOWN, unknown: UNKNOWN, unknown_ttl: Duration::from_secs(3_600) };
    let (cache, principal) = (TokenCache::new(options), principal());
    for number in 0..KNOWN {
        let digest = digest(number);
        cache.finish_fill(digest, cache.begin_fill(&digest), Some(Arc::clone(&principal)));
    }
    let before = resident();
    let flood = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            let digest = digest(number);
            cache.finish_fill(digest, cache.begin_fill(&digest), None);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| flood(KNOWN..FLOOD / 2));
        scope.spawn(|| flood(FLOOD / 2..FLOOD));
    });
    let grown = resident().saturating_sub(before);
    assert!(grown < ROOM, "{} MiB more than before", grown >> 20);
    let lost = (0..KNOWN).filter(|&number| !matches!(cache.look_up(&digest(number)), Cached::Known(_))).count();
    assert_eq!(lost, 0, "tokens that were known and are not any more");
    let (_, unknown) = cache.sizes();
    assert!((UNKNOWN / 2..=UNKNOWN * 2).contains(&unknown), "{unknown} are remembered");
    let created = digest(FLOOD - 1);
    cache.invalidate(&created);
    assert!(matches!(cache.look_up(&created), Cached::Miss), "one that is created now is known at once");
}

/// The model's promise of a table is moka's to keep: a hundred thousand revocations beside threads that fill.
#[test]
fn slow_no_fill_outlives_an_invalidation_however_fast_they_come() {
    const ROUNDS: u64 = 100_000;
    let options = CacheOptions { tokens: 100, unknown: 100, unknown_ttl: Duration::from_secs(60) };
    let (cache, principal) = (TokenCache::new(options), principal());
    let digest = principal.token.digest;
    // What the store says: a token while the number is even, nobody's while it is odd.
    let (store, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let ticket = cache.begin_fill(&digest);
                    let is_known = store.load(Ordering::SeqCst).is_multiple_of(2);
                    cache.finish_fill(digest, ticket, is_known.then(|| Arc::clone(&principal)));
                }
            });
        }
        for round in 1..=ROUNDS {
            store.store(round, Ordering::SeqCst);
            cache.invalidate(&digest);
            let seen = cache.look_up(&digest);
            let is_old = match seen {
                Cached::Known(_) => !round.is_multiple_of(2),
                Cached::Unknown => round.is_multiple_of(2),
                Cached::Miss => false,
            };
            if is_old {
                done.store(true, Ordering::SeqCst);
            }
            assert!(!is_old, "after the change of round {round}");
        }
        done.store(true, Ordering::SeqCst);
    });
}
