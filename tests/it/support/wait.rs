//! Waiting for what will be true, with a deadline.

use std::time::{Duration, Instant};

/// How long anything may take that a test waits for. Generous: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks until there is an answer, and fails with `what` at the deadline.
#[track_caller]
pub fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, ask)
}

/// The same with another deadline.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "tests wait in real time")]
pub fn eventually_within<T>(deadline: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < deadline, "{what}: not within {deadline:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How long something took, and what came of it.
#[expect(clippy::disallowed_methods, reason = "tests wait in real time")]
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let outcome = work();
    (outcome, begun.elapsed())
}
