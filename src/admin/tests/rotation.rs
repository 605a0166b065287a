//! Rotation over the API: what is asked, what is shown, and what the policy says to it.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{World, policies};
use crate::model::{Kind, RotationRules, Usage};

const HOUR: i64 = 3_600_000;

fn millis(value: &Value) -> i64 {
    value.as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
}

/// A token of the root account; its path.
async fn made(world: &World) -> (String, String) {
    let made = world.post("/v1/tokens", r#"{"grants": {"devices": "read"}}"#).await.expect(201);
    (format!("/v1/tokens/{}", made.text_at("id")), made.text_at("token"))
}

#[tokio::test]
async fn both_texts_are_good_for_the_overlap_and_both_are_told_of() {
    let world = World::new().await;
    let (path, old) = made(&world).await;
    assert!(world.get(&path).await.expect(200).json()["rotation"].is_null());
    let rotated = world.post(&format!("{path}/rotate"), r#"{"overlap": "2h"}"#).await.expect(200);
    let (record, new) = (rotated.json(), rotated.text_at("token"));
    assert!(new != old && rotated.text_at("curl").contains(&new));
    assert_eq!(format!("/v1/tokens/{}", rotated.text_at("id")), path, "it is the same token");
    assert_eq!(
        (&record["hint"], &record["rotation"]["old"]["hint"]),
        (&json!(new[new.len() - 4..]), &json!(old[old.len() - 4..]))
    );
    assert_eq!(record["rotation"]["old"]["valid"], true);
    assert!((millis(&record["rotation"]["old"]["until"]) - world.clock.wall().millis() - 2 * HOUR).abs() < 60_000);
    let turn = &record["rotation"]["history"][0];
    assert_eq!((&turn["what"], &turn["by"]), (&json!("rotated"), &json!(world.admin.token.id.to_string())));
    assert_eq!((world.standing(&old).await, world.standing(&new).await), ("admitted".into(), "admitted".into()));
    world.clock.step_millis(2 * HOUR);
    assert!(world.standing(&old).await.starts_with("Rotated"), "no sweep is needed");
    assert_eq!(world.standing(&new).await, "admitted");
    let shown = world.get(&path).await.expect(200).json();
    assert_eq!(shown["rotation"]["old"]["valid"], false);
    assert!(!shown.to_string().contains(&new) && !shown.to_string().contains(&old));
}

#[tokio::test]
async fn an_overlap_ends_early_is_extended_or_is_undone() {
    let world = World::new().await;
    let (path, first) = made(&world).await;
    for call in ["end", "undo"] {
        world.post(&format!("{path}/rotation/{call}"), "").await.expect_problem(409, "no_overlap");
    }
    let extend = format!("{path}/rotation/extend");
    world.post(&extend, r#"{"by": "1h"}"#).await.expect_problem(409, "no_overlap");
    let second = world.post(&format!("{path}/rotate"), r#"{"overlap": "6d"}"#).await.expect(200).text_at("token");
    let until = |record: Value| millis(&record["rotation"]["old"]["until"]);
    let before = until(world.get(&path).await.json());
    assert_eq!(until(world.post(&extend, r#"{"by": "1d"}"#).await.expect(200).json()) - before, 24 * HOUR);
    let refused = world.post(&extend, r#"{"by": "1s"}"#).await.expect_problem(422, "invalid_fields").text_at("detail");
    assert!(refused.contains("`by`: is too long: the old text is valid for 7d at most, which is until "), "{refused}");
    world.post(&format!("{path}/rotation/undo"), "").await.expect(200);
    assert_eq!(world.standing(&first).await, "admitted");
    assert!(world.standing(&second).await.starts_with("Rotated"));
    let third = world.post(&format!("{path}/rotate"), "").await.expect(200).text_at("token");
    let ended = world.post(&format!("{path}/rotation/end"), "").await.expect(200).json();
    assert_eq!(ended["rotation"]["old"]["valid"], false);
    assert!(world.standing(&first).await.starts_with("Rotated"));
    assert_eq!(world.standing(&third).await, "admitted");
    assert_eq!(world.standing(&second).await, "unknown", "a token has two texts at most");
    let history = ended["rotation"]["history"].as_array().expect("a list").clone();
    assert_eq!(history.iter().map(|turn| turn["what"].clone()).collect::<Vec<_>>(), ["rotated", "undone", "rotated"]);
    world.clock.step_millis(-HOUR);
    assert!(world.standing(&first).await.starts_with("Rotated"), "what was ended stays so when the clock is set back");
}

#[tokio::test]
async fn another_rotation_ends_a_running_overlap_only_if_told_to() {
    let world = World::new().await;
    let (path, first) = made(&world).await;
    world.post(&format!("{path}/rotate"), "").await.expect(200);
    let refused = world.post(&format!("{path}/rotate"), "").await.expect_problem(409, "overlap_running");
    assert!(refused.text_at("detail").contains("`\"end_overlap\": true`"), "{}", refused.text);
    assert_eq!(world.standing(&first).await, "admitted", "nothing changed");
    world.post(&format!("{path}/rotate"), r#"{"end_overlap": true}"#).await.expect(200);
    assert_eq!(world.standing(&first).await, "unknown");
}

#[tokio::test]
async fn what_is_over_keeps_its_text() {
    let world = World::new().await;
    let (path, text) = made(&world).await;
    let bodies = [
        (r#"{"overlap": "soon"}"#, "`overlap`: must be a length of time"),
        (r#"{"overlap": 5}"#, "`overlap`: must be text"),
        (r#"{"overlap": "8d"}"#, "`overlap`: is too long: the policy `default` allows 7d at most"),
        (r#"{"end_overlap": "yes"}"#, "`end_overlap`: must be true or false"),
        (r#"{"overlapp": "1d"}"#, "did you mean `overlap`?"),
    ];
    for (body, message) in bodies {
        let refused = world.post(&format!("{path}/rotate"), body).await.expect_problem(422, "invalid_fields");
        assert!(refused.text_at("detail").contains(message), "{body}: {}", refused.text);
    }
    for body in ["{}", r#"{"by": "0s"}"#, r#"{"by": "x"}"#, r#"{"by": true}"#] {
        world.post(&format!("{path}/rotation/extend"), body).await.expect_problem(422, "invalid_fields");
    }
    assert_eq!(world.standing(&text).await, "admitted");
    world.post(&format!("{path}/disable"), "").await.expect(200);
    let rotated = world.post(&format!("{path}/rotate"), r#"{"overlap": "0s"}"#).await.expect(200);
    assert_eq!(rotated.text_at("state"), "disabled", "a leaked one is disabled, rotated and enabled");
    world.post(&format!("{path}/revoke"), "").await.expect(200);
    world.post(&format!("{path}/rotate"), "").await.expect_problem(409, "already_revoked");
    world.post(&format!("{path}/rotation/undo"), "").await.expect_problem(409, "already_revoked");

    let expired = world.post("/v1/tokens", r#"{"grants": {"devices": "read"}, "expires": "1h"}"#).await.expect(201);
    world.clock.step_millis(2 * HOUR);
    let refused = world.post(&format!("/v1/tokens/{}/rotate", expired.text_at("id")), "").await;
    assert!(refused.expect_problem(409, "not_rotatable").text_at("detail").contains("give it a later expiry first"));
    let (_, session) = world.member(world.root.id, "ada@example.org", &["viewer"]).await;
    let rotate = format!("/v1/tokens/{}/rotate", session.token.id);
    world.call(http::Method::POST, &rotate, &world.admin.text, "").await.expect_problem(403, "not_yours");
}

#[tokio::test]
async fn nobody_gets_by_a_rotation_what_it_has_not() {
    let world = World::new().await;
    let full = world.make(world.root.id, &[("*", "full"), ("keygate.*", "full")]).await;
    let maker = world.make(world.root.id, &[("devices", "read"), ("keygate.tokens", "full")]).await;
    let path = format!("/v1/tokens/{}", full.token.id);
    let rotate = format!("{path}/rotate");
    world.call(http::Method::POST, &rotate, &maker.text, "").await.expect_problem(403, "grants_exceeded");
    assert!(world.get(&path).await.expect(200).json()["rotation"].is_null());
    let (ada, session) = world.member(world.root.id, "ada@example.org", &["owner"]).await;
    let personal = |new: &mut crate::auth::NewToken| (new.kind, new.user) = (Kind::Personal, Some(ada.id));
    let of_ada = world.make_with(world.root.id, &[("*", "read")], personal).await;
    let rotate = format!("/v1/tokens/{}/rotate", of_ada.token.id);
    world.post(&rotate, "").await.expect_problem(403, "not_yours");
    world.call(http::Method::POST, &rotate, &session.text, "").await.expect(200);
    let own = format!("/v1/tokens/{}/rotate", session.token.id);
    world.call(http::Method::POST, &own, &session.text, "").await.expect_problem(409, "not_rotatable");
}

#[tokio::test]
async fn copies_follow_the_text() {
    let world = World::new().await;
    let (path, first) = made(&world).await;
    let reveal = async || world.post(&format!("{path}/reveal"), "").await;
    assert_eq!(reveal().await.expect(200).text_at("token"), first);
    let second = world.post(&format!("{path}/rotate"), "").await.expect(200).text_at("token");
    assert_eq!(reveal().await.expect(200).text_at("token"), second);
    world.post(&format!("{path}/rotation/undo"), "").await.expect(200);
    assert_eq!(reveal().await.expect(200).text_at("token"), first);
    let id = path.rsplit('/').next().expect("an id").parse().expect("an id");
    world.post(&format!("{path}/rotate"), r#"{"overlap": "0s"}"#).await.expect(200);
    let token = world.lifecycle.get(id).await.expect("a token");
    assert!(token.sealed.is_some() && token.rotation.expect("rotated").old.sealed.is_none(), "no copy of what is over");
}

#[tokio::test]
async fn the_policy_says_whether_and_for_how_long() {
    let day = Duration::from_secs(86_400);
    let none = World::with_policies(policies(|policy| policy.rotation.allowed = false)).await;
    let (path, _) = made(&none).await;
    let refused = none.post(&format!("{path}/rotate"), "").await.expect_problem(409, "not_rotatable");
    assert!(refused.text_at("detail").starts_with("the policy `default` has no rotation"), "{}", refused.text);

    let rules = RotationRules { allowed: true, overlap: Duration::ZERO, max_overlap: Duration::ZERO };
    let at_once = World::with_policies(policies(|policy| policy.rotation = rules)).await;
    let (path, text) = made(&at_once).await;
    at_once.post(&format!("{path}/rotate"), r#"{"overlap": "1s"}"#).await.expect_problem(422, "invalid_fields");
    at_once.post(&format!("{path}/rotate"), "").await.expect(200);
    assert!(at_once.standing(&text).await.starts_with("Rotated"));
    let shown = at_once.get(&format!("/v1/accounts/{}/policy", at_once.root.id)).await.expect(200).json();
    assert_eq!((&shown["rotation"], &shown["rotation_overlap_max"]), (&json!(true), &Value::Null));

    let remind = World::with_policies(policies(|policy| policy.warn.rotate_after = Some(90 * day))).await;
    let (path, _) = made(&remind).await;
    remind.clock.step_millis(100 * 24 * HOUR);
    let warnings = |record: Value| record["warnings"].as_array().expect("a list").len();
    let old = remind.get(&path).await.expect(200).json();
    assert_eq!(old["warnings"][0]["message"], "it is 100 days old: rotate it");
    assert_eq!(warnings(remind.post(&format!("{path}/rotate"), "").await.expect(200).json()), 0);
}

#[tokio::test]
async fn who_uses_which_text_is_counted_apart() {
    let world = World::new().await;
    let (path, _) = made(&world).await;
    world.post(&format!("{path}/rotate"), "").await.expect(200);
    let id = path.rsplit('/').next().expect("an id").parse().expect("an id");
    let last = world.clock.wall();
    let used = |number, requests| crate::model::SecretUse { number, requests, last };
    let usage = Usage { secrets: vec![used(0, 3), used(1, 5)], ..Usage::new(8, Some(last)) };
    crate::store::Store::record_usage(&*world.store, vec![(id, usage)]).await.expect("recorded");
    let rotation = world.get(&path).await.expect(200).json()["rotation"].clone();
    assert_eq!((&rotation["present"]["requests"], &rotation["old"]["requests"]), (&json!(5), &json!(3)));
    assert_eq!(rotation["old"]["last_used"], last.to_string());
    let again = world.post(&format!("{path}/rotate"), r#"{"end_overlap": true}"#).await.expect(200).json();
    assert_eq!(
        (&again["rotation"]["present"]["requests"], &again["rotation"]["old"]["requests"]),
        (&json!(0), &json!(5))
    );
}
