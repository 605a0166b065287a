//! Autheona's access token: rows A1 to A10.

use serde_json::{Value, json};

use super::stage::{DAY, Stage, fields, ok, refused, text};
use crate::support::{Client, eventually};

const ROUTES: &str = r#"
[[route]]
path = "/projects/{project}/items"
resource = "items"
upstream = "api"
account = { path = "project" }
"#;

/// The stage, and a project on it.
fn stage() -> (Stage, String) {
    let stage = Stage::new("autheona", ROUTES);
    let project = stage.account(json!({"name": "project"}));
    (stage, project)
}

fn body(project: &str) -> Value {
    json!({"account": project, "grants": {"items": "full"}, "expires": "90d"})
}

/// The same with another field.
fn with(project: &str, field: &str, value: Value) -> Value {
    let mut body = body(project);
    body[field] = value;
    body
}

fn items(project: &str) -> String {
    format!("/projects/{project}/items")
}

#[test]
fn a1_every_token_is_unique_and_tied_to_one_project() {
    let (stage, project) = stage();
    let other = stage.account(json!({"name": "other"}));
    let [one, two] = [(); 2].map(|()| text(&stage.token(stage.root(), body(&project)), "token"));
    assert_ne!(one, two);
    assert_eq!((stage.ask("GET", &items(&project), &one), stage.ask("GET", &items(&project), &two)), (ok(), ok()));
    for path in [items(&other), items("acc_0000000000000000000000")] {
        assert_eq!(stage.ask("GET", &path, &one).0, 403, "no other project accepts it");
    }
}

#[test]
fn a2_a_project_has_many_tokens_each_with_its_own_expiry() {
    let (stage, project) = stage();
    let lives = ["30d", "90d", "365d", "never"];
    let tokens: Vec<_> = (0..40)
        .map(|at| {
            let made = stage.token(stage.root(), with(&project, "expires", json!(lives[at % 4])));
            (at % 4, text(&made, "token"))
        })
        .collect();
    for (days, over) in [(0, 0), (30, 1), (60, 2), (275, 3)] {
        stage.gateway.clock.step_millis(days * DAY);
        for (life, token) in &tokens {
            let expected = if *life < over { refused(401, "token_expired") } else { ok() };
            assert_eq!(stage.ask("GET", &items(&project), token), expected, "{}", lives[*life]);
        }
    }
}

#[test]
fn a3_a_token_is_shown_once_and_lists_hide_it() {
    let (stage, project) = stage();
    let made = stage.token(stage.root(), body(&project));
    let (id, token) = (text(&made, "id"), text(&made, "token"));
    for path in [format!("/v1/tokens?account={project}"), format!("/v1/tokens/{id}")] {
        let answer = stage.manage("GET", &path, Value::Null, 200).to_string();
        assert!(answer.contains(&id) && !answer.contains(&token) && !answer.contains(&token[7..37]));
    }
    let again = stage.refusal(stage.root(), "POST", &format!("/v1/tokens/{id}/reveal"), Value::Null);
    assert_eq!(again, refused(409, "not_retrievable"));
}

#[test]
fn a4_expiry_is_30_90_or_365_days_or_never() {
    let (stage, project) = stage();
    for life in ["30d", "90d", "365d", "never"] {
        stage.token(stage.root(), with(&project, "expires", json!(life)));
    }
    for life in ["1d", "31d", "366d", "2036-01-01", "2036-01-01T00:00:00Z", "soon", ""] {
        let answer = stage.call(stage.root(), "POST", "/v1/tokens", with(&project, "expires", json!(life)));
        assert_eq!((answer.status, fields(&answer)), (422, vec!["expires".to_owned()]), "{life}");
        assert!(answer.text().contains("must be one of 30d, 90d, 365d or never"), "{}", answer.text());
    }
}

#[test]
fn a5_a_description_is_optional() {
    let (stage, project) = stage();
    assert_eq!(stage.token(stage.root(), body(&project))["description"], "");
    let made = stage.token(stage.root(), with(&project, "description", json!("for the shop")));
    assert_eq!(made["description"], "for the shop");
}

#[test]
fn a6_expiry_and_description_cannot_be_changed_afterwards() {
    let (stage, project) = stage();
    let made = stage.token(stage.root(), body(&project));
    let path = format!("/v1/tokens/{}", text(&made, "id"));
    for (field, value) in [("expires", json!("365d")), ("expires", json!("never")), ("description", json!("new"))] {
        let answer = stage.call(stage.root(), "PATCH", &path, json!({field: value}));
        assert_eq!((answer.status, answer.problem().as_str()), (422, "immutable_fields"));
        assert_eq!(fields(&answer), [field]);
    }
    let present = stage.manage("GET", &path, Value::Null, 200);
    assert_eq!((&present["expires"], &present["description"]), (&made["expires"], &made["description"]));
}

