//! The audit log: nothing that was done to its files is overlooked, and nothing that was acknowledged lacks
//! its entry.

mod damage;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::crash::Line;
use crate::support::Upstream;
use crate::support::binary::{Install, Served, done};

const KILLS: u64 = 40;
const CLIENTS: u64 = 4;

/// What a client was told: the action, and the object that it was done to.
type Acknowledged = BTreeSet<(String, String)>;

#[test]
fn slow_no_acknowledged_action_lacks_its_entry_after_a_kill() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut acknowledged = Acknowledged::new();
    for round in 0..KILLS {
        let mut served = serve(&install);
        let (address, token) = (served.admin.address, install.admin_token.as_str());
        thread::scope(|scope| {
            let changing: Vec<_> = (0..CLIENTS)
                .map(|client| scope.spawn(move || change_until_the_end(address, token, round * CLIENTS + client)))
                .collect();
            thread::sleep(Duration::from_millis(Rng::with_seed(round).u64(50..200)));
            served.process.kill();
            for client in changing {
                acknowledged.extend(client.join().expect("it ends with its connection"));
            }
        });
        // Before the start that takes it up again. A kill in the midst of a write leaves a part of a line.
        let verified = done(&mut install.command(&["audit", "verify"]));
        assert!(verified.code == 0 || verified.err.contains("(unfinished)"), "{verified:?}");
    }
    let served = serve(&install);
    let entries = entries(&served, "outcome=done");
    let noted: Acknowledged =
        entries.iter().map(|entry| (text(&entry["action"]), text(&entry["object"]["id"]))).collect();
    let missing: Vec<_> = acknowledged.difference(&noted).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(acknowledged.len() > 150, "{} actions were acknowledged", acknowledged.len());
    let interrupted = self::entries(&served, "outcome=unknown");
    assert!(!interrupted.is_empty(), "no kill met an action between its announcement and its entry");
    assert!(interrupted.iter().all(|entry| entry["code"] == "interrupted"), "{interrupted:?}");
    assert_eq!(served.admin.call("GET", "/readyz", None).text(), "ready\n");
}

fn serve(install: &Install) -> Served {
    install.run_with(&[("KEYGATE__LOG__ACCESS", "off"), ("KEYGATE__SERVER__PIN_WORKERS", "false")])
}

fn change_until_the_end(address: std::net::SocketAddr, token: &str, seed: u64) -> Acknowledged {
    let (mut told, mut rng, mut ids) = (Acknowledged::new(), Rng::with_seed(seed), Vec::new());
    let Ok(mut line) = Line::connect(address, token) else { return told };
    loop {
        let verb = ["create", "disable", "enable", "edit", "revoke", "delete"][rng.usize(..6)];
        let id: Option<String> = if verb == "create" { None } else { ids.get(rng.usize(..ids.len().max(1))).cloned() };
        let answer = match (verb, &id) {
            ("edit", Some(id)) => {
                line.call("PATCH", &format!("/v1/tokens/{id}"), Some(json!({"name": format!("n{}", rng.u32(..))})))
            }
            ("delete", Some(id)) => line.call("DELETE", &format!("/v1/tokens/{id}"), None),
            (verb, Some(id)) => line.call("POST", &format!("/v1/tokens/{id}/{verb}"), None),
            (_, None) => line.call("POST", "/v1/tokens", Some(json!({"name": "kill", "grants": {"*": "read"}}))),
        };
        let Ok((status, record)) = answer else { return told };
        let action = format!("token.{}", if id.is_some() { verb } else { "create" });
        match (status, id) {
            (201, None) => {
                let id = text(&record["id"]);
                told.insert((action, id.clone()));
                ids.push(id);
            }
            (200 | 204, Some(id)) => {
                told.insert((action, id.clone()));
            }
            // Revoked or deleted by an earlier turn.
            (404 | 409, Some(_)) => {}
            _ => panic!("{status}: {record}"),
        }
    }
}

/// All that the query selects.
fn entries(served: &Served, query: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = served.admin.call("GET", &format!("/v1/audit?limit=200&{query}{cursor}"), None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        found.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Whatever is told of a record, none of it lets somebody in.
#[test]
fn no_secret_is_in_the_log() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let call = |method: &str, path: &str, body: Value| {
        let answer = served.admin.call(method, path, Some(body));
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        if answer.text().is_empty() { Value::Null } else { answer.json() }
    };
    let token = served.admin.create(json!({"name": "canary", "grants": {"*": "read"}}));
    let password = "a canary of a password";
    let user =
        call("POST", "/v1/users", json!({"login": "canary@example.org", "password": password, "roles": ["viewer"]}));
    let user = text(&user["id"]);
    let invitation = text(&call("POST", &format!("/v1/users/{user}/invitation"), json!({}))["invitation"]);
    let accepted = json!({"invitation": invitation, "password": "another canary of one"});
    call("POST", "/v1/invitations", accepted);
    let login = json!({"login": "canary@example.org", "password": "another canary of one"});
    let session = text(&call("POST", "/v1/sessions", login)["token"]);
    let wrong = json!({"login": "canary@example.org", "password": "a wrong canary"});
    served.admin.call("POST", "/v1/sessions", Some(wrong));
    served.admin.change(&token.id, "revoke");
    // A secret where an id should be.
    served.admin.call("DELETE", &format!("/v1/tokens/{}", token.secret), None);
    assert_eq!(served.process.stop("TERM"), Some(0));

    let log = std::fs::read_to_string(install.path("data.audit/audit-00000000000000000001.jsonl")).expect("the log");
    assert!(
        log.contains("user.invite") && log.contains("invitation.accept") && log.contains("session.create"),
        "{log}"
    );
    let pepper = std::fs::read_to_string(install.path("pepper")).expect("the pepper");
    let secrets = [
        token.secret.as_str(),
        &session,
        &invitation,
        &install.admin_token,
        password,
        "canary of one",
        "wrong canary",
        pepper.trim(),
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(!log.contains("argon2") && !log.contains("digest"), "{log}");
}
