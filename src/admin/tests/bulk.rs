//! Many tokens revoked by one call: seen first, counted, and only those that are meant.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, Made, World};
use crate::model::Labels;

const PATH: &str = "/v1/tokens/revoke";

async fn labelled(world: &World, label: &str) -> Made {
    let labels = Labels::new([("env".to_owned(), label.to_owned())]).expect("lawful");
    world.make_with(world.child.id, &[("devices", "read")], |new| new.labels = labels).await
}

/// The call with one more field.
async fn revoke(world: &World, filter: &Value, name: &str, value: impl Into<Value>) -> Answer {
    let mut body = filter.clone();
    body[name] = value.into();
    world.post(PATH, &body.to_string()).await
}

async fn count(world: &World, filter: &Value) -> Value {
    revoke(world, filter, "dry_run", true).await.expect(200).json()["count"].clone()
}

async fn all_are(world: &World, tokens: &[Made], standing: &str) {
    for made in tokens {
        assert_eq!(world.standing(&made.text).await, standing);
    }
}

#[tokio::test]
async fn what_was_counted_is_revoked_and_noted_one_by_one_and_nothing_else_is() {
    let world = World::new().await;
    let mut meant = Vec::new();
    // More than one part.
    for _ in 0..230 {
        meant.push(labelled(&world, "old").await);
    }
    let other = labelled(&world, "new").await;
    let filter = json!({"account": world.child.id.to_string(), "label": "env=old"});
    let told = revoke(&world, &filter, "dry_run", true).await.expect(200).json();
    assert_eq!((&told["count"], &told["revoked"], &told["dry_run"]), (&json!(230), &json!(0), &json!(true)));
    let sample: Vec<_> = told["sample"].as_array().expect("a list").iter().map(|token| token["id"].clone()).collect();
    assert_eq!(sample, meant[..10].iter().map(|made| json!(made.token.id.to_string())).collect::<Vec<_>>());
    all_are(&world, &meant, "admitted").await;
    let dry = world.last_entry().await;
    assert_eq!((&dry["action"], &dry["after"]["dry_run"]), (&json!("token.revoke.many"), &json!(true)));

    let done = revoke(&world, &filter, "expect", 230).await.expect(200);
    assert_eq!((&done.json()["count"], &done.json()["revoked"]), (&json!(230), &json!(230)));
    assert_eq!(done.json()["sample"][0]["state"], "revoked");
    all_are(&world, &meant, "revoked").await;
    all_are(&world, &[other], "admitted").await;
    for made in &meant {
        let entries = world.entries(&format!("object={}&action=token.revoke", made.token.id)).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(
            (&entries[0]["before"]["state"], &entries[0]["after"]["state"]),
            (&json!("active"), &json!("revoked"))
        );
        assert_eq!(entries[0]["request_id"], done.header("x-request-id"));
    }
    let whole = world.last_entry().await;
    assert_eq!(whole["after"], json!({"dry_run": false, "count": 230, "revoked": 230}));
    assert_eq!(whole["object"]["id"], world.child.id.to_string());
    let parts = world.entries("outcome=begun&action=token.revoke").await;
    assert_eq!(parts.iter().map(|part| part["after"]["tokens"].as_array().expect("ids").len()).sum::<usize>(), 230);

    assert_eq!(count(&world, &filter).await, 0, "who is revoked is not meant again");
    revoke(&world, &filter, "expect", 0).await.expect(200);
}

#[tokio::test]
async fn another_number_than_was_expected_revokes_nothing() {
    let world = World::new().await;
    let tokens = [labelled(&world, "old").await, labelled(&world, "old").await];
    let filter = json!({"below": true, "label": "env=old"});
    for wrong in [0, 1, 3, u64::MAX] {
        let refused = revoke(&world, &filter, "expect", wrong).await.expect_problem(409, "count_differs");
        assert_eq!(refused.json()["count"], 2);
        assert!(refused.text_at("detail").contains("is 2 now, and not"), "{}", refused.text);
    }
    all_are(&world, &tokens, "admitted").await;
    assert_eq!(world.last_entry().await["code"], "count_differs");
    revoke(&world, &filter, "expect", 2).await.expect(200);
    all_are(&world, &tokens, "revoked").await;
}

