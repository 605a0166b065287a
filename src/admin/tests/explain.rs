//! Why a token may or may not do something, as data and in words.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World};

async fn ask(world: &World, text: &str, body: Value) -> Answer {
    world.call(Method::POST, "/v1/explain", text, &body.to_string()).await
}

#[tokio::test]
async fn the_rule_that_refuses_is_named_with_the_whole_chain() {
    let world = World::new().await;
    let (ada, session) = world.member(world.child.id, "ada", &["deployment"]).await;
    let question = json!({"token": session.token.id.to_string(), "method": "PUT", "path": "/v1/devices/7?x=1"});
    let answer = ask(&world, &world.admin.text, question.clone()).await.expect(200).json();
    assert_eq!((&answer["allowed"], &answer["status"], &answer["code"]), (&json!(true), &json!(200), &json!("ok")));
    assert_eq!(answer["route"], json!({"name": "route", "resource": "devices", "action": "update"}));
    let rules: Vec<_> = answer["steps"].as_array().expect("steps").iter().map(|step| step["rule"].clone()).collect();
    assert_eq!(rules, ["token", "account", "grants", "user", "action"]);
    assert_eq!(answer["steps"][3]["left"], "read+write");
    assert_eq!(answer["steps"][3]["words"], "its user ada has `read+write` on `devices` as deployment");

    let path = format!("/v1/accounts/{}", world.child.id);
    world.patch(&path, r#"{"ceiling": {"devices": "read"}}"#).await.expect(200);
    let answer = ask(&world, &world.admin.text, question.clone()).await.expect(200).json();
    assert_eq!(
        (&answer["allowed"], &answer["code"], &answer["rule"]),
        (&json!(false), &json!("insufficient_scope"), &json!("ceiling"))
    );
    let because = answer["because"].as_str().expect("words");
    assert!(because.ends_with("allows `read` on `devices` at most"), "{because}");

    world.patch(&path, r#"{"ceiling": null}"#).await.expect(200);
    world.lifecycle.set_member(ada.id, world.child.id, vec!["viewer".parse().expect("a name")]).await.expect("lowered");
    let answer = ask(&world, &world.admin.text, question.clone()).await.json();
    assert_eq!(
        (&answer["rule"], &answer["because"]),
        (&json!("user"), &json!("its user ada has `read` on `devices` as viewer"))
    );
    world.lifecycle.remove_member(ada.id, world.child.id).await.expect("removed");
    let answer = ask(&world, &world.admin.text, question).await.json();
    assert_eq!((&answer["rule"], &answer["code"]), (&json!("user"), &json!("owner_inactive")));
}

#[tokio::test]
async fn a_caller_explains_itself_and_others_only_with_the_right() {
    let world = World::new().await;
    let token = world.make(world.child.id, &[("devices", "read")]).await;
    let own = ask(&world, &token.text, json!({"method": "DELETE", "path": "/v1/devices/7"})).await.expect(200).json();
    assert_eq!(
        (&own["token"], &own["rule"], &own["allowed"]),
        (&json!(token.token.id.to_string()), &json!("grants"), &json!(false))
    );
    assert_eq!(own["because"], "its grants give `read` on `devices`");
    let other = world.make(world.child.id, &[("devices", "read")]).await;
    let about = |id: String| json!({"token": id, "method": "GET", "path": "/v1/devices/7"});
    ask(&world, &token.text, about(other.token.id.to_string())).await.expect_problem(403, "insufficient_scope");
    let reader = world.make(world.child.id, &[("keygate.tokens", "read")]).await;
    ask(&world, &reader.text, about(other.token.id.to_string())).await.expect(200);
    for id in [world.admin.token.id.to_string(), "tok_x".into()] {
        ask(&world, &reader.text, about(id)).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn routes_targets_and_states_are_told() {
    let world = World::new().await;
    let token = world.make(world.root.id, &[("devices", "read")]).await;
    let about = async |method: &str, path: &str, account: Value| {
        let mut body = json!({"token": token.token.id.to_string(), "method": method, "path": path});
        if account.is_string() {
            body["account"] = account;
        }
        let answer = ask(&world, &world.admin.text, body).await.expect(200).json();
        format!(
            "{} {} {}",
            answer["status"],
            answer["code"].as_str().expect("text"),
            answer["rule"].as_str().expect("text")
        )
    };
    assert_eq!(about("GET", "/open", Value::Null).await, "200 public route");
    assert_eq!(about("GET", "/nowhere", Value::Null).await, "404 no_route route");
    assert_eq!(about("PROPFIND", "/v1/devices/7", Value::Null).await, "405 method_not_allowed route");
    assert_eq!(about("GET", "/v1/devices/7", json!(world.child.id.to_string())).await, "200 ok action");
    assert_eq!(
        about("GET", "/v1/devices/7", json!(world.foreign.id.to_string())).await,
        "403 account_out_of_reach reach"
    );
    world.post(&format!("/v1/tokens/{}/disable", token.token.id), "").await.expect(200);
    assert_eq!(about("GET", "/v1/devices/7", Value::Null).await, "401 token_disabled token");
    let limited = world.post("/v1/tokens", r#"{"roles": ["viewer"], "filters": {"region": "eu"}}"#).await.expect(201);
    let body = json!({"token": limited.text_at("id"), "method": "GET", "path": "/v1/devices/7"});
    let answer = ask(&world, &world.admin.text, body).await.expect(200).json();
    assert_eq!((&answer["code"], &answer["rule"]), (&json!("filter_not_enforced"), &json!("filter")));
    let wrong = ask(&world, &world.admin.text, json!({"method": "G T", "account": "x"})).await;
    let fields: Vec<_> = wrong.expect_problem(422, "invalid_fields").json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    assert_eq!(fields, ["method", "path", "account"]);
}
