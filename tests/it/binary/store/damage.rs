//! A store that is not what it was: refused with the commands that help, and helped by them.

use std::fs;

use serde_json::{Value, json};

use super::{BACKUP, backup, everything, filled, held, refused_to_run, snapshot, store};
use crate::support::binary::{Install, done};
use crate::support::{Upstream, get};

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
