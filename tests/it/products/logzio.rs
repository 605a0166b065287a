//! Logz.io's account, shared and API tokens: rows L1 to L7.

use serde_json::{Value, json};

use super::stage::{Stage, fields, ok, refused, text};

const ROUTES: &str = r#"
[[route]]
path = "/logs"
resource = "logs"
upstream = "api"
account = { header = "X-Account" }

[[route]]
path = "/search"
resource = "search"
upstream = "api"
account = { header = "X-Account" }
filter = { query = "{key}" }

[[route]]
path = "/export"
resource = "search"
upstream = "api"
"#;

fn stage() -> Stage {
    Stage::new("logzio", ROUTES)
}

/// A main account with API tokens in its plan, and a sub-account.
fn main_and_sub(stage: &Stage) -> (String, String) {
    let main = stage.account(json!({"name": "main", "plan": "enterprise"}));
    let sub = stage.account(json!({"name": "sub", "parent": main}));
    (main, sub)
}

/// The record of the token that an account has had from the beginning.
fn account_token(stage: &Stage, account: &str) -> Value {
    let list = stage.manage("GET", &format!("/v1/tokens?account={account}"), Value::Null, 200);
    let found = list["items"].as_array().expect("a list").iter().find(|token| token["name"] == "data shipping");
    found.unwrap_or_else(|| panic!("{list}")).clone()
}

/// A search in another account.
fn search(stage: &Stage, token: &str, account: &str) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("x-account", account)];
    let answer = crate::support::Client::connect(stage.gateway.proxy).request("GET", "/search", &headers, b"");
    (answer.status, if answer.status < 400 { String::new() } else { answer.problem() })
}

#[test]
fn l1_administrators_only_create_delete_or_see_tokens() {
    let stage = stage();
    let (main, _) = main_and_sub(&stage);
    let id = text(&account_token(&stage, &main), "id");
    let path = format!("/v1/tokens/{id}");
    let body = json!({"name": "x", "kind": "shared", "grants": {"search": "read"}});
    for role in ["power_user", "viewer"] {
        let (_, session) = stage.person(&main, role, &[role]);
        let calls = [("GET", "/v1/tokens"), ("GET", &path), ("POST", "/v1/tokens"), ("DELETE", &path)];
        for (method, path) in calls {
            let body = if method == "POST" { body.clone() } else { Value::Null };
            assert_eq!(
                stage.refusal(&session, method, path, body),
                refused(403, "insufficient_scope"),
                "{role} {method}"
            );
        }
        let reveal = stage.refusal(&session, "POST", &format!("{path}/reveal"), Value::Null);
        assert_eq!(reveal, refused(403, "insufficient_scope"));
    }
    let (_, admin) = stage.person(&main, "admin", &["admin"]);
    let made = text(&stage.token(&admin, body), "id");
    assert_eq!(stage.call(&admin, "GET", &path, Value::Null).status, 200);
    assert_eq!(stage.call(&admin, "DELETE", &format!("/v1/tokens/{made}"), Value::Null).status, 204);
}

#[test]
fn l2_each_account_has_a_token_for_shipping_data_that_can_be_seen_again() {
    let stage = stage();
    let (main, sub) = main_and_sub(&stage);
    let whoami = stage.manage("GET", "/v1/whoami", Value::Null, 200);
    let root = text(&whoami["account"], "id");
    let mut seen = Vec::new();
    for account in [&root, &main, &sub] {
        let path = format!("/v1/tokens/{}/reveal", text(&account_token(&stage, account), "id"));
        let token = text(&stage.manage("POST", &path, Value::Null, 200), "token");
        assert_eq!(text(&stage.manage("POST", &path, Value::Null, 200), "token"), token, "and again");
        assert_eq!(stage.ask("POST", "/logs", &token), ok());
        assert_eq!(stage.upstream.last().header("x-keygate-account"), Some(account.as_str()), "whose data it is");
        assert_eq!(stage.ask("GET", "/search", &token), refused(403, "insufficient_scope"));
        assert!(!seen.contains(&token), "each has its own");
        seen.push(token);
    }
}

#[test]
fn l3_a_shared_token_is_for_people_without_a_login_and_wants_a_filter() {
    let shared =
        |filters: Value| json!({"name": "shared", "kind": "shared", "grants": {"search": "read"}, "filters": filters});
    let stage = stage();
    let made = stage.token(stage.root(), shared(json!({"team": "blue"})));
    assert_eq!((&made["user"], &made["warnings"]), (&Value::Null, &json!([])));
    assert_eq!(stage.ask("GET", "/search", &text(&made, "token")), ok());
    assert_eq!(stage.upstream.last().line, "GET /search?team=blue HTTP/1.1");
    let bare = stage.token(stage.root(), shared(json!({})));
    assert_eq!(bare["warnings"][0]["code"], "no_filter");
    let write = json!({"name": "x", "kind": "shared", "grants": {"search": "full"}, "filters": {"team": "blue"}});
    assert_eq!(fields(&stage.call(stage.root(), "POST", "/v1/tokens", write)), ["grants"]);

    let strict = Stage::with("logzio", "shared_requires_filter = true\n", ROUTES);
    let answer = strict.call(strict.root(), "POST", "/v1/tokens", shared(json!({})));
    assert_eq!((answer.status, fields(&answer)), (422, vec!["filters".to_owned()]));
    strict.token(strict.root(), shared(json!({"team": "blue"})));
}

