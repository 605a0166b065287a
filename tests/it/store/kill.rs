//! What the embedded store acknowledged survives the sudden end of its process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keygate::model::{AccountId, Revision, State, TokenId};
use keygate::store::Store;
use tokio::task::JoinSet;

use super::*;

/// Names the directory in which this test binary, run again, is to commit until it is killed.
const CHILD: &str = "KEYGATE_TEST_STORE";

/// Not a test of its own: what [`acknowledged_is_kept`] runs in a process that it can kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the one word that a child of the test is told")]
async fn child_that_commits_until_it_is_killed() {
    let Some(place) = std::env::var_os(CHILD) else { return };
    let store = Arc::new(open(Path::new(&place)));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        clients.spawn(async move {
            loop {
                let made = create(&*store, token(AccountId::fresh())).await;
                println!("\nacknowledged {} {} active", made.id, made.revision.0);
                let ended = edit(&*store, revoked(&made)).await;
                println!("\nacknowledged {} {} revoked", ended.id, ended.revision.0);
            }
        });
    }
    clients.join_all().await;
}

/// What a child that is killed after `lines` acknowledgements had acknowledged by then.
fn killed_child(place: &Path, lines: usize) -> Vec<(TokenId, Revision, bool)> {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "store::kill::child_that_commits_until_it_is_killed", "--nocapture"])
        .env(CHILD, place)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        let line = line.expect("text");
        // A last line may be cut short by the kill.
        if let Some(("acknowledged", rest)) = line.split_once(' ')
            && let [id, revision, state @ ("active" | "revoked")] = rest.split(' ').collect::<Vec<_>>()[..]
        {
            let revision = Revision(revision.parse().expect("a number"));
            acknowledged.push((id.parse().expect("an id"), revision, state == "revoked"));
            if acknowledged.len() == lines {
                child.kill().expect("killed");
            }
        }
    }
    child.wait().expect("it ended");
    assert!(acknowledged.len() >= lines, "the child ended by itself after {} lines", acknowledged.len());
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_is_kept() {
    let place = tempfile::tempdir().expect("a directory");
    let mut known: BTreeMap<TokenId, (Revision, bool)> = BTreeMap::new();
    for round in 0..20 {
        for (id, revision, revoked) in killed_child(place.path(), 1 + round * 17) {
            let newest = known.entry(id).or_default();
            *newest = (*newest).max((revision, revoked));
        }
        let store = open(place.path());
        for (&id, &(revision, revoked)) in &known {
            let kept = store.token(id).await.expect("readable").unwrap_or_else(|| panic!("{id} is lost"));
            // The change after the last acknowledged one may have been made without an answer.
            assert!(kept.revision >= revision, "{id} is older than what was acknowledged");
            assert!(!revoked || matches!(kept.state, State::Revoked { .. }), "{id} came back to life");
            assert_eq!(by_digest(&store, kept.digest).await, Some(kept));
        }
        store.close().await.expect("closed in order");
    }
    assert!(known.len() > 1000, "{} tokens were acknowledged", known.len());
}
