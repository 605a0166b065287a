//! A disk without room: changes are refused, everything else goes on, and it heals by itself.

mod rebuild;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::binary::{Install, Served, done};
use crate::support::client::{Answer, get, request};
use crate::support::{Upstream, eventually};

/// A file system in memory, of a few MiB, that is unmounted with the value.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(mib: u32) -> Self {
        let place = TempDir::new().expect("a directory");
        let size = format!("size={mib}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.path()).output();
        let mounted = mounted.expect("mount is installed (./test does it)");
        let said = String::from_utf8_lossy(&mounted.stderr);
        assert!(mounted.status.success(), "a file system of its own needs root: run ./test as root ({said})");
        Self(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Until not one more byte goes in.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut filler = File::create(&path).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a gateway that a failed test left may still have it open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// An installation whose store lies on the small disk, and its audit log on another one.
fn install(upstream: &Upstream, disk: &SmallDisk) -> Install {
    install_with(upstream, disk, "\n[audit]\npath = \"audit\"\n")
}

fn install_with(upstream: &Upstream, disk: &SmallDisk, more: &str) -> Install {
    install_knowing(upstream, disk, more, |_| {})
}

/// With files that the configuration refers to.
fn install_knowing(upstream: &Upstream, disk: &SmallDisk, more: &str, files: impl FnOnce(&Path)) -> Install {
    let mut install = Install::new(&upstream.url());
    files(install.directory.path());
    let path = format!("path = \"{}\"", disk.path().join("data").display());
    install.configure(|text| text.replace("path = \"data\"", &path) + more);
    let made = done(&mut install.command(&["init", "-c", "keygate.toml", "-o", "json"])).json();
    install.admin_token = made["token"].as_str().expect("a token").to_owned();
    install
}

fn change(served: &Served, method: &str, target: &str, body: &Value) -> Answer {
    request(served.admin.address, method, target, Some(&served.admin.token), body.to_string().as_bytes())
}

fn passes(served: &Served, secret: &str) -> (u16, Option<String>) {
    let answer = get(served.proxy, "/v1/things", secret);
    (answer.status, (answer.status != 200).then(|| answer.problem()))
}

const OK: (u16, Option<String>) = (200, None);

#[test]
fn a_full_disk_stops_changes_alone_and_heals_by_itself() {
    let (upstream, disk) = (Upstream::start(), SmallDisk::mount(24));
    let install = install(&upstream, &disk);
    let mut served = install.run();
    let read = |name: &str| json!({"name": name, "grants": {"*": "read"}});
    let used = served.admin.create(read("used"));
    let unused = served.admin.create(read("unused"));
    let leaked = served.admin.create(read("leaked"));
    assert_eq!((passes(&served, &used.secret), passes(&served, &leaked.secret)), (OK, OK));

    let filler = disk.fill();
    let refused = change(&served, "POST", "/v1/tokens", &read("late"));
    assert_eq!((refused.status, refused.problem().as_str()), (507, "store_full"));
    let again = done(install.managed(&served, &["token", "create", "late", "--read"]).env("LC_ALL", "C"));
    again.refused(75, &["error: the disk of the store is full: nothing was changed"]);
    assert_eq!((passes(&served, &used.secret), passes(&served, &unused.secret)), (OK, OK), "cached and not");
    let ready = get(served.admin.address, "/readyz", "");
    assert_eq!(ready.status, 200);
    assert!(ready.text().starts_with("ready\nchanges are refused: the store takes no changes"), "{}", ready.text());
    assert_eq!(served.admin.metric("keygate_store_writable"), Some(0.0));

    // What takes rights away does not wait for somebody to tidy up, and lets nothing else in.
    assert_eq!(change(&served, "POST", &format!("/v1/tokens/{}/revoke", leaked.id), &Value::Null).status, 200);
    assert_eq!(change(&served, "POST", "/v1/tokens", &read("late")).status, 507);
    let revoked = (401, Some("token_revoked".to_owned()));
    assert_eq!(passes(&served, &leaked.secret), revoked);

    for _ in 0..3 {
        served.process.kill();
        served = install.run();
        assert_eq!((passes(&served, &used.secret), passes(&served, &unused.secret)), (OK, OK));
        assert_eq!(passes(&served, &leaked.secret), revoked);
        assert_eq!(change(&served, "POST", "/v1/tokens", &read("late")).status, 507);
    }

    std::fs::remove_file(filler).expect("removed");
    let late = served.admin.create(read("late"));
    assert_eq!(passes(&served, &late.secret), OK);
    assert_eq!(get(served.admin.address, "/readyz", "").text(), "ready\n");
    assert_eq!(served.admin.metric("keygate_store_writable"), Some(1.0));
    assert_eq!(served.process.stop("TERM"), Some(0));
    let served = install.run();
    assert_eq!((passes(&served, &late.secret), passes(&served, &leaked.secret)), (OK, revoked));
}

/// Where the log lies beside the store, either may be the first that has no room.
#[test]
fn what_cannot_be_noted_is_not_done_until_there_is_room() {
    let (upstream, disk) = (Upstream::start(), SmallDisk::mount(32));
    let install = install_with(&upstream, &disk, "");
    let mut served = install.run();
    let read = |name: &str| json!({"name": name, "grants": {"*": "read"}});
    let leaked = served.admin.create(read("leaked"));
    assert_eq!(passes(&served, &leaked.secret), OK);

    let filler = disk.fill();
    for _ in 0..3 {
        let refused = change(&served, "POST", "/v1/tokens", &read("late"));
        assert_eq!(refused.status, 507, "{}", refused.text());
        assert!(["audit_full", "store_full"].contains(&refused.problem().as_str()), "{}", refused.text());
    }
    let again = done(install.managed(&served, &["token", "create", "late", "--read"]).env("LC_ALL", "C"));
    again.refused(75, &[": nothing was changed"]);
    let ready = get(served.admin.address, "/readyz", "");
    assert!(ready.text().starts_with("ready\nchanges are refused: "), "{}", ready.text());
    let revoke = format!("/v1/tokens/{}/revoke", leaked.id);
    assert_eq!(change(&served, "POST", &revoke, &Value::Null).status, 200);
    assert_eq!(passes(&served, &leaked.secret), (401, Some("token_revoked".to_owned())));

    std::fs::remove_file(filler).expect("removed");
    let late = eventually("there is room again", || {
        let made = change(&served, "POST", "/v1/tokens", &read("late"));
        (made.status == 201).then(|| made.json())
    });
    assert_eq!(passes(&served, late["token"].as_str().expect("a secret")), OK);
    let log = request(served.admin.address, "GET", "/v1/audit?action=token.revoke", Some(&served.admin.token), b"");
    assert!(log.text().contains(&leaked.id), "what was done without room is noted afterwards: {}", log.text());
    assert_eq!(served.process.stop("TERM"), Some(0));
}

/// The log on a disk of its own.
#[test]
fn without_room_for_their_entries_changes_are_refused_and_what_takes_rights_away_goes_on() {
    let (upstream, disk) = (Upstream::start(), SmallDisk::mount(4));
    let install = Install::new(&upstream.url());
    let path = disk.path().join("audit");
    install.configure(|text| format!("{text}\n[audit]\npath = \"{}\"\n", path.display()));
    let mut served = install.run();
    let read = |name: &str| json!({"name": name, "grants": {"*": "read"}});
    let used = served.admin.create(read("used"));
    let leaked: Vec<_> = (0..40).map(|_| served.admin.create(read("leaked"))).collect();

    let filler = disk.fill();
    let late = loop {
        // What room is left in the last page of the log is used first.
        let answer = change(&served, "POST", "/v1/tokens", &read("late"));
        if answer.status != 201 {
            break answer;
        }
    };
    assert_eq!((late.status, late.problem().as_str()), (507, "audit_full"));
    let ready = get(served.admin.address, "/readyz", "");
    assert_eq!(ready.status, 200);
    assert!(ready.text().starts_with("ready\nchanges are refused: the audit log has no room"), "{}", ready.text());
    assert_eq!(passes(&served, &used.secret), OK);
    for token in &leaked {
        assert_eq!(change(&served, "POST", &format!("/v1/tokens/{}/revoke", token.id), &Value::Null).status, 200);
        assert_eq!(change(&served, "POST", "/v1/tokens", &read("late")).status, 507);
    }
    assert_eq!(change(&served, "GET", "/v1/store/backup", &Value::Null).status, 507, "nothing leaves unnoted");
    served.process.kill();
    let served = install.run();
    std::fs::remove_file(filler).expect("removed");
    let made = served.admin.create(read("again"));
    assert_eq!(passes(&served, &made.secret), OK);
    let entries = served.admin.call("GET", "/v1/audit?action=token.revoke&outcome=done&limit=200", None).json();
    assert_eq!(entries["items"].as_array().map(Vec::len), Some(leaked.len()));
    done(&mut install.command(&["audit", "verify"])).ok();
}

/// sled would lose its files for good.
#[test]
fn without_any_room_the_store_is_not_touched() {
    let (upstream, disk) = (Upstream::start(), SmallDisk::mount(24));
    let install = install(&upstream, &disk);
    std::fs::remove_file(disk.path().join("data/ballast")).expect("there is a reserve");
    let filler = disk.fill();
    let refused = done(&mut install.command(&["run"]));
    refused.refused(
        1,
        &["error: store_full: ", " bytes are free at ", "It was not touched", "Make room, and start again"],
    );
    std::fs::remove_file(filler).expect("removed");
    let served = install.run();
    assert_eq!(passes(&served, &install.admin_token), OK);
}

#[test]
fn messages_to_webhooks_do_not_need_room() {
    let (upstream, disk) = (Upstream::start(), SmallDisk::mount(24));
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let hook = |name: &str, address: std::net::SocketAddr| {
        let lines = "allow_private = true\nevents = [\"token.revoked\"]\nsecret = { file = \"hook.secret\" }";
        format!("\n[[webhook]]\nname = \"{name}\"\nurl = \"http://{address}/\"\n{lines}\n")
    };
    let receiver = Upstream::start();
    let more = format!("\n[audit]\npath = \"audit\"\n{}{}", hook("alive", receiver.address()), hook("dead", dead));
    let secret = |directory: &Path| crate::webhooks::write_secret(&directory.join("hook.secret"), &[7; 32]);
    let install = install_knowing(&upstream, &disk, &more, secret);
    let mut served = install.run();
    let leaked = served.admin.create(json!({"name": "leaked", "grants": {"*": "read"}}));
    let filler = disk.fill();
    assert_eq!(change(&served, "POST", &format!("/v1/tokens/{}/revoke", leaked.id), &Value::Null).status, 200);
    eventually("who can be reached is told", || (receiver.seen().len() == 1).then_some(()));
    std::fs::remove_file(filler).expect("removed");
    let kept = disk.path().join("data.webhooks");
    eventually("it is saved", || {
        std::fs::read_to_string(&kept).is_ok_and(|text| text.contains(&leaked.id)).then_some(())
    });
    assert_eq!(served.process.stop("TERM"), Some(0));
    let again = install.run();
    let waiting = again.admin.call("GET", "/v1/webhooks/dead", None).json();
    assert_eq!(waiting["pending"], 1, "{waiting}");
}
