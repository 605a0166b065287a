//! A disk that fails: nothing is acknowledged that is not on it, and what was is there afterwards.
//!
//! The faults are put into the C library's calls by libfiu, from outside.

mod one_file;

use std::process::Command;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::Upstream;
use crate::support::binary::{Install, Running, Served, contents, done};
use crate::support::client::{Answer, get, request};
use crate::support::wait::eventually;

/// A gateway whose calls to the operating system can be made to fail.
struct Faulty {
    install: Install,
    served: Served,
    control: String,
}

impl Faulty {
    fn start(upstream: &Upstream) -> Self {
        let install = Install::new(&upstream.url());
        let control = install.path("control").display().to_string();
        let served = install.run_under(&["fiu-run", "-x", "-f", &control]);
        Self { install, served, control }
    }

    fn fail(&self, what: &str) {
        let pid = std::fs::read_to_string(self.install.path("data/keygate.lock")).expect("a lock");
        let told = Command::new("fiu-ctrl").args(["-f", &self.control, "-c", what, pid.trim()]).output();
        let told = told.expect("fiu-utils are installed (./test does it)");
        assert!(told.status.success(), "{what}: {}", String::from_utf8_lossy(&told.stderr));
    }

    fn change(&self, target: &str, body: &Value) -> Answer {
        let admin = &self.served.admin;
        request(admin.address, "POST", target, Some(&admin.token), body.to_string().as_bytes())
    }

    fn create(&self, name: &str) -> Answer {
        self.change("/v1/tokens", &json!({"name": name, "grants": {"*": "read"}}))
    }

    /// Without faults, after a kill.
    fn restart(mut self) -> (Install, Served) {
        self.served.process.kill();
        let served = self.install.run();
        (self.install, served)
    }
}

fn passes(served: &Served, secret: &str) -> (u16, Option<String>) {
    let answer = get(served.proxy, "/v1/things", secret);
    (answer.status, (answer.status != 200).then(|| answer.problem()))
}

const OK: (u16, Option<String>) = (200, None);

#[test]
fn after_a_failed_sync_or_write_changes_are_fenced_and_requests_go_on() {
    for (fault, reason) in [
        ("posix/io/sync/fdatasync", "failed: Input/output error"),
        ("posix/io/rw/pwrite", "failed: Input/output error"),
    ] {
        let upstream = Upstream::start();
        let faulty = Faulty::start(&upstream);
        let known = faulty.served.admin.create(json!({"name": "known", "grants": {"*": "read"}}));
        let unused = faulty.served.admin.create(json!({"name": "unused", "grants": {"*": "read"}}));
        let doubtful = faulty.served.admin.create(json!({"name": "doubtful", "grants": {"*": "read"}}));
        assert_eq!(passes(&faulty.served, &known.secret), OK);

        let create = || {
            let refused = faulty.create("lost");
            (refused.status, refused.problem())
        };
        // What takes rights away gets past the log, and as far as the store.
        let revoke = |id: &str| {
            let refused = faulty.change(&format!("/v1/tokens/{id}/revoke"), &Value::Null);
            (refused.status, refused.problem())
        };
        let (no_log, no_store) = ((503, "audit_unavailable".to_owned()), (503, "store_unavailable".to_owned()));
        faulty.fail(&format!("enable name={fault},failinfo=5"));
        // Of this one nobody knows, and it is told so.
        assert_eq!((create(), revoke(&doubtful.id)), (no_log.clone(), no_store.clone()), "{fault}");
        faulty.fail(&format!("disable name={fault}"));
        for _ in 0..3 {
            assert_eq!((create(), revoke(&known.id)), (no_log.clone(), no_store.clone()), "no retry-and-hope");
        }
        let ready = get(faulty.served.admin.address, "/readyz", "");
        assert_eq!((ready.status, ready.problem().as_str()), (503, "not_ready"));
        let detail = ready.json()["detail"].as_str().expect("a text").to_owned();
        assert!(
            detail.starts_with("writing is fenced after a failure, restart keygate once it is mended: "),
            "{detail}"
        );
        assert!(detail.contains(reason), "{detail}");
        assert_eq!(passes(&faulty.served, &known.secret), OK);
        assert_eq!(passes(&faulty.served, &unused.secret), OK, "from the store, not the cache");

        let (_install, served) = faulty.restart();
        assert_eq!((passes(&served, &known.secret), passes(&served, &unused.secret)), (OK, OK));
        served.admin.create(json!({"name": "again", "grants": {"*": "read"}}));
    }
}

