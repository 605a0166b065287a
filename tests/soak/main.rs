//! The proofs of the store in a size that takes too long for every change: kills and damages by the
//! thousand. CONTRIBUTING.md tells when to run it.
//!
//!     cargo soak                                        the full size
//!     cargo soak --kills 20 --changes 500 --corruptions 200
//!
//! Prints one block of results; ends with exit code 101 and the seed where something was lost.

#[path = "../proof/mod.rs"]
mod proof;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use clap::Parser;
use keygate::model::Clock;

use proof::change::until_killed;
use proof::corruption;
use proof::kill::{self, Plain, Plan};
use proof::specimen::Specimen;

/// Kills a store and damages its files, again and again.
#[derive(Debug, Parser)]
struct Options {
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    kills: u64,

    /// Acknowledged changes in all.
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    changes: u64,

    #[arg(long, value_name = "N", default_value_t = 10_000)]
    corruptions: u64,

    /// Where the random numbers begin; another seed damages other places.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// For the process that is killed: where its store is.
    #[arg(long, hide = true)]
    child: Option<PathBuf>,
}

fn main() {
    let options = Options::parse();
    if let Some(place) = &options.child {
        until_killed(place, options.seed);
    }
    let clock = Clock::system();
    let begun = clock.mono();
    println!("{}, commit {}, seed {}", clock.wall(), commit(), options.seed);
    if options.kills > 0 {
        // Kills while the store opens come with no changes of their own.
        let each = usize::try_from(options.changes.div_ceil(options.kills) * 10 / 9 + 1).expect("it fits");
        let plan = Plan { kills: options.kills, changes: each, seed: options.seed };
        let survived = kill::run(plan, &mut Plain::new(), child);
        println!("kill -9, {} s\n{survived}", begun.elapsed().as_secs());
        assert!(survived.total() >= options.changes, "fewer changes than were asked for");
    }
    let begun = clock.mono();
    let specimen = Arc::new(Specimen::build(300, 7));
    let outcomes = corruption::run(&specimen, options.corruptions, options.seed);
    println!("damaged files, {} cases, {} s\n{outcomes}", options.corruptions, begun.elapsed().as_secs());
    assert!(outcomes.wrong.is_empty(), "{} cases are neither complete nor refused", outcomes.wrong.len());
}

fn child(place: &Path, seed: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg("--child").arg(place).args(["--seed", &seed.to_string()]);
    command
}

/// With a mark where files differ from it.
fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=10"]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() { "unknown".to_owned() } else { text }
}
