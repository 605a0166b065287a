//! What the calls of the API leave in the audit log, and who may read it.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, World};

impl World {
    /// The entries that the query selects, newest first, as the administrator sees them.
    pub(super) async fn entries(&self, query: &str) -> Vec<Value> {
        self.entries_for(&self.admin.text, query).await
    }

    async fn entries_for(&self, token: &str, query: &str) -> Vec<Value> {
        let answer = self.call(Method::GET, &format!("/v1/audit?{query}"), token, "").await.expect(200);
        answer.json()["items"].as_array().expect("a list").clone()
    }

    pub(super) async fn last_entry(&self) -> Value {
        self.entries("limit=1").await.pop().expect("an entry")
    }
}

fn request_id(answer: &Answer) -> Value {
    json!(answer.header("x-request-id"))
}

#[tokio::test]
async fn an_entry_says_who_did_what_from_where_and_what_changed() {
    let world = World::new().await;
    let made = world.make(world.root.id, &[("devices", "read")]).await;
    let path = format!("/v1/tokens/{}", made.token.id);
    let answer = world.patch(&path, r#"{"name": "ci", "grants": {"devices": "full"}}"#).await.expect(200);
    let entry = world.last_entry().await;
    assert_eq!(
        (&entry["action"], &entry["outcome"], &entry["code"]),
        (&json!("token.edit"), &json!("done"), &Value::Null)
    );
    let root = json!(world.root.id.to_string());
    assert_eq!(
        entry["actor"],
        json!({"kind": "token", "token": world.admin.token.id.to_string(), "user": null, "account": root})
    );
    assert_eq!(entry["object"], json!({"kind": "token", "id": made.token.id.to_string(), "account": root}));
    assert_eq!(entry["before"], json!({"name": "a token", "grants": {"devices": "read"}}));
    assert_eq!(entry["after"], json!({"name": "ci", "grants": {"devices": "full"}}));
    assert_eq!(entry["request_id"], request_id(&answer));
    world.delete(&path).await.expect(204);
    let entry = world.last_entry().await;
    assert_eq!(
        (&entry["action"], &entry["before"]["name"], &entry["after"]),
        (&json!("token.delete"), &json!("ci"), &Value::Null)
    );
}

#[tokio::test]
async fn logins_are_noted_whether_they_succeed_or_fail_and_what_strangers_type_is_not() {
    let world = World::new().await;
    let (user, _) = world.member_with(world.child.id, "ada@example.org", &["viewer"], PASSWORD).await;
    let login = async |login: &str, password: &str| {
        let body = json!({"login": login, "password": password}).to_string();
        world.call(Method::POST, "/v1/sessions", "", &body).await
    };
    login("ada@example.org", "a wrong password").await.expect_problem(401, "login_failed");
    let entry = world.last_entry().await;
    assert_eq!(
        (&entry["action"], &entry["outcome"], &entry["code"]),
        (&json!("session.create"), &json!("denied"), &json!("login_failed"))
    );
    assert_eq!((&entry["actor"]["kind"], &entry["object"]["id"]), (&json!("stranger"), &json!(user.id.to_string())));

    login("my-password-by-mistake", "a wrong password").await.expect_problem(401, "login_failed");
    let entry = world.last_entry().await;
    assert_eq!(entry["object"]["kind"], "endpoint");
    assert!(!entry.to_string().contains("mistake") && !entry.to_string().contains("wrong password"), "{entry}");

    let session = login("ada@example.org", PASSWORD).await.expect(201);
    let entry = world.last_entry().await;
    assert_eq!((&entry["outcome"], &entry["actor"]["user"]), (&json!("done"), &json!(user.id.to_string())));
    assert_eq!(entry["object"]["id"], session.json()["id"]);
    let text = session.text_at("token");
    world.call(Method::DELETE, "/v1/sessions/current", &text, "").await.expect(204);
    let entry = world.last_entry().await;
    assert_eq!((&entry["action"], &entry["object"]["id"]), (&json!("session.delete"), &session.json()["id"]));
}

#[tokio::test]
async fn who_is_refused_though_its_token_is_known_is_noted_as_often_as_that_is_bearable() {
    let world = World::new().await;
    let reader = world.make(world.root.id, &[("keygate.accounts", "read")]).await;
    let target = format!("/v1/tokens/{}", world.admin.token.id);
    world.call(Method::DELETE, &target, &reader.text, "").await.expect_problem(403, "insufficient_scope");
    let entry = world.last_entry().await;
    assert_eq!(
        (&entry["action"], &entry["outcome"], &entry["code"]),
        (&json!("token.delete"), &json!("denied"), &json!("insufficient_scope"))
    );
    assert_eq!(entry["actor"]["token"], reader.token.id.to_string());
    assert_eq!(entry["object"]["id"], world.admin.token.id.to_string());
    for _ in 0..30 {
        world.call(Method::GET, "/v1/tokens", &reader.text, "").await.expect_problem(403, "insufficient_scope");
    }
    let denied = world.entries(&format!("outcome=denied&actor={}&limit=200", reader.token.id)).await;
    assert_eq!(denied.len(), 10);
    assert_eq!((&denied[0]["action"], &denied[0]["object"]["id"]), (&json!("api.read"), &json!("GET /v1/tokens")));
    // Strangers leave nothing.
    world.call(Method::DELETE, &target, &world.make_text(), "").await.expect_problem(401, "invalid_token");
    world.call(Method::DELETE, &target, "", "").await.expect_problem(401, "missing_credential");
    assert_eq!(world.entries("outcome=denied&limit=200").await.len(), 10);
}

#[tokio::test]
async fn a_caller_sees_what_concerns_the_accounts_that_it_reaches() {
    let world = World::new().await;
    for account in [&world.root, &world.child, &world.foreign] {
        let owner = world.make(account.id, &[("*", "full"), ("keygate.*", "full")]).await;
        let body = r#"{"name": "seen", "grants": {"devices": "read"}}"#;
        world.call(Method::POST, "/v1/tokens", &owner.text, body).await.expect(201);
    }
    let of = async |account| {
        let reader = world.make(account, &[("keygate.audit", "read")]).await;
        let entries = world.entries_for(&reader.text, "action=token.create").await;
        entries
            .iter()
            .map(|entry| entry["object"]["account"].as_str().expect("an account").to_owned())
            .collect::<Vec<_>>()
    };
    let [root, child, foreign] = [world.root.id, world.child.id, world.foreign.id].map(|id| id.to_string());
    assert_eq!(of(world.root.id).await, [child.clone(), root]);
    assert_eq!(of(world.child.id).await, [child]);
    assert_eq!(of(world.foreign.id).await, std::slice::from_ref(&foreign));
    world.get(&format!("/v1/audit?account={foreign}")).await.expect_problem(404, "not_found");
    let none = world.make(world.root.id, &[("keygate.tokens", "full")]).await;
    world.call(Method::GET, "/v1/audit", &none.text, "").await.expect_problem(403, "insufficient_scope");
}

#[tokio::test]
async fn what_happened_to_an_account_that_is_gone_is_seen_from_the_root() {
    let world = World::new().await;
    let account = world.post("/v1/accounts", r#"{"name": "short-lived"}"#).await.expect(201).text_at("id");
    world.delete(&format!("/v1/accounts/{account}")).await.expect(204);
    let actions: Vec<_> =
        world.entries(&format!("object={account}")).await.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["account.delete", "account.create"]);
}

#[tokio::test]
async fn entries_are_selected_and_paged() {
    let world = World::new().await;
    for number in 0..7 {
        let body = json!({"name": format!("token {number}"), "grants": {"devices": "read"}}).to_string();
        world.post("/v1/tokens", &body).await.expect(201);
    }
    world.post("/v1/accounts", r#"{"name": "other"}"#).await.expect(201);
    let (mut names, mut path) = (Vec::new(), "/v1/audit?action=token.*&limit=3".to_owned());
    loop {
        let page = world.get(&path).await.expect(200).json();
        names.extend(page["items"].as_array().expect("a list").iter().map(|entry| entry["after"]["name"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/audit?action=token.*&limit=3&cursor={next}");
    }
    assert_eq!(names, (0..7).rev().map(|number| format!("token {number}")).collect::<Vec<_>>());
    assert_eq!(world.entries("text=TOKEN%205").await.len(), 1);
    assert_eq!(world.entries("since=1h&action=account.create").await.len(), 1);
    assert_eq!(world.entries("until=1h").await.len(), 0);
    assert_eq!(world.entries("outcome=begun&action=token.create&limit=100").await.len(), 7);
    assert_eq!(world.entries(&format!("actor={}&limit=100", world.admin.token.id)).await.len(), 8);
    let wrong = "/v1/audit?action=token.forge&outcome=good&since=soon&cursor=x&limit=0&colour=red";
    let answer = world.get(wrong).await.expect_problem(400, "invalid_query");
    let fields: Vec<_> =
        answer.json()["errors"].as_array().expect("errors").iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["limit", "cursor", "action", "outcome", "since", "colour"]);
}