/// Neither the anchor, whose newer slot may be the one, nor the database, which sled would write over.
#[test]
fn what_cannot_be_read_is_left_as_it_is() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = served.admin.create(json!({"name": "kept", "grants": {"*": "read"}}));
    served.process.kill();
    let records = || contents(&install.path("data/data-1"));
    let before = records();
    for _ in 0..3 {
        let mut start = Command::new("fiu-run");
        start.args(["-x", "-c", "enable name=posix/io/rw/pread,failinfo=5", env!("CARGO_BIN_EXE_keygate"), "run"]);
        done(start.current_dir(&install.directory)).refused(1, &["Input/output error"]);
        assert!(before == records(), "the records were changed");
    }
    assert_eq!(passes(&install.run(), &made.secret), OK);
}

/// Whatever fails, and whenever: what was answered with success is there after a restart.
#[test]
fn slow_no_fault_makes_an_acknowledgement_a_lie() {
    let mut cut_off = 0;
    for seed in 0..12 {
        let mut rng = Rng::with_seed(seed);
        let upstream = Upstream::start();
        let faulty = Faulty::start(&upstream);
        let point = ["sync/fdatasync", "sync/*", "rw/pwrite", "rw/pwrite*"][rng.usize(..4)];
        let probability = [0.002, 0.01, 0.05][rng.usize(..3)];
        faulty.fail(&format!("enable_random name=posix/io/{point},probability={probability},failinfo=5"));
        let (mut active, mut revoked) = (Vec::new(), Vec::new());
        for number in 0..120 {
            let made = faulty.create(&format!("{seed} {number}"));
            if made.status != 201 {
                cut_off += 1;
                break;
            }
            let record = made.json();
            let text = |field: &str| record[field].as_str().expect("a text").to_owned();
            let (id, secret) = (text("id"), text("token"));
            if rng.bool() && faulty.change(&format!("/v1/tokens/{id}/revoke"), &Value::Null).status == 200 {
                revoked.push(secret);
            } else {
                active.push(secret);
            }
        }
        let (_install, served) = faulty.restart();
        for secret in &revoked {
            assert_eq!(passes(&served, secret), (401, Some("token_revoked".to_owned())), "seed {seed}");
        }
        // The last one may have been revoked without an answer.
        for secret in active.iter().rev().skip(1) {
            assert_eq!(passes(&served, secret), OK, "seed {seed}");
        }
    }
    assert!(cut_off > 3, "{cut_off} of 12 gateways met a fault");
}

/// A start that meets faults serves all or ends with a word, and the next one without them serves all.
#[test]
fn slow_a_start_under_faults_serves_everything_or_ends() {
    const POINTS: [&str; 5] = ["sync/*", "rw/pwrite", "rw/ftruncate", "dir/*", "oc/open"];
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made: Vec<_> =
        (0..60).map(|n| served.admin.create(json!({"name": n.to_string(), "grants": {"*": "read"}}))).collect();
    made.iter().step_by(3).for_each(|token| drop(served.admin.change(&token.id, "revoke")));
    served.process.kill();
    let (mut ended, mut started) = (0, 0);
    for round in 0..40 {
        let mut rng = Rng::with_seed(round);
        let (point, error) = (POINTS[rng.usize(..POINTS.len())], [5, 28][rng.usize(..2)]);
        let probability = [0.02, 0.1, 0.5][rng.usize(..3)];
        let fault = format!("enable_random name=posix/io/{point},probability={probability},failinfo={error}");
        let mut start = Command::new("fiu-run");
        start.args(["-x", "-c", &fault, env!("CARGO_BIN_EXE_keygate"), "run"]).current_dir(&install.directory);
        let mut process = Running::start(&mut start);
        let serves = eventually(&fault, || {
            let serves = process.err().contains("\"event\":\"serving\"");
            (serves || process.has_ended()).then_some(serves)
        });
        if serves {
            started += 1;
            process.kill();
        } else {
            ended += 1;
            process.ended();
            assert!(!process.err().is_empty(), "{fault}: it ended without a word");
        }
        let mut served = install.run();
        for (number, token) in made.iter().enumerate() {
            let right = if number % 3 == 0 { (401, Some("token_revoked".to_owned())) } else { OK };
            assert_eq!(passes(&served, &token.secret), right, "after {fault}");
        }
        served.process.kill();
    }
    assert!(ended > 5 && started > 5, "{ended} starts ended, and {started} served");
}
