//! A token's whole life over the API, and what the gateway makes of it after each answer.

use serde_json::json;

use super::world::World;

const ADMITTED: &str = "admitted";

#[tokio::test]
async fn a_tokens_whole_life() {
    let world = World::new().await;
    let body = json!({
        "name": "ci", "description": "Überall – für alle\u{1f511}", "kind": "service",
        "grants": {"devices": "read+write", "files": "create"}, "expires": "90d",
        "rate_limit": {"requests": 100, "window": "60s"},
    });
    let created = world.post("/v1/tokens", &body.to_string()).await.expect(201);
    let (id, text) = (created.text_at("id"), created.text_at("token"));
    let path = format!("/v1/tokens/{id}");
    assert_eq!(created.header("location"), path);
    assert_eq!(
        created.text_at("curl"),
        format!("curl -i -H 'Authorization: Bearer {text}' 'http://127.0.0.1:8080/v1/devices'")
    );
    assert_eq!(world.standing(&text).await, ADMITTED, "at once after the answer");

    let shown = world.get(&path).await.expect(200);
    let record = shown.json();
    assert_eq!(record["grants"], json!({"devices": "read+write", "files": "create"}));
    assert_eq!(record["rate_limit"], json!({"requests": 100, "window": "60s"}));
    assert_eq!(record["hint"], text[text.len() - 4..]);
    assert_eq!(record["account"], world.root.id.to_string());
    assert_eq!(record["created_by"], world.admin.token.id.to_string());
    for (field, value) in [("name", "ci"), ("description", "Überall – für alle\u{1f511}"), ("state", "active")] {
        assert_eq!(record[field], value);
    }
    for field in ["not_before", "last_used", "revoked_at"] {
        assert!(record[field].is_null() && record.get(field).is_some(), "{field}");
    }
    let days = |a: &str| a.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond();
    let life = days(record["expires"].as_str().expect("a time")) - days(record["created"].as_str().expect("a time"));
    assert!((life - 90 * 86_400_000).abs() < 60_000, "{life}");

    let edited = world.patch(&path, r#"{"description": "new"}"#).await.expect(200).json();
    assert_eq!((&edited["name"], &edited["description"]), (&json!("ci"), &json!("new")));
    assert_eq!(world.standing(&text).await, ADMITTED);

    assert_eq!(world.post(&format!("{path}/disable"), "").await.expect(200).text_at("state"), "disabled");
    assert_eq!(world.standing(&text).await, "Disabled");
    assert_eq!(world.post(&format!("{path}/disable"), "").await.expect(200).text_at("state"), "disabled");
    assert_eq!(world.post(&format!("{path}/enable"), "").await.expect(200).text_at("state"), "active");
    assert_eq!(world.standing(&text).await, ADMITTED);
    let revoked = world.post(&format!("{path}/revoke"), "").await.expect(200);
    assert_eq!(revoked.text_at("state"), "revoked");
    assert_eq!(world.standing(&text).await, "revoked");
    let again = world.post(&format!("{path}/revoke"), "").await.expect(200);
    assert_eq!(again.text_at("revoked_at"), revoked.text_at("revoked_at"));
    world.post(&format!("{path}/enable"), "").await.expect_problem(409, "already_revoked");
    assert_eq!(world.standing(&text).await, "revoked");

    let deleted = world.delete(&path).await.expect(204);
    assert_eq!(deleted.text, "");
    assert_eq!(world.standing(&text).await, "unknown");
    world.get(&path).await.expect_problem(404, "not_found");
    world.delete(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_secret_is_in_the_first_answer_only() {
    let world = World::new().await;
    let created = world.post("/v1/tokens", r#"{"grants": {"devices": "read"}}"#).await.expect(201);
    let (id, text) = (created.text_at("id"), created.text_at("token"));
    let random = text[..text.len() - 6].to_owned();
    let path = format!("/v1/tokens/{id}");
    for answer in [
        world.get(&path).await,
        world.get("/v1/tokens").await,
        world.patch(&path, r#"{"name": "n"}"#).await,
        world.post(&format!("{path}/disable"), "").await,
        world.post(&format!("{path}/enable"), "").await,
        world.call(http::Method::GET, "/v1/whoami", &text, "").await,
        world.post(&format!("{path}/revoke"), "").await,
    ] {
        let answer = answer.expect(200);
        assert!(answer.text.contains(&id), "the record is there: {}", answer.text);
        assert!(!answer.text.contains(&random) && !answer.text.contains("curl"), "{}", answer.text);
        let digest = world.lifecycle.get(id.parse().expect("an id")).await.expect("a token").digest;
        let hex: String = digest.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert!(!answer.text.contains(&hex) && !answer.text.contains("digest"), "{}", answer.text);
    }
}

#[tokio::test]
async fn nobody_gives_what_they_have_not() {
    let world = World::new().await;
    let grants = [("keygate.tokens", "full"), ("devices", "read"), ("files", "full")];
    let manager = world.make(world.root.id, &grants).await;
    let create = async |grants: &str| {
        let body = format!(r#"{{"grants": {grants}}}"#);
        world.call(http::Method::POST, "/v1/tokens", &manager.text, &body).await
    };
    create(r#"{"devices": "read", "files": "write"}"#).await.expect(201);
    let refused =
        create(r#"{"devices": "full", "files": "read", "*": "read"}"#).await.expect_problem(403, "grants_exceeded");
    assert_eq!(
        refused.text_at("detail"),
        "`read` on `*` is more than the giver has: nobody can give what they have not; \
         `full` on `devices` is more than the giver has: nobody can give what they have not"
    );
    create(r#"{"keygate.accounts": "read"}"#).await.expect_problem(403, "grants_exceeded");
    create(r#"{"keygate.*": "read"}"#).await.expect_problem(403, "grants_exceeded");
}

#[tokio::test]
async fn tokens_below_are_managed_and_tokens_beside_are_not_there() {
    let world = World::new().await;
    let body = |account| format!(r#"{{"account": "{account}", "grants": {{"devices": "read"}}}}"#);
    let created = world.post("/v1/tokens", &body(world.child.id)).await.expect(201);
    assert_eq!(created.text_at("account"), world.child.id.to_string());
    world.post(&format!("/v1/tokens/{}/disable", created.text_at("id")), "").await.expect(200);

    let refused = world.post("/v1/tokens", &body(world.foreign.id)).await.expect_problem(422, "invalid_fields");
    let unknown = world.post("/v1/tokens", &body(crate::model::AccountId::fresh())).await.expect(422);
    assert_eq!(refused.json()["errors"], unknown.json()["errors"], "foreign and unknown are not told apart");

    let own = world.make(world.root.id, &[("devices", "read")]).await;
    let child = world.make(world.child.id, &[("keygate.*", "full")]).await;
    let up = world.call(http::Method::DELETE, &format!("/v1/tokens/{}", own.token.id), &child.text, "").await;
    up.expect_problem(404, "not_found");
    let theirs = world.make(world.foreign.id, &[("devices", "read")]).await;
    let foreign = world.get(&format!("/v1/tokens/{}", theirs.token.id)).await.expect_problem(404, "not_found");
    let nobodys = world.get(&format!("/v1/tokens/{}", crate::model::TokenId::fresh())).await.expect(404);
    let garbage = world.get("/v1/tokens/%FF%00").await.expect_problem(404, "not_found");
    assert_eq!(foreign.text_at("detail"), nobodys.text_at("detail"));
    assert_eq!(foreign.text_at("detail"), garbage.text_at("detail"));
    assert_eq!(world.standing(&theirs.text).await, ADMITTED);
}

#[tokio::test]
async fn a_caller_may_revoke_itself() {
    let world = World::new().await;
    let path = format!("/v1/tokens/{}/revoke", world.admin.token.id);
    world.post(&path, "").await.expect(200);
    world.post(&path, "").await.expect_problem(401, "token_revoked");
}

#[tokio::test]
async fn expiry_is_seen_by_the_record_and_by_the_gateway() {
    let world = World::new().await;
    let body = r#"{"grants": {"devices": "read"}, "expires": "1h", "not_before": "1m"}"#;
    let created = world.post("/v1/tokens", body).await.expect(201);
    let path = format!("/v1/tokens/{}", created.text_at("id"));
    assert_eq!(created.text_at("state"), "not_yet_valid");
    assert!(world.standing(&created.text_at("token")).await.starts_with("NotYetValid"));
    world.clock.step_millis(61_000);
    assert_eq!(world.get(&path).await.text_at("state"), "active");
    assert_eq!(world.standing(&created.text_at("token")).await, ADMITTED);
    world.clock.step_millis(3_600_000);
    assert_eq!(world.get(&path).await.text_at("state"), "expired");
    assert!(world.standing(&created.text_at("token")).await.starts_with("Expired"));
}

#[tokio::test]
async fn whoami_takes_no_right() {
    let world = World::new().await;
    let token = world.make(world.child.id, &[("devices", "read")]).await;
    let answer = world.call(http::Method::GET, "/v1/whoami", &token.text, "").await.expect(200).json();
    assert_eq!(answer["token"]["id"], token.token.id.to_string());
    assert_eq!(answer["account"]["id"], world.child.id.to_string());
    assert_eq!(answer["account"]["parent"], world.root.id.to_string());
    assert_eq!(answer["grants"], json!({"devices": "read"}));
}
