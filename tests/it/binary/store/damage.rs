//! A store that is not what it was: refused with the commands that help, and helped by them.

use std::fs;

use serde_json::{Value, json};

use super::{BACKUP, backup, everything, filled, held, refused_to_run, snapshot, store};
use crate::support::binary::{Install, done};
use crate::support::{Created, Upstream, get};

const RESTORE: &str = "hint: `keygate store restore -c keygate.toml BACKUP` puts a backup in its place";
const ACCEPT: &str = "`keygate store accept -c keygate.toml` takes what is there for the truth";

#[test]
fn a_restore_keeps_what_was_revoked_since_the_backup() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let mut made = filled(&served);
    backup(&install, &served, BACKUP);
    served.admin.change(&made[0].id, "revoke");
    made.push(served.admin.create(json!({"name": "later", "grants": {"*": "read"}})));
    let before = everything(&install, &served, &made).1;
    assert_eq!(before, [401, 401, 401, 401, 200, 200, 200, 200]);
    served.process.stop("TERM");
    fs::remove_dir_all(install.path("data/data-1/tokens")).expect("removed");

    store(&install, &["restore", BACKUP]).refused(2, &["restore is final, and there is no terminal", "--yes"]);
    let restored = store(&install, &["restore", BACKUP, "--yes", "-o", "json"]).json();
    assert_eq!((&restored["later_changes"], &restored["lost"]), (&json!(2), &Value::Null), "{restored}");
    let replaced = restored["replaced"].as_str().expect("a path");
    assert!(replaced.ends_with("data/data-1") && install.path(replaced).exists(), "{replaced}");
    let verified = store(&install, &["verify", "-o", "json"]).json();
    assert_eq!(verified["tokens"], 8, "{verified}");
    let served = install.run();
    assert_eq!(everything(&install, &served, &made).1, before);
}

#[test]
fn a_restore_that_would_lose_changes_says_which_and_wants_to_be_told() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = served.admin.create(json!({"name": "ci", "grants": {"*": "read"}}));
    let revision = backup(&install, &served, BACKUP)["revision"].as_u64().expect("a number");
    served.admin.change(&made.id, "revoke");
    served.process.stop("TERM");
    fs::remove_dir_all(install.path("data")).expect("removed");

    let gone = "store_gone: there is no store at data";
    refused_to_run(&install, &[gone, RESTORE]);
    store(&install, &["verify"]).refused(65, &[gone, RESTORE]);
    let lost = format!("has the changes {0} to {0}; nothing was changed", revision + 1);
    let before = snapshot(install.directory.path());
    store(&install, &["restore", BACKUP, "--yes"]).refused(65, &[&lost, "add --accept-loss"]);
    assert!(snapshot(install.directory.path()) == before);
    let told = store(&install, &["restore", BACKUP, "--yes", "--accept-loss", "-o", "json"]).json();
    assert!(told["lost"].as_str().is_some_and(|lost| lost.contains("neither it nor the store's journal")), "{told}");
    let served = install.run();
    assert_eq!(get(served.proxy, "/", &made.secret).status, 200, "the loss that was accepted");
}

#[test]
fn a_store_that_cannot_be_proven_is_refused_until_it_is_accepted() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = filled(&served);
    let before = everything(&install, &served, &made).1;
    served.process.stop("TERM");
    let all = held(&install);
    fs::remove_file(install.path("data.anchor")).expect("removed");

    let why = "store_unanchored: data.anchor is gone";
    refused_to_run(&install, &[why, RESTORE, ACCEPT]);
    store(&install, &["verify"]).refused(65, &[why, RESTORE, ACCEPT]);
    store(&install, &["export", BACKUP]).refused(65, &[why]);
    assert!(!install.path(BACKUP).exists() && !install.path("k.jsonl.part").exists());
    store(&install, &["accept"]).refused(2, &["accept is final, and there is no terminal"]);
    let accepted = store(&install, &["accept", "--yes", "-o", "json"]).json();
    assert_eq!((&accepted["tokens"], &accepted["accounts"]), (&json!(7), &json!(2)), "{accepted}");
    assert_eq!(held(&install), all);
    let served = install.run();
    assert_eq!(everything(&install, &served, &made).1, before);
}

#[test]
fn commands_for_a_store_do_not_begin_one() {
    let install = Install::new("http://127.0.0.1:1");
    fs::remove_dir_all(install.path("data")).expect("removed");
    fs::remove_file(install.path("data.anchor")).expect("removed");
    let before = snapshot(install.directory.path());
    for command in [&["verify"][..], &["export", BACKUP], &["accept", "--yes"]] {
        store(&install, command).refused(1, &["error: there is no store at data"]);
        assert!(snapshot(install.directory.path()) == before, "{command:?}");
    }
    install.configure(|text| text.replace("kind = \"sled\"", "kind = \"memory\"").replace("path = \"data\"\n", ""));
    done(&mut install.command(&["store", "verify"])).refused(1, &["error: the configuration's store is in memory"]);
}

#[test]
fn another_processes_store_is_left_alone() {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    backup(&install, &served, BACKUP);
    let holder = format!("in use by process {}", served.process.id());
    for command in [&["verify"][..], &["import", BACKUP], &["restore", BACKUP, "--yes"], &["accept", "--yes"]] {
        store(&install, command).refused(1, &[&holder, "hint: stop that gateway first"]);
    }
    assert_eq!(served.admin.call("GET", "/readyz", None).status, 200);
}

/// Two tokens in a backup, of which the one was deleted and the other, last of all, revoked since.
fn taken_back() -> (Install, [Created; 2]) {
    let install = Install::new("http://127.0.0.1:1");
    let mut served = install.run();
    let made = [0, 1].map(|number| served.admin.create(json!({"name": format!("n{number}"), "grants": {"*": "read"}})));
    backup(&install, &served, BACKUP);
    served.admin.delete(&made[0].id);
    served.admin.change(&made[1].id, "revoke");
    served.process.stop("TERM");
    (install, made)
}