#[test]
fn a7_the_list_shows_description_creation_expiry_and_last_use() {
    let (stage, project) = stage();
    let made = stage.token(stage.root(), with(&project, "description", json!("for the shop")));
    let listed = || {
        let list = stage.manage("GET", &format!("/v1/tokens?account={project}"), Value::Null, 200);
        list["items"][0].clone()
    };
    let fresh = listed();
    for field in ["description", "created", "expires"] {
        assert_eq!(fresh[field], made[field], "{field}");
        assert!(fresh[field].is_string(), "{field}");
    }
    assert_eq!(fresh["last_used"], Value::Null);
    assert_eq!(stage.ask("GET", &items(&project), &text(&made, "token")), ok());
    let used = eventually("the use is listed", || Some(listed()).filter(|token| !token["last_used"].is_null()));
    assert_eq!(used["requests"], 1);
}

#[test]
fn a8_revoking_stops_a_token_at_once_for_good_and_deletes_it() {
    let (stage, project) = stage();
    let made = stage.token(stage.root(), body(&project));
    let (path, token) = (format!("/v1/tokens/{}", text(&made, "id")), text(&made, "token"));
    let bearer = format!("Bearer {token}");
    let mut open = Client::connect(stage.gateway.proxy);
    let mut ask = || open.request("GET", &items(&project), &[("authorization", &bearer)], b"").status;
    assert_eq!(ask(), 200);
    stage.manage("DELETE", &path, Value::Null, 204);
    assert_eq!(ask(), 401, "on a connection that was open, too");
    assert_eq!(stage.ask("GET", &items(&project), &token), refused(401, "invalid_token"));
    for (method, path) in [("GET", path.clone()), ("POST", format!("{path}/enable")), ("DELETE", path.clone())] {
        assert_eq!(stage.call(stage.root(), method, &path, Value::Null).status, 404, "{method} {path}");
    }
}

#[test]
fn a9_good_practice_is_visible_where_it_matters() {
    let (stage, project) = stage();
    let production = stage.account(json!({"name": "production", "plan": "production"}));
    let codes = |record: &Value| -> Vec<String> {
        record["warnings"].as_array().expect("a list").iter().map(|warning| text(warning, "code")).collect()
    };
    let never = stage.token(stage.root(), with(&project, "expires", json!("never")));
    assert_eq!(codes(&never), ["never_expires"]);
    assert_eq!(codes(&stage.token(stage.root(), with(&production, "expires", json!("never")))), [""; 0]);
    assert_eq!(codes(&stage.token(stage.root(), body(&project))), [""; 0]);
    let path = format!("/v1/tokens/{}", text(&never, "id"));
    stage.gateway.clock.step_millis(30 * DAY);
    assert_eq!(codes(&stage.manage("GET", &path, Value::Null, 200)), ["never_expires", "unused"]);
    stage.gateway.clock.step_millis(60 * DAY);
    let listed = stage.manage("GET", &format!("/v1/tokens?account={project}"), Value::Null, 200);
    assert_eq!(codes(&listed["items"][0]), ["never_expires", "unused", "rotate"]);
    let messages = listed["items"][0]["warnings"].to_string();
    assert!(messages.contains("nobody used it for 90 days"), "{messages}");
}

#[test]
fn a10_a_lost_token_cannot_be_recovered_and_a_new_one_takes_its_place() {
    let (stage, project) = stage();
    let lost = stage.token(stage.root(), body(&project));
    let (id, token) = (text(&lost, "id"), text(&lost, "token"));
    let answer = stage.call(stage.root(), "POST", &format!("/v1/tokens/{id}/reveal"), Value::Null);
    assert_eq!(answer.problem(), "not_retrievable");
    assert!(answer.text().contains("make a new one, put it in its place, and revoke this one"), "{}", answer.text());
    let new = text(&stage.token(stage.root(), body(&project)), "token");
    assert_eq!((stage.ask("GET", &items(&project), &new), stage.ask("GET", &items(&project), &token)), (ok(), ok()));
    stage.manage("DELETE", &format!("/v1/tokens/{id}"), Value::Null, 204);
    assert_eq!(stage.ask("GET", &items(&project), &new), ok());
    assert_eq!(stage.ask("GET", &items(&project), &token), refused(401, "invalid_token"));
}
