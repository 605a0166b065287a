//! Cockpit's account token: rows C1 to C8.

use std::process::Command;

use serde_json::{Value, json};

use super::stage::{DAY, Stage, fields, ok, refused, text};
use crate::support::binary::{done, keygate};
use crate::support::eventually;

/// The stage, an account on it, and the session of an administrator there.
fn stage() -> (Stage, String, String) {
    let stage = Stage::new("cockpit", "");
    let account = stage.account(json!({"name": "customer"}));
    let (_, session) = stage.person(&account, "ada@example.org", &["admin"]);
    (stage, account, session)
}

fn named(name: &str) -> Value {
    json!({"name": name, "expires": "never"})
}

#[test]
fn c1_a_script_creates_accounts_below_its_own() {
    let (stage, account, session) = stage();
    let token = text(&stage.token(&session, named("provisioning")), "token");
    stage.gateway.clock.step_millis(365 * DAY);
    let create = |body: Value| stage.call(&token, "POST", "/v1/accounts", body);
    let organization = create(json!({"name": "organization"}));
    assert_eq!((organization.status, &organization.json()["parent"]), (201, &json!(account)));
    let environment = create(json!({"name": "environment", "parent": organization.json()["id"]}));
    assert_eq!(environment.status, 201, "{}", environment.text());
    let elsewhere = create(json!({"name": "x", "parent": stage.account(json!({"name": "other"}))}));
    assert_eq!((elsewhere.status, fields(&elsewhere)), (422, vec!["parent".to_owned()]));
}

#[test]
fn c2_only_account_administrators_manage_tokens() {
    let (stage, account, session) = stage();
    let made = stage.token(&session, named("one"));
    let path = format!("/v1/tokens/{}", text(&made, "id"));
    for role in ["power_user", "deployment", "viewer"] {
        let (_, other) = stage.person(&account, role, &[role]);
        for (method, path) in [("GET", "/v1/tokens"), ("POST", "/v1/tokens"), ("GET", &path), ("PATCH", &path)] {
            let refusal = stage.refusal(&other, method, path, json!({"name": "x"}));
            assert_eq!(refusal, refused(403, "insufficient_scope"), "{role}: {method} {path}");
        }
        assert_eq!(stage.refusal(&other, "DELETE", &path, Value::Null), refused(403, "insufficient_scope"));
    }
    assert_eq!(stage.call(&session, "GET", &path, Value::Null).status, 200);
}

#[test]
fn c3_a_tokens_rights_are_those_of_its_user_and_follow_them() {
    let (stage, account, _) = stage();
    let (user, session) = stage.person(&account, "bob", &["admin"]);
    let token = text(&stage.token(&session, named("bob's")), "token");
    let path = "/v1/devices/7";
    assert_eq!(stage.ask("DELETE", path, &token), ok());
    let member = format!("/v1/accounts/{account}/members/{user}");
    stage.manage("PATCH", &member, json!({"roles": ["viewer"]}), 200);
    assert_eq!(
        (stage.ask("GET", path, &token), stage.ask("DELETE", path, &token)),
        (ok(), refused(403, "insufficient_scope"))
    );
    assert_eq!(stage.refusal(&token, "GET", "/v1/tokens", Value::Null), refused(403, "insufficient_scope"));
    stage.manage("PATCH", &member, json!({"roles": ["admin"]}), 200);
    assert_eq!(stage.ask("DELETE", path, &token), ok());
    stage.manage("DELETE", &member, Value::Null, 204);
    assert_eq!(stage.ask("GET", path, &token), refused(403, "owner_inactive"));
    let service =
        stage.call(stage.root(), "POST", "/v1/tokens", json!({"name": "x", "kind": "service", "roles": ["viewer"]}));
    assert_eq!((service.status, fields(&service)), (422, vec!["kind".to_owned()]), "each is somebody's");
}

#[test]
fn c4_ten_tokens_are_active_at_once_and_the_eleventh_is_refused() {
    let (stage, _, session) = stage();
    let make = |expires: &str| stage.call(&session, "POST", "/v1/tokens", json!({"name": "t", "expires": expires}));
    let first: Vec<_> = (0..10).map(|_| make("1d").json()).collect();
    assert!(first.iter().all(|made| made["token"].is_string()));
    let eleventh = make("never");
    assert_eq!((eleventh.status, eleventh.problem().as_str()), (409, "too_many_tokens"));
    assert!(eleventh.text().contains("may have 10 active tokens"), "{}", eleventh.text());
    let path = format!("/v1/tokens/{}/revoke", text(&first[0], "id"));
    stage.call(&session, "POST", &path, Value::Null);
    assert_eq!((make("never").status, make("never").status), (201, 409), "one that is revoked frees its place");
    stage.gateway.clock.step_millis(DAY);
    let more = (0..10).map(|_| make("never").status).filter(|&status| status == 201).count();
    assert_eq!(more, 9, "nine have expired");
}