#[tokio::test]
async fn every_filter_of_a_list_means_here_what_it_means_there() {
    let world = World::new().await;
    let (user, session) = world.member(world.child.id, "ada", &["admin"]).await;
    let made = world.call(Method::POST, "/v1/tokens", &session.text, r#"{"kind": "personal", "name": "Laptop"}"#).await;
    made.expect(201);
    let disabled = labelled(&world, "old").await;
    world.lifecycle.disable(disabled.token.id).await.expect("disabled");
    let revoked = labelled(&world, "old").await;
    world.lifecycle.revoke(revoked.token.id).await.expect("revoked");
    let soon = world.clock.wall().plus(std::time::Duration::from_secs(3_600));
    world.make_with(world.child.id, &[("devices", "read")], |new| new.expires = Some(soon)).await;
    world.clock.step_millis(60_000);
    let child = world.child.id.to_string();
    let mut meaningful = 0;
    for (name, value) in [
        ("state", "active"),
        ("state", "disabled,expired"),
        ("kind", "session,personal"),
        ("owner", &user.id.to_string()),
        ("created_by", &session.token.id.to_string()),
        ("unused_for", "30s"),
        ("unused_for", "1d"),
        ("expires_within", "2h"),
        ("q", "lapt"),
        ("label", "env"),
        ("label", "!env"),
    ] {
        let listed =
            world.get(&format!("/v1/tokens?account={child}&count=true&{name}={value}")).await.expect(200).json();
        let items = listed["items"].as_array().expect("a list");
        let listed = items.iter().filter(|token| token["state"] != "revoked").count();
        let mut filter = json!({"account": child});
        filter[name] = value.into();
        assert_eq!(count(&world, &filter).await, listed, "{name}={value}");
        meaningful += usize::from(listed > 0);
    }
    assert!(meaningful >= 9, "{meaningful}");
    assert_eq!(count(&world, &json!({"below": true, "label": "env"})).await, 1, "from the account above");
    assert_eq!(count(&world, &json!({"label": "env"})).await, 0);
}

#[tokio::test]
async fn neither_the_token_that_calls_nor_what_it_does_not_reach_is_meant() {
    let world = World::new().await;
    let foreign = world.make(world.foreign.id, &[("devices", "read")]).await;
    let own = labelled(&world, "old").await;
    let manager = world.make(world.child.id, &[("keygate.tokens", "full")]).await;
    let body = json!({"all": true, "below": true, "expect": 1}).to_string();
    world.call(Method::POST, PATH, &manager.text, &body).await.expect(200);
    all_are(&world, &[own], "revoked").await;
    let all = json!({"all": true, "below": true});
    let meant = count(&world, &all).await;
    assert_eq!(meant, 1, "the manager of the account below");
    revoke(&world, &all, "expect", meant).await.expect(200);
    all_are(&world, &[manager], "revoked").await;
    all_are(&world, &[foreign], "admitted").await;
    assert_eq!(world.standing(&world.admin.text).await, "admitted");
    let elsewhere = json!({"account": world.foreign.id.to_string(), "all": true});
    let refused = revoke(&world, &elsewhere, "dry_run", true).await.expect_problem(422, "invalid_fields");
    assert_eq!(refused.json()["errors"][0]["field"], "account");
}

#[tokio::test]
async fn without_a_filter_or_a_number_nothing_is_done() {
    let world = World::new().await;
    let made = labelled(&world, "old").await;
    for (body, field) in [
        (json!({"below": true, "dry_run": true}), "body"),
        (json!({"account": world.child.id.to_string(), "expect": 1}), "body"),
        (json!({"below": true, "all": false, "expect": 1}), "body"),
        (json!({"below": true, "all": true, "label": "env", "expect": 1}), "all"),
        (json!({"below": true, "label": "env"}), "expect"),
        (json!({"below": true, "label": "env", "expect": "1"}), "expect"),
        (json!({"below": true, "label": "env", "expect": -1}), "expect"),
        (json!({"below": true, "label": "env", "expect": null}), "expect"),
        (json!({"below": true, "label": "env", "expect": 1, "dry_run": true}), "expect"),
        (json!({"below": true, "label": "env=a b", "expect": 1}), "label"),
        (json!({"below": true, "label": "env", "statee": "active", "expect": 1}), "statee"),
        (json!({"below": true, "state": ["active"], "expect": 1}), "state"),
    ] {
        let answer = world.post(PATH, &body.to_string()).await.expect_problem(422, "invalid_fields");
        let errors = answer.json()["errors"].clone();
        assert!(errors.as_array().is_some_and(|all| all.iter().any(|e| e["field"] == field)), "{body}: {errors}");
    }
    all_are(&world, &[made], "admitted").await;
}
