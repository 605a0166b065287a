//! What the embedded store acknowledged survives the sudden end of its process.

use std::path::Path;
use std::process::Command;

use crate::proof::change::{Verb, until_killed};
use crate::proof::kill::{Plain, Plan, run};

/// Names the directory in which this test binary, run again, is to commit until it is killed.
const CHILD: &str = "KEYGATE_TEST_STORE";
const SEED: &str = "KEYGATE_TEST_SEED";

/// Not a test of its own: what [`acknowledged_is_kept`] runs in a process that it can kill.
#[test]
#[expect(clippy::disallowed_methods, reason = "the two words that a child of the test is told")]
fn child_that_commits_until_it_is_killed() {
    let Some(place) = std::env::var_os(CHILD) else { return };
    let seed = std::env::var(SEED).expect("told with the directory");
    until_killed(Path::new(&place), seed.parse().expect("a number"));
}

pub fn child(place: &Path, seed: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", "store::kill::child_that_commits_until_it_is_killed", "--nocapture"]);
    command.env(CHILD, place).env(SEED, seed.to_string());
    command
}

#[test]
fn acknowledged_is_kept() {
    let survived = run(Plan { kills: 20, changes: 200, seed: 1 }, &mut Plain::new(), child);
    assert_eq!(survived.kills, 20, "{survived}");
    assert!(survived.total() >= 18 * 200, "{survived}");
    for verb in [Verb::Create, Verb::Rename, Verb::Disable, Verb::Enable, Verb::Revoke, Verb::Delete] {
        assert!(survived.changes.get(&verb).is_some_and(|&count| count > 20), "{verb:?}: {survived}");
    }
    assert!(survived.open > 20, "most kills meet changes that are under way: {survived}");
}
