//! `keygate audit …`: entries of the running gateway, and the proof of the log with and without one.

use std::fs;

use serde_json::{Value, json};

use crate::support::Upstream;
use crate::support::binary::{Install, Running, done};
use crate::support::wait::eventually;

#[test]
fn entries_are_shown_found_and_followed() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let served = install.run();
    let made = served.admin.create(json!({"name": "shown", "grants": {"*": "read"}}));
    let tail = done(&mut install.managed(&served, &["audit", "tail"])).ok();
    let lines: Vec<_> = tail.lines().collect();
    // What `keygate init` did, the start, and the creation.
    let actions: Vec<_> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(actions, ["audit.begin", "account.create", "token.create", "gateway.start", "token.create"], "{tail}");
    assert!(
        lines[4].contains(&format!(" done {} by tok_", made.id)) && lines[4].ends_with(" from 127.0.0.1"),
        "{tail}"
    );

    let found = done(&mut install.managed(&served, &["audit", "search", "--object", &made.id, "-o", "json"])).json();
    assert_eq!(found["items"][0]["after"]["name"], "shown", "{found}");
    let found =
        done(&mut install.managed(&served, &["audit", "search", "--actor", "system", "--field", "action"])).ok();
    assert_eq!(found, "gateway.start\ntoken.create\naccount.create\naudit.begin\n");
    done(&mut install.managed(&served, &["audit", "search", "--action", "token.forge"]))
        .refused(1, &["is no action, nor such as `token.*`"]);

    let mut command = install.managed(&served, &["audit", "tail", "-n", "1", "-f", "-o", "jsonl"]);
    let following = Running::start(&mut command);
    eventually("the last entry is shown", || following.out().contains("token.create").then_some(()));
    served.admin.change(&made.id, "revoke");
    eventually("what comes is shown", || following.out().contains("token.revoke").then_some(()));
    let last: Value = serde_json::from_str(following.out().lines().last().expect("a line")).expect("JSON");
    assert_eq!(
        (&last["object"]["id"], &last["before"]["state"], &last["after"]["state"]),
        (&json!(made.id), &json!("active"), &json!("revoked"))
    );
}

#[test]
fn a_whole_log_is_proven_and_an_altered_one_is_named_refused_and_set_aside() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    served.admin.create(json!({"name": "proof", "grants": {"*": "read"}}));
    let whole = done(&mut install.command(&["audit", "verify"])).ok();
    assert!(whole.starts_with("data.audit: whole and unchanged, lines 1 to "), "{whole}");
    done(&mut install.managed(&served, &["audit", "export", "all.jsonl"])).ok();
    done(&mut install.command(&["audit", "verify", "--file", "all.jsonl"])).ok();
    done(&mut install.command(&["audit", "accept", "--yes"])).refused(1, &["there is nothing to accept"]);
    assert_eq!(served.process.stop("TERM"), Some(0));
    let proven = done(&mut install.command(&["audit", "verify", "-o", "json"])).json();
    assert_eq!((&proven["first"], &proven["open"]), (&json!(1), &json!(0)));
    done(&mut install.command(&["audit", "accept", "--yes"])).refused(1, &["there is nothing to accept"]);

    let segment = install.path("data.audit/audit-00000000000000000001.jsonl");
    let text = fs::read_to_string(&segment).expect("the log");
    fs::write(&segment, text.replace("\"name\":\"proof\"", "\"name\":\"other\"")).expect("written");
    done(&mut install.command(&["audit", "verify"])).refused(
        65,
        &["error: data.audit/audit-00000000000000000001.jsonl, line ", " is not as it was written (edited)"],
    );
    let exported = fs::read_to_string(install.path("all.jsonl")).expect("the export");
    fs::write(install.path("cut.jsonl"), exported.split_once('\n').expect("lines").1).expect("written");
    done(&mut install.command(&["audit", "verify", "--file", "cut.jsonl"])).refused(65, &["(removed)"]);

    // Requests with tokens are none of its business; changes are refused until somebody has looked.
    let served = install.run();
    let refused = served.admin.call("POST", "/v1/tokens", Some(json!({"grants": {"*": "read"}})));
    assert_eq!((refused.status, refused.problem().as_str()), (503, "audit_unavailable"));
    let ready = served.admin.call("GET", "/readyz", None);
    assert_eq!(ready.status, 200);
    assert!(
        ready.text().starts_with("ready\nchanges are refused: the audit log cannot be written: "),
        "{}",
        ready.text()
    );
    let passed = crate::support::client::get(served.proxy, "/v1/things", &install.admin_token);
    assert_eq!(passed.status, 200);
    drop(served);

    let accepted = done(&mut install.command(&["audit", "accept", "--yes", "-o", "json"])).json();
    assert_eq!(accepted["fault"], "edited");
    let served = install.run();
    served.admin.create(json!({"name": "again", "grants": {"*": "read"}}));
    let first =
        done(&mut install.managed(&served, &["audit", "search", "--action", "audit.accept", "-o", "json"])).json();
    assert_eq!(first["items"][0]["after"]["fault"], "edited", "{first}");
    done(&mut install.command(&["audit", "verify"])).ok();
    let aside = accepted["aside"].as_str().expect("a path");
    assert!(install.path(aside).join("audit-00000000000000000001.jsonl").exists(), "{aside}");
}

#[test]
fn there_is_no_log_where_there_is_none() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    done(&mut install.command(&["audit", "verify", "--dir", "nowhere"]))
        .refused(1, &["there is no audit log at nowhere"]);
    done(&mut install.command(&["audit", "verify", "--file", "nowhere"])).refused(1, &["nowhere: No such file"]);
    done(&mut install.command(&["audit", "verify", "--file", "x", "--dir", "y"])).refused(2, &["cannot be used with"]);
}