#[test]
fn l4_a_filter_is_enforced_and_the_client_cannot_change_it() {
    let stage = stage();
    let filters = json!({"team": ["blue", "green"]});
    let body = json!({"name": "shared", "kind": "shared", "grants": {"search": "read"}, "filters": filters});
    let token = text(&stage.token(stage.root(), body), "token");
    assert_eq!(stage.ask("GET", "/search?q=error", &token), ok());
    assert_eq!(stage.upstream.last().line, "GET /search?team=blue&team=green&q=error HTTP/1.1");
    let before = stage.upstream.seen().len();
    for query in ["team=red", "team=blue", "%74eam=red", "q=1;team=red", "TEAM=red", "team[]=red"] {
        assert_eq!(stage.ask("GET", &format!("/search?{query}"), &token), refused(400, "filter_conflict"), "{query}");
    }
    assert_eq!(stage.ask("GET", "/export", &token), refused(403, "filter_not_enforced"));
    assert_eq!(stage.upstream.seen().len(), before, "nothing of it got through");
}

#[test]
fn l5_api_tokens_are_there_in_accounts_whose_plan_has_them() {
    let stage = stage();
    let plain = stage.account(json!({"name": "plain"}));
    let api =
        |account: &str| json!({"account": account, "name": "api", "kind": "service", "grants": {"search": "read"}});
    let answer = stage.call(stage.root(), "POST", "/v1/tokens", api(&plain));
    assert_eq!((answer.status, fields(&answer)), (422, vec!["kind".to_owned()]));
    let path = format!("/v1/accounts/{plain}");
    stage.manage("PATCH", &path, json!({"plan": "enterprise"}), 200);
    let made = stage.token(stage.root(), api(&plain));
    assert_eq!(stage.ask("GET", "/search", &text(&made, "token")), ok());
    let odd = stage.call(stage.root(), "PATCH", &path, json!({"plan": "enterprize"}));
    assert_eq!((odd.status, fields(&odd)), (422, vec!["plan".to_owned()]));
}

#[test]
fn l6_a_tokens_rights_end_at_its_account_and_a_main_accounts_reach_its_sub_accounts() {
    let stage = stage();
    let (main, sub) = main_and_sub(&stage);
    let other = stage.account(json!({"name": "other", "parent": main}));
    stage.manage("PATCH", &format!("/v1/accounts/{sub}"), json!({"plan": "enterprise"}), 200);
    let api = |account: &str| {
        let body = json!({"account": account, "name": "api", "kind": "service", "grants": {"search": "read"}});
        text(&stage.token(stage.root(), body), "token")
    };
    let (of_main, of_sub) = (api(&main), api(&sub));
    for account in [&main, &sub, &other] {
        assert_eq!(search(&stage, &of_main, account), ok());
    }
    assert_eq!(search(&stage, &of_sub, &sub), ok());
    for account in [&main, &other] {
        assert_eq!(search(&stage, &of_sub, account), refused(403, "account_out_of_reach"));
    }
}

#[test]
fn l7_tokens_follow_the_changed_permissions_of_an_account_at_once() {
    let stage = stage();
    let (main, sub) = main_and_sub(&stage);
    let body = json!({"account": main, "name": "api", "kind": "service", "grants": {"search": "read"}});
    let token = text(&stage.token(stage.root(), body), "token");
    let path = format!("/v1/accounts/{sub}");
    let own = json!({"account": sub, "name": "own", "kind": "shared", "grants": {"search": "read"}});
    let own = text(&stage.token(stage.root(), own), "token");
    assert_eq!(search(&stage, &token, &sub), ok());
    let (_, admin) = stage.person(&sub, "sub@example.org", &["admin"]);
    for _ in 0..3 {
        let set = |visible: bool| stage.call(&admin, "PATCH", &path, json!({"visible_to_parent": visible})).status;
        assert_eq!(set(false), 200);
        assert_eq!(search(&stage, &token, &sub), refused(403, "account_out_of_reach"));
        assert_eq!((search(&stage, &token, &main), search(&stage, &own, &sub)), (ok(), ok()), "the rest goes on");
        assert_eq!(set(true), 200);
        assert_eq!(search(&stage, &token, &sub), ok());
    }
}