/// Damages the last change in the journal.
fn tear(install: &Install) {
    let path = install.path("data/data-1/journal/0000000000000000.journal");
    let mut bytes = fs::read(&path).expect("a journal");
    *bytes.last_mut().expect("it has changes") ^= 1;
    fs::write(&path, bytes).expect("written");
}

/// What the database has, the journal's older changes do not undo.
#[test]
fn what_is_accepted_does_not_bring_back_what_was_taken_back() {
    let (install, made) = taken_back();
    let before = held(&install);
    fs::remove_file(install.path("data.anchor")).expect("removed");
    tear(&install);
    let accepted = store(&install, &["accept", "--yes", "-o", "json"]).json();
    assert_eq!(accepted["tokens"], 2, "{accepted}");
    assert_eq!(held(&install), before);
    let served = install.run();
    for token in made {
        assert_eq!(get(served.proxy, "/", &token.secret).status, 401);
    }
}

/// A journal whose end is damaged looks like one that ended there.
#[test]
fn without_an_anchor_no_restore_claims_that_nothing_is_lost() {
    for torn in [true, false] {
        let (install, made) = taken_back();
        fs::remove_file(install.path("data.anchor")).expect("removed");
        if torn {
            tear(&install);
        }
        let before = snapshot(install.directory.path());
        let unknown = "whether there were later ones cannot be told";
        store(&install, &["restore", BACKUP, "--yes"]).refused(65, &[unknown, "nothing was changed", "--accept-loss"]);
        assert!(snapshot(install.directory.path()) == before);
        let told = store(&install, &["restore", BACKUP, "--yes", "--accept-loss", "-o", "json"]).json();
        assert!(told["lost"].as_str().is_some_and(|lost| lost.contains(unknown)), "{told}");
        assert_eq!(told["later_changes"], if torn { 1 } else { 2 }, "{told}");
        let served = install.run();
        let answers = made.map(|token| get(served.proxy, "/", &token.secret).status);
        assert_eq!(answers, [401, if torn { 502 } else { 401 }], "what the journal has is put over the backup");
    }
}

/// Also where the marker is lost with the anchor, so that nothing but the journal says whose it is.
#[test]
fn a_restore_finds_the_later_changes_without_a_marker_and_an_anchor() {
    let (install, made) = taken_back();
    for name in ["data.anchor", "data/keygate.store"] {
        fs::remove_file(install.path(name)).expect("removed");
    }
    store(&install, &["restore", BACKUP, "--yes"]).refused(65, &["whether there were later ones cannot be told"]);
    let told = store(&install, &["restore", BACKUP, "--yes", "--accept-loss", "-o", "json"]).json();
    assert_eq!(told["later_changes"], 2, "{told}");
    let served = install.run();
    for token in made {
        assert_eq!(get(served.proxy, "/", &token.secret).status, 401);
    }
}

#[test]
fn a_damaged_mark_of_the_pepper_is_no_dead_end() {
    let damaged = || {
        let (install, _) = taken_back();
        let before = held(&install);
        let path = install.path("data/keygate.store");
        let mut marker: Value = serde_json::from_slice(&fs::read(&path).expect("a marker")).expect("JSON");
        marker["pepper"] = json!("00".repeat(32));
        fs::write(&path, marker.to_string()).expect("written");
        refused_to_run(&install, &["store_damaged: the store at data is damaged", RESTORE, ACCEPT]);
        (install, before)
    };
    let (install, before) = damaged();
    let told = store(&install, &["restore", BACKUP, "--yes", "-o", "json"]).json();
    assert_eq!((&told["later_changes"], &told["lost"]), (&json!(2), &Value::Null), "{told}");
    assert_eq!(held(&install), before);
    let (install, before) = damaged();
    store(&install, &["accept", "--yes"]).ok();
    assert_eq!(held(&install), before);

    // Another pepper's store is still refused, whatever lies beside it.
    let (install, _) = taken_back();
    fs::write(install.path("pepper"), "f".repeat(96)).expect("written");
    let before = snapshot(install.directory.path());
    store(&install, &["accept", "--yes"]).refused(65, &["made with another pepper"]);
    assert!(snapshot(install.directory.path()) == before);
}

/// sled panics on it; the journal of this store has all that was ever in it.
#[test]
fn what_the_journal_has_is_accepted_where_the_database_cannot_be_read() {
    let (install, _) = taken_back();
    let before = held(&install);
    let snapshots = fs::read_dir(install.path("data/data-1/tokens")).expect("readable");
    for entry in snapshots.map(|entry| entry.expect("readable")).filter(|e| e.file_type().is_ok_and(|t| t.is_file())) {
        fs::write(entry.path(), [0xff; 4096]).expect("written");
    }
    refused_to_run(&install, &["store_damaged", RESTORE, ACCEPT]);
    let accepted = store(&install, &["accept", "--yes"]);
    assert!(accepted.err.contains("warning: not all of the database can be read: "), "{accepted:?}");
    accepted.ok();
    assert_eq!(held(&install), before);
    // Without the journal there is nothing left of it.
    let (install, _) = taken_back();
    fs::write(install.path("data/data-1/tokens/db"), [0xff; 4096]).expect("written");
    fs::remove_dir_all(install.path("data/data-1/journal")).expect("removed");
    let snapshot_before = snapshot(install.directory.path());
    store(&install, &["accept", "--yes"]).refused(65, &["store_damaged", RESTORE]);
    assert!(snapshot(install.directory.path()) == snapshot_before);
}
