//! Faults of one file alone, by which strace replaces the results of calls.

use std::process::Command;

use serde_json::{Value, json};

use super::{OK, passes};
use crate::support::Upstream;
use crate::support::binary::{Install, contents, done};
use crate::support::client::{get, request};

const DATABASE: &str = "data/data-1/tokens/db";

/// For a program that follows. A grandchild: the process is the program's own.
fn strace(install: &Install, file: &str, fault: &str) -> Vec<String> {
    let path = install.path(file).display().to_string();
    ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-P", &path, "-e", fault].map(str::to_owned).to_vec()
}

/// One read fails, as at a bad place of a disk. After the second one of the database sled would take the
/// place for empty, and write over it.
#[test]
fn one_bad_place_of_a_file_is_left_as_it_is() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = served.admin.create(json!({"name": "kept", "grants": {"*": "read"}}));
    served.process.kill();
    let records = || contents(&install.path("data/data-1"));
    let before = records();
    for (file, read) in [("data.anchor", 1), (DATABASE, 1), (DATABASE, 2)] {
        let wrapper = strace(&install, file, &format!("inject=pread64:error=EIO:when={read}"));
        let mut start = Command::new(&wrapper[0]);
        start.args(&wrapper[1..]).args([env!("CARGO_BIN_EXE_keygate"), "run"]).current_dir(&install.directory);
        done(&mut start).refused(1, &["Input/output error"]);
        assert!(before == records(), "the records were changed after read {read} of {file}");
    }
    assert_eq!(passes(&install.run(), &made.secret), OK);
}

/// An answer stands on each of them.
#[test]
fn a_sync_that_fails_at_one_of_three_files_fences() {
    for file in ["data/data-1/journal/0000000000000000.journal", DATABASE, "data.anchor"] {
        let upstream = Upstream::start();
        let install = Install::new(&upstream.url());
        let wrapper = strace(&install, file, "inject=fdatasync:error=EIO:when=8+");
        let mut served = install.run_under(&wrapper.iter().map(String::as_str).collect::<Vec<_>>());
        let admin = served.admin.clone();
        let create = || admin.call("POST", "/v1/tokens", Some(json!({"name": "ci", "grants": {"*": "read"}})));
        let mut made: Vec<Value> = Vec::new();
        let refused = loop {
            let answer = create();
            if answer.status != 201 {
                break answer;
            }
            made.push(answer.json());
            assert!(made.len() < 20, "{file}: {} changes were acknowledged without a sync", made.len());
        };
        assert_eq!((refused.status, create().status), (503, 503), "{file}: {}", refused.text());
        assert_eq!(request(admin.address, "GET", "/readyz", None, b"").status, 503, "{file}");
        assert!(!made.is_empty(), "{file}");
        let verify = |served: &crate::support::binary::Served| {
            made.iter()
                .for_each(|token| assert_eq!(passes(served, token["token"].as_str().expect("a text")), OK, "{file}"));
        };
        verify(&served);
        served.process.kill();
        verify(&install.run());
    }
}

/// As a quota has it, which no look at the free space tells.
#[test]
fn a_journal_without_room_changes_nothing_and_that_passes() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let journal = "data/data-1/journal/0000000000000000.journal";
    let wrapper = strace(&install, journal, "inject=pwrite64:error=ENOSPC:when=3..6");
    let mut served = install.run_under(&wrapper.iter().map(String::as_str).collect::<Vec<_>>());
    let body = json!({"name": "ci", "grants": {"*": "read"}});
    let (mut made, mut refused) = (Vec::new(), 0);
    for _ in 0..10 {
        let answer = served.admin.call("POST", "/v1/tokens", Some(body.clone()));
        match answer.status {
            201 => made.push(answer.json()["token"].as_str().expect("a text").to_owned()),
            _ => {
                assert_eq!((answer.status, answer.problem().as_str()), (507, "store_full"));
                refused += 1;
            }
        }
    }
    assert_eq!((made.len(), refused), (6, 4));
    assert_eq!(get(served.admin.address, "/readyz", "").status, 200);
    served.process.kill();
    let served = install.run();
    made.iter().for_each(|secret| assert_eq!(passes(&served, secret), OK));
}
