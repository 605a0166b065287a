//! The tree of accounts over the API: ceilings, moves, deletion.

use http::Method;
use serde_json::json;

use super::world::World;
use crate::model::AccountId;

async fn account(world: &World, name: &str, parent: AccountId) -> AccountId {
    let body = format!(r#"{{"name": "{name}", "parent": "{parent}"}}"#);
    world.post("/v1/accounts", &body).await.expect(201).text_at("id").parse().expect("an id")
}

fn path(id: AccountId) -> String {
    format!("/v1/accounts/{id}")
}

#[tokio::test]
async fn a_ceiling_limits_every_token_below_it_at_once() {
    let world = World::new().await;
    let leaf = account(&world, "leaf", world.child.id).await;
    let token = world.make(leaf, &[("*", "full"), ("keygate.tokens", "full")]).await;
    let grants =
        async || world.call(Method::GET, "/v1/whoami", &token.text, "").await.expect(200).json()["grants"].clone();
    assert_eq!(grants().await, json!({"*": "full", "keygate.tokens": "full"}));
    let body = r#"{"ceiling": {"devices": "read+write", "files": "read"}}"#;
    let record = world.patch(&path(world.child.id), body).await.expect(200).json();
    assert_eq!(record["ceiling"], json!({"devices": "read+write", "files": "read"}));
    assert_eq!(grants().await, json!({"devices": "read+write", "files": "read", "keygate.tokens": "full"}));
    world.patch(&path(leaf), r#"{"ceiling": {"devices": "read", "keygate.tokens": "read"}}"#).await.expect(200);
    assert_eq!(grants().await, json!({"devices": "read", "keygate.tokens": "read"}));
    world.call(Method::POST, "/v1/tokens", &token.text, "{}").await.expect_problem(403, "insufficient_scope");
    world.patch(&path(leaf), r#"{"ceiling": {}}"#).await.expect(200);
    assert_eq!(grants().await, json!({"keygate.tokens": "full"}));
    for id in [leaf, world.child.id] {
        assert!(world.patch(&path(id), r#"{"ceiling": null}"#).await.expect(200).json()["ceiling"].is_null());
    }
    assert_eq!(grants().await, json!({"*": "full", "keygate.tokens": "full"}));
}

#[tokio::test]
async fn what_limits_an_account_is_set_from_above() {
    let world = World::new().await;
    let own = world.make(world.child.id, &[("keygate.*", "full")]).await;
    for body in [r#"{"ceiling": null}"#, r#"{"plan": "gold"}"#, r#"{"policy": null}"#, r#"{"state": "suspended"}"#] {
        let answer = world.call(Method::PATCH, &path(world.child.id), &own.text, body).await;
        answer.expect_problem(409, "own_account");
    }
    world.call(Method::DELETE, &path(world.child.id), &own.text, "").await.expect_problem(409, "own_account");
    world.patch(&path(world.root.id), r#"{"ceiling": {}}"#).await.expect_problem(409, "own_account");
    let answer = world.patch(&path(world.child.id), r#"{"ceiling": {"X": "read"}, "plan": "No plan"}"#).await;
    let fields: Vec<_> =
        answer.expect(422).json()["errors"].as_array().expect("errors").iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["ceiling.X", "plan"]);
}

#[tokio::test]
async fn an_account_moves_with_all_that_is_below_it_and_never_below_itself() {
    let world = World::new().await;
    let (a, b) = (account(&world, "a", world.child.id).await, account(&world, "b", world.root.id).await);
    let leaf = account(&world, "leaf", a).await;
    let token = world.make(leaf, &[("devices", "read")]).await;
    world.patch(&path(b), r#"{"ceiling": {"files": "read"}}"#).await.expect(200);
    let moved = world.patch(&path(a), &format!(r#"{{"parent": "{b}"}}"#)).await.expect(200);
    assert_eq!(moved.text_at("parent"), b.to_string());
    let whoami = world.call(Method::GET, "/v1/whoami", &token.text, "").await.expect(200);
    assert_eq!(whoami.json()["grants"], json!({}), "it is under the other ceiling now");

    for (id, parent) in [(a, a), (a, leaf), (b, leaf)] {
        let answer = world.patch(&path(id), &format!(r#"{{"parent": "{parent}"}}"#)).await;
        let answer = answer.expect_problem(409, "account_circle").json();
        assert_eq!(answer["errors"][0]["field"], "parent", "{answer}");
    }
    let answer = world.patch(&path(world.root.id), &format!(r#"{{"parent": "{a}"}}"#)).await;
    answer.expect_problem(409, "root_account");
    let answer = world.patch(&path(a), &format!(r#"{{"parent": "{}"}}"#, AccountId::fresh())).await;
    assert_eq!(answer.expect_problem(422, "invalid_fields").json()["errors"][0]["field"], "parent");
}

#[tokio::test]
async fn two_moves_at_once_make_no_circle() {
    for _ in 0..20 {
        let world = World::new().await;
        let (a, b) = (account(&world, "a", world.root.id).await, account(&world, "b", world.root.id).await);
        let into = |id: AccountId| format!(r#"{{"parent": "{id}"}}"#);
        let (path_a, path_b, into_a, into_b) = (path(a), path(b), into(a), into(b));
        let (one, other) = tokio::join!(world.patch(&path_a, &into_b), world.patch(&path_b, &into_a));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort();
        assert_eq!(statuses, [200, 409]);
        assert!(world.accounts.is_active(a) && world.accounts.is_active(b));
    }
}

#[tokio::test]
async fn an_empty_account_is_deleted_and_a_full_one_by_its_name() {
    let world = World::new().await;
    let empty = account(&world, "empty", world.child.id).await;
    world.delete(&path(empty)).await.expect(204);
    world.get(&path(empty)).await.expect_problem(404, "not_found");

    let top = account(&world, "top", world.root.id).await;
    let leaf = account(&world, "leaf", top).await;
    let mut tokens = Vec::new();
    for at in [top, leaf, leaf] {
        tokens.push(world.make(at, &[("devices", "read")]).await);
    }
    let (ada, session) = world.member(leaf, "ada", &["owner"]).await;
    let (bob, _) = world.member(world.root.id, "bob", &["viewer"]).await;
    world.lifecycle.set_member(bob.id, top, vec!["owner".parse().expect("a name")]).await.expect("a member");

    let refused = world.delete(&path(top)).await.expect_problem(409, "account_not_empty");
    let detail = refused.text_at("detail");
    assert!(detail.contains("1 account, 2 users, tokens") && detail.contains("?everything="), "{detail}");
    world.delete(&format!("{}?everything=other", path(top))).await.expect_problem(400, "invalid_query");
    assert_eq!(world.standing(&tokens[0].text).await, "admitted");

    world.delete(&format!("{}?everything=top", path(top))).await.expect(204);
    for text in tokens.iter().map(|token| &token.text).chain([&session.text]) {
        assert_eq!(world.standing(text).await, "unknown");
    }
    for id in [top, leaf] {
        world.get(&path(id)).await.expect_problem(404, "not_found");
    }
    assert_eq!(world.users.get(ada.id), None);
    let bob = world.users.get(bob.id).expect("bob is managed elsewhere");
    assert_eq!(bob.memberships.iter().map(|member| member.account).collect::<Vec<_>>(), [world.root.id]);
    world.get(&path(world.child.id)).await.expect(200);
    world.delete(&path(world.root.id)).await.expect_problem(409, "own_account");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let world = World::new().await;
    let (ada, _) = world.member(world.child.id, "ada", &["owner"]).await;
    let owner = || vec!["owner".parse().expect("a name")];
    let viewer = || vec!["viewer".parse().expect("a name")];
    let child = world.child.id;
    let told = |error: crate::auth::LifecycleError| error.to_string();
    let last = format!("it is the last owner of account {child}");
    assert_eq!(world.lifecycle.set_member(ada.id, child, viewer()).await.map_err(told), Err(last.clone()));
    assert_eq!(world.lifecycle.remove_member(ada.id, child).await.map_err(told), Err(last.clone()));
    assert_eq!(world.lifecycle.delete_user(ada.id).await.map_err(told), Err(last));
    let (bob, _) = world.member(world.root.id, "bob", &["viewer"]).await;
    world.lifecycle.set_member(bob.id, child, owner()).await.expect("another owner");
    world.lifecycle.set_member(ada.id, child, viewer()).await.expect("lowered");
    world.lifecycle.delete_user(ada.id).await.expect("gone");
}