#[test]
fn c5_a_meaningful_name_is_required() {
    let (stage, _, session) = stage();
    for body in [json!({}), json!({"name": ""}), json!({"name": null})] {
        let answer = stage.call(&session, "POST", "/v1/tokens", body);
        assert_eq!((answer.status, fields(&answer)[0].as_str()), (422, "name"), "{}", answer.text());
    }
    let made = stage.token(&session, named("terraform production"));
    let path = format!("/v1/tokens/{}", text(&made, "id"));
    let answer = stage.call(&session, "PATCH", &path, json!({"name": ""}));
    assert_eq!((answer.status, fields(&answer)), (422, vec!["name".to_owned()]));
}

#[test]
fn c6_the_answer_to_a_creation_has_the_token_and_a_ready_curl_line_once() {
    let (stage, _, session) = stage();
    let made = stage.token(&session, named("one"));
    let (token, curl) = (text(&made, "token"), text(&made, "curl"));
    assert!(curl.contains(&token), "{curl}");
    let run = Command::new("sh").args(["-c", &format!("{curl} -s")]).output().expect("a shell");
    let answer = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer} {}", String::from_utf8_lossy(&run.stderr));
    for path in ["/v1/tokens".to_owned(), format!("/v1/tokens/{}", text(&made, "id"))] {
        let shown = stage.call(&session, "GET", &path, Value::Null);
        assert!(shown.status == 200 && !shown.text().contains(&token) && !shown.text().contains("curl"));
    }
}

#[test]
fn c7_tokens_are_listed_in_a_table() {
    let (stage, _, session) = stage();
    let ids: Vec<_> = ["alpha", "beta"].map(|name| text(&stage.token(&session, named(name)), "id")).into();
    let url = format!("http://{}", stage.gateway.admin.address);
    let mut list = keygate();
    list.args(["token", "list", "--admin-url", &url]).env("KEYGATE_ADMIN_TOKEN", &session);
    let table = done(&mut list).ok();
    for (id, name) in ids.iter().zip(["alpha", "beta"]) {
        let line = table.lines().find(|line| line.contains(id.as_str())).unwrap_or_else(|| panic!("{table}"));
        assert!(line.contains(name) && line.contains("active"), "{line}");
    }
}

#[test]
fn c8_deletion_asks_for_the_name_after_a_check_that_nothing_depends_on_the_token() {
    let (stage, _, session) = stage();
    let [used, unused] = ["used token", "unused token"].map(|name| stage.token(&session, named(name)));
    let path = |made: &Value, query: &str| format!("/v1/tokens/{}{query}", text(made, "id"));
    let delete = |made: &Value, query: &str| stage.call(&session, "DELETE", &path(made, query), Value::Null);
    for query in ["", "?confirm=yes", "?confirm=another"] {
        assert_eq!(delete(&unused, query).problem(), "not_confirmed", "{query}");
    }
    assert_eq!(delete(&unused, "?confirm=unused%20token").status, 204);

    for target in ["/v1/devices/7", "/v1/devices/7", "/v1/files/7"] {
        assert_eq!(stage.ask("GET", target, &text(&used, "token")), ok());
    }
    let usage = eventually("the use is known", || {
        let usage = stage.call(&session, "GET", &path(&used, "/usage"), Value::Null).json();
        (usage["requests"] == 3).then_some(usage)
    });
    assert_eq!((&usage["in_use"], &usage["window"]), (&json!(true), &json!("30d")));
    let counts = |list: &str, what: &str| -> Vec<_> {
        let items = usage[list].as_array().expect("a list");
        let mut counts: Vec<_> = items.iter().map(|item| (text(item, what), item["requests"].clone())).collect();
        counts.sort_by(|a, b| a.0.cmp(&b.0));
        counts
    };
    assert_eq!(counts("routes", "route"), [("devices".into(), json!(2)), ("files".into(), json!(1))]);
    assert_eq!(counts("peers", "peer"), [("127.0.0.1".into(), json!(3))]);
    assert_eq!(usage["days"].as_array().map(Vec::len), Some(1));

    let answer = delete(&used, "?confirm=used%20token");
    assert_eq!((answer.status, answer.problem().as_str()), (409, "token_in_use"));
    for told in ["it was used 3 times", "devices (2)", "files (1)", "from 127.0.0.1 (3)"] {
        assert!(answer.text().contains(told), "{}", answer.text());
    }
    assert_eq!(delete(&used, "?confirm=used%20token&acknowledge=yes").status, 400);
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&used, "token")), ok(), "nothing was done");
    assert_eq!(delete(&used, "?acknowledge=use").problem(), "not_confirmed");
    assert_eq!(delete(&used, "?confirm=used%20token&acknowledge=use").status, 204);
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&used, "token")), refused(401, "invalid_token"));
}

#[test]
fn c8_a_token_that_nobody_used_for_thirty_days_is_not_in_use() {
    let (stage, _, session) = stage();
    let made = stage.token(&session, named("old"));
    let path = format!("/v1/tokens/{}", text(&made, "id"));
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&made, "token")), ok());
    let usage = || stage.call(&session, "GET", &format!("{path}/usage"), Value::Null).json();
    eventually("the use is known", || (usage()["requests"] == 1).then_some(()));
    stage.gateway.clock.step_millis(30 * DAY);
    assert_eq!(usage()["in_use"], false);
    assert_eq!(stage.call(&session, "DELETE", &format!("{path}?confirm=old"), Value::Null).status, 204);
}
