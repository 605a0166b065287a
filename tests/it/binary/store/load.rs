//! Backups while others change the store.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::{backup, sibling, store};
use crate::support::binary::Install;
use crate::support::eventually;

const CLIENTS: usize = 4;
const BACKUPS: usize = 4;

/// What a backup has of one client's tokens: number → state.
type Seen = BTreeMap<usize, String>;

/// Each client makes a token and then revokes the one before, in turns; so whatever a backup has of it
/// must be what it had come to at one moment, and this moment lies within the backup's own time.
#[test]
fn slow_a_backup_under_load_is_of_one_moment() {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    let stop = AtomicBool::new(false);
    let acknowledged: [AtomicUsize; CLIENTS] = Default::default();
    let made = |client: usize| acknowledged[client].load(Ordering::SeqCst);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (admin, stop, acknowledged) = (&served.admin, &stop, &acknowledged);
            scope.spawn(move || {
                let mut before: Option<String> = None;
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let token = admin.create(json!({"name": format!("{client}-{number}"), "grants": {"*": "read"}}));
                    acknowledged[client].store(number + 1, Ordering::SeqCst);
                    if let Some(before) = before.replace(token.id) {
                        admin.change(&before, "revoke");
                    }
                }
            });
        }
        for number in 0..BACKUPS {
            let floor: Vec<usize> = (0..CLIENTS).map(made).collect();
            let name = format!("{number}.jsonl");
            let told = backup(&install, &served, &name);
            let ceiling: Vec<usize> = (0..CLIENTS).map(made).collect();
            check(&install, &name, &told, &floor, &ceiling);
            eventually("the clients go on", || (0..CLIENTS).all(|c| made(c) >= ceiling[c] + 5).then_some(()));
        }
        stop.store(true, Ordering::SeqCst);
    });
    for number in 0..BACKUPS {
        let (elsewhere, name) = (sibling(&install), format!("{number}.jsonl"));
        fs::copy(install.path(&name), elsewhere.path(&name)).expect("copied");
        let restored = store(&elsewhere, &["restore", &name, "--yes", "-o", "json"]).json();
        store(&elsewhere, &["export", "again"]).ok();
        let (_, first) = seen(&install, &name);
        let (_, again) = seen(&elsewhere, "again");
        assert_eq!(first, again, "{restored}");
    }
}

/// The header's revision and what the file has of each client.
fn seen(install: &Install, name: &str) -> (u64, Vec<Seen>) {
    let text = fs::read_to_string(install.path(name)).expect("UTF-8");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let revision = lines.next().expect("a header")["revision"].as_u64().expect("a number");
    let mut seen = vec![Seen::new(); CLIENTS];
    for token in lines.map(|line| line["token"].clone()).filter(Value::is_object) {
        assert!(token["revision"].as_u64().is_some_and(|of| of <= revision), "{token} is later than {revision}");
        let name = token["name"].as_str().expect("a text");
        let Some((client, number)) = name.split_once('-') else { continue };
        let (client, number): (usize, usize) = (client.parse().expect("a number"), number.parse().expect("a number"));
        let state = if token["state"].is_object() { "revoked" } else { "active" };
        seen[client].insert(number, state.to_owned());
    }
    (revision, seen)
}

fn check(install: &Install, name: &str, told: &Value, floor: &[usize], ceiling: &[usize]) {
    let (revision, seen) = seen(install, name);
    assert_eq!(told["revision"].as_u64(), Some(revision));
    for (client, seen) in seen.iter().enumerate() {
        let what = format!("{name}, client {client}: {seen:?}");
        let count = seen.len();
        assert!(seen.keys().copied().eq(0..count), "none is left out: {what}");
        // One more may be made and not acknowledged yet.
        assert!((floor[client]..=ceiling[client] + 1).contains(&count), "{} {} {what}", floor[client], ceiling[client]);
        let revoked = seen.values().take_while(|state| *state == "revoked").count();
        assert!(seen.values().skip(revoked).all(|state| state == "active"), "revoked in turns: {what}");
        assert!(count.saturating_sub(2) <= revoked && revoked < count.max(1), "each at most one step behind: {what}");
    }
}
