//! Labels of tokens and accounts: set, merged, removed, refused.

use serde_json::json;

use super::world::{World, policies};
use crate::model::Field;

#[tokio::test]
async fn labels_are_set_shown_merged_and_removed() {
    let world = World::new().await;
    let grants = json!({"devices": "read"});
    for (path, mut body) in [("/v1/tokens", json!({"grants": grants})), ("/v1/accounts", json!({"name": "a"}))] {
        body["labels"] = json!({"env": "prod", "example.com/team": "a"});
        let created = world.post(path, &body.to_string()).await.expect(201);
        assert_eq!(created.json()["labels"], body["labels"]);
        let one = format!("{path}/{}", created.text_at("id"));
        assert_eq!(world.get(&one).await.expect(200).json()["labels"], body["labels"]);
        for (edit, left) in [
            (json!({"labels": {"env": null, "new": ""}}), json!({"example.com/team": "a", "new": ""})),
            (json!({"name": "b"}), json!({"example.com/team": "a", "new": ""})),
            (json!({"labels": {}}), json!({"example.com/team": "a", "new": ""})),
            (json!({"labels": null}), json!({})),
        ] {
            let edited = world.patch(&one, &edit.to_string()).await.expect(200);
            assert_eq!(edited.json()["labels"], left, "after {edit}");
            assert_eq!(world.get(&one).await.expect(200).json()["labels"], left);
        }
        body["labels"] = json!(null);
        assert_eq!(world.post(path, &body.to_string()).await.expect(201).json()["labels"], json!({}));
    }
}

#[tokio::test]
async fn wrong_labels_are_refused_with_the_rule() {
    let world = World::new().await;
    let one = format!("/v1/tokens/{}", world.make(world.root.id, &[("devices", "read")]).await.token.id);
    let many: serde_json::Map<_, _> = (0..17).map(|number| (format!("k{number}"), json!("v"))).collect();
    for (labels, field, message) in [
        (json!("env=prod"), "labels", "must be an object of texts, not text"),
        (json!({"env": 1}), "labels.env", "must be a text, or null to remove it, not a number"),
        (json!({"e nv": "x"}), "labels", "`e nv` is no key: 1 to 63 of"),
        (json!({"env": "a b"}), "labels", "the value of `env` is none: at most 63 of"),
        (json!(many), "labels", "would be 17; at most 16 are allowed"),
    ] {
        let create = json!({"grants": {"devices": "read"}, "labels": labels});
        let edit = json!({"labels": labels});
        for answer in [
            world.post("/v1/tokens", &create.to_string()).await,
            world.post("/v1/accounts", &json!({"name": "a", "labels": labels}).to_string()).await,
            world.patch(&one, &edit.to_string()).await,
            world.patch(&format!("/v1/accounts/{}", world.child.id), &edit.to_string()).await,
        ] {
            let answer = answer.expect_problem(422, "invalid_fields").json();
            let error = &answer["errors"][0];
            assert_eq!(error["field"], field, "{error}");
            assert!(error["message"].as_str().is_some_and(|text| text.contains(message)), "{error}");
        }
    }
    let twice = r#"{"labels": {"a": "1", "a": "2"}}"#;
    world.patch(&one, twice).await.expect_problem(422, "invalid_fields");
    // Each edit is lawful alone, and what they come to is not.
    for number in 0..16 {
        world.patch(&one, &json!({"labels": {format!("k{number}"): "v"}}).to_string()).await.expect(200);
    }
    world.patch(&one, r#"{"labels": {"more": "v"}}"#).await.expect_problem(422, "invalid_fields");
    world.patch(&one, r#"{"labels": {"more": "v", "k0": null}}"#).await.expect(200);
}

#[tokio::test]
async fn a_policy_may_keep_labels_as_they_are() {
    let world = World::with_policies(policies(|policy| policy.mutable.retain(|field| *field != Field::Labels))).await;
    let one = format!("/v1/tokens/{}", world.make(world.root.id, &[("devices", "read")]).await.token.id);
    world.patch(&one, r#"{"labels": {"a": "1"}}"#).await.expect_problem(422, "immutable_fields");
}
