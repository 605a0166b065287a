//! What must hold for every request there is, tried on thousands that chance makes. A case that goes wrong is
//! printed with the seed that gives it again: `KEYGATE_TEST_SEED=… cargo test --test it properties::`.

mod identity;
mod paths;
mod readers;
mod verdicts;

use fastrand::Rng;

/// Where the chances of a test come from, and what to say of it when one goes wrong.
struct Chances {
    seed: u64,
    random: Rng,
}

impl Chances {
    #[expect(clippy::disallowed_methods, reason = "the environment of a test is its own to read")]
    fn new() -> Self {
        let given = std::env::var("KEYGATE_TEST_SEED").ok();
        let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a seed is a number"));
        Self { seed, random: Rng::with_seed(seed) }
    }

    fn one_of<'list, T>(&mut self, list: &'list [T]) -> &'list T {
        &list[self.random.usize(..list.len())]
    }

    /// Once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.random.usize(..times) == 0
    }
}

impl Drop for Chances {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("KEYGATE_TEST_SEED={} gives this case again", self.seed);
        }
    }
}
