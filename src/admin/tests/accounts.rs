//! Accounts over the API.

use serde_json::json;

use super::world::World;

#[tokio::test]
async fn accounts_are_made_shown_and_edited() {
    let world = World::new().await;
    let created = world.post("/v1/accounts", r#"{"name": "staging"}"#).await.expect(201);
    let path = format!("/v1/accounts/{}", created.text_at("id"));
    assert_eq!(created.header("location"), path);
    let record = world.get(&path).await.expect(200).json();
    assert_eq!(record, created.json());
    assert_eq!(
        (&record["name"], &record["parent"], &record["state"], &record["visible_to_parent"]),
        (&json!("staging"), &json!(world.root.id.to_string()), &json!("active"), &json!(true))
    );
    let below = format!(r#"{{"name": "deeper", "parent": "{}", "visible_to_parent": true}}"#, created.text_at("id"));
    assert_eq!(world.post("/v1/accounts", &below).await.expect(201).text_at("parent"), created.text_at("id"));
    assert_eq!(world.patch(&path, r#"{"name": "other"}"#).await.expect(200).text_at("name"), "other");
    world.patch(&path, r#"{"visible_to_parent": false}"#).await.expect(200);
    world.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_list_has_the_accounts_within_reach() {
    let world = World::new().await;
    let page = world.get("/v1/accounts?limit=1").await.expect(200).json();
    assert_eq!(page["items"][0]["id"], world.root.id.to_string());
    let rest = world.get(&format!("/v1/accounts?cursor={}", page["next"].as_str().expect("more"))).await.expect(200);
    let ids: Vec<_> = rest.json()["items"].as_array().expect("items").iter().map(|i| i["id"].clone()).collect();
    assert_eq!(ids, [json!(world.child.id.to_string())]);
    assert!(rest.json()["next"].is_null() && !rest.text.contains(&world.foreign.id.to_string()));
}

#[tokio::test]
async fn suspending_stops_the_tokens_of_an_account_at_once() {
    let world = World::new().await;
    let token = world.make(world.child.id, &[("devices", "read")]).await;
    let path = format!("/v1/accounts/{}", world.child.id);
    assert_eq!(world.standing(&token.text).await, "admitted");
    assert_eq!(world.patch(&path, r#"{"state": "suspended"}"#).await.expect(200).text_at("state"), "suspended");
    assert_eq!(world.standing(&token.text).await, "AccountSuspended");
    world.patch(&path, r#"{"state": "active"}"#).await.expect(200);
    assert_eq!(world.standing(&token.text).await, "admitted");
}

#[tokio::test]
async fn nobody_suspends_the_ground_they_stand_on() {
    let world = World::new().await;
    let own = format!("/v1/accounts/{}", world.root.id);
    world.patch(&own, r#"{"state": "suspended"}"#).await.expect_problem(409, "own_account");
    assert_eq!(world.standing(&world.admin.text).await, "admitted");
    world.patch(&own, r#"{"state": "active", "name": "ours"}"#).await.expect(200);
    let child = world.make(world.child.id, &[("keygate.*", "full")]).await;
    let above = world.call(http::Method::PATCH, &own, &child.text, r#"{"state": "suspended"}"#).await;
    above.expect_problem(404, "not_found");
}

#[tokio::test]
async fn foreign_accounts_are_not_there() {
    let world = World::new().await;
    for id in [world.foreign.id.to_string(), crate::model::AccountId::fresh().to_string(), "acc_x".into()] {
        world.get(&format!("/v1/accounts/{id}")).await.expect_problem(404, "not_found");
        world.patch(&format!("/v1/accounts/{id}"), r#"{"name": "x"}"#).await.expect_problem(404, "not_found");
        let body = format!(r#"{{"name": "x", "parent": "{id}"}}"#);
        let answer = world.post("/v1/accounts", &body).await.expect_problem(422, "invalid_fields");
        assert_eq!(answer.json()["errors"][0]["field"], "parent");
    }
}
