//! Users, members and invitations over the API.

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, World};

/// The problems of the fields, as `field: message`.
fn errors(answer: &Answer) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let errors = answer.json()["errors"].clone();
    let errors = errors.as_array().expect("errors");
    errors.iter().map(|error| format!("{}: {}", text(&error["field"]), text(&error["message"]))).collect()
}

async fn login(world: &World, login: &str, password: &str) -> Answer {
    let body = json!({"login": login, "password": password}).to_string();
    world.call(Method::POST, "/v1/sessions", "", &body).await
}

#[tokio::test]
async fn a_user_is_made_shown_listed_edited_and_deleted() {
    let world = World::new().await;
    let body = format!(
        r#"{{"login": "Ada@Example.org", "name": "Ada", "account": "{}", "roles": ["viewer"], "password": "{PASSWORD}"}}"#,
        world.child.id
    );
    let created = world.post("/v1/users", &body).await.expect(201);
    let path = format!("/v1/users/{}", created.text_at("id"));
    assert_eq!(created.header("location"), path);
    let record = world.get(&path).await.expect(200).json();
    assert_eq!(record, created.json());
    let child = world.child.id.to_string();
    let expected = json!({
        "id": created.text_at("id"),
        "account": child,
        "login": "ada@example.org",
        "name": "Ada",
        "state": "active",
        "password": true,
        "invitation_expires": null,
        "memberships": [{"account": child, "roles": ["viewer"]}],
        "created": record["created"],
    });
    assert_eq!(record, expected, "and nothing else: no hash");
    let list = world.get(&format!("/v1/users?account={child}")).await.expect(200).json();
    assert_eq!((&list["items"], &list["next"]), (&json!([record]), &Value::Null));
    assert_eq!(world.get("/v1/users").await.expect(200).json()["items"], json!([]), "of the root account");
    let edited = world.patch(&path, r#"{"name": "Ada L.", "state": "disabled"}"#).await.expect(200).json();
    assert_eq!((&edited["name"], &edited["state"]), (&json!("Ada L."), &json!("disabled")));
    world.delete(&path).await.expect(204);
    world.get(&path).await.expect_problem(404, "not_found");
    login(&world, "ada@example.org", PASSWORD).await.expect_problem(401, "login_failed");
}

#[tokio::test]
async fn a_list_is_given_in_parts() {
    let world = World::new().await;
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        made.push(json!(world.member(world.root.id, name, &["viewer"]).await.0.id.to_string()));
    }
    for path in ["/v1/users".to_owned(), format!("/v1/accounts/{}/members", world.root.id)] {
        let first = world.get(&format!("{path}?limit=2")).await.expect(200).json();
        let next = first["next"].as_str().expect("more").to_owned();
        let rest = world.get(&format!("{path}?cursor={next}")).await.expect(200).json();
        assert!(rest["next"].is_null());
        let id = |item: &Value| if item["id"].is_null() { item["user"].clone() } else { item["id"].clone() };
        let items = [&first["items"], &rest["items"]].map(|items| items.as_array().expect("items").clone()).concat();
        let mut ids: Vec<_> = items.iter().map(id).collect();
        let mut made = made.clone();
        ids.sort_by_key(Value::to_string);
        made.sort_by_key(Value::to_string);
        assert_eq!(ids, made, "{path}");
    }
    world.get("/v1/users?cursor=x").await.expect_problem(400, "invalid_query");
    world.get(&format!("/v1/users?account={}", world.foreign.id)).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn every_wrong_field_of_a_new_user_is_named() {
    let world = World::new().await;
    let body = json!({
        "login": "ada lovelace",
        "name": "a\u{7}b",
        "account": world.foreign.id.to_string(),
        "roles": ["boss"],
        "password": "short",
        "state": "active",
    });
    let answer = world.post("/v1/users", &body.to_string()).await.expect_problem(422, "invalid_fields");
    let errors = errors(&answer);
    let named = |field: &str| errors.iter().filter(|error| error.starts_with(&format!("{field}: "))).count();
    assert_eq!(["login", "name", "account", "roles", "state"].map(named), [1; 5], "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("There are: admin, deployment, owner")), "{errors:?}");
    for (body, message) in [
        (json!({"login": "ada", "password": "eleven char"}), "password: has 11 characters; at least 12 are needed"),
        (json!({"login": "ada", "password": "x".repeat(1_025)}), "password: is longer than 1024 bytes"),
        (json!({"login": "ada-lovelace", "password": "Ada-Lovelace"}), "password: must not be the login"),
        (json!({"login": "ada", "password": 7}), "password: must be text, not a number"),
        (json!({"name": "Ada"}), "login: is needed"),
    ] {
        let answer = world.post("/v1/users", &body.to_string()).await.expect_problem(422, "invalid_fields");
        assert_eq!(self::errors(&answer), [message]);
        assert!(!answer.text.contains("eleven char") && !answer.text.contains("Ada-Lovelace"), "{}", answer.text);
    }
    let answer = world.post("/v1/users", r#"{"login": "ada", "passwort": "correct horse"}"#).await.expect(422);
    assert!(answer.text.contains("did you mean `password`") && !answer.text.contains("horse"), "{}", answer.text);
}

#[tokio::test]
async fn a_login_is_one_for_the_installation() {
    let world = World::new().await;
    world.member(world.foreign.id, "ada@example.org", &["viewer"]).await;
    let body = r#"{"login": "ADA@example.org"}"#;
    world.post("/v1/users", body).await.expect_problem(409, "login_taken");
}

#[tokio::test]
async fn what_a_user_is_by_is_not_edited() {
    let world = World::new().await;
    let (ada, _) = world.member(world.root.id, "ada", &["viewer"]).await;
    let path = format!("/v1/users/{}", ada.id);
    for body in [r#"{"login": "bob"}"#, r#"{"account": "acc_1"}"#, r#"{"memberships": []}"#, r#"{"id": "x"}"#] {
        world.patch(&path, body).await.expect_problem(422, "immutable_fields");
    }
    let answer = world.patch(&path, r#"{"state": "gone"}"#).await.expect_problem(422, "invalid_fields");
    assert_eq!(errors(&answer), ["state: must be `active` or `disabled`"]);
    let answer = world.patch(&path, r#"{"roles": ["owner"]}"#).await.expect_problem(422, "invalid_fields");
    assert!(answer.text.contains("`roles`: is no field of this call"), "{}", answer.text);
}

#[tokio::test]
async fn nobody_makes_or_becomes_who_may_do_more() {
    let world = World::new().await;
    let manager = world.make(world.root.id, &[("keygate.users", "full"), ("*", "read")]).await.text;
    let call = async |method, path: &str, body: Value| world.call(method, path, &manager, &body.to_string()).await;
    let body = |role: &str| json!({"login": format!("a-{role}"), "roles": [role]});
    call(Method::POST, "/v1/users", body("owner")).await.expect_problem(403, "grants_exceeded");
    call(Method::POST, "/v1/users", body("deployment")).await.expect_problem(403, "grants_exceeded");
    let viewer = call(Method::POST, "/v1/users", body("viewer")).await.expect(201).text_at("id");
    let (owner, _) = world.member(world.root.id, "owner", &["owner"]).await;
    let (owner, viewer) = (format!("/v1/users/{}", owner.id), format!("/v1/users/{viewer}"));
    // Who sets a password can log in with it.
    let password = json!({"password": PASSWORD});
    call(Method::PATCH, &viewer, password.clone()).await.expect(200);
    call(Method::PATCH, &owner, password).await.expect_problem(403, "grants_exceeded");
    call(Method::POST, &format!("{viewer}/invitation"), json!({})).await.expect(201);
    call(Method::POST, &format!("{owner}/invitation"), json!({})).await.expect_problem(403, "grants_exceeded");
    call(Method::PATCH, &owner, json!({"name": "The owner"})).await.expect(200);
    let members = format!("/v1/accounts/{}/members", world.root.id);
    let (bob, _) = world.member(world.child.id, "bob", &["viewer"]).await;
    let add = |role: &str| json!({"user": "bob", "roles": [role]});
    call(Method::POST, &members, add("admin")).await.expect_problem(403, "grants_exceeded");
    call(Method::POST, &members, add("viewer")).await.expect(201);
    let bob = format!("{members}/{}", bob.id);
    call(Method::PATCH, &bob, json!({"roles": ["viewer", "power_user"]})).await.expect_problem(403, "grants_exceeded");
    assert_eq!(world.get(&bob).await.expect(200).json()["roles"], json!(["viewer"]));
}

#[tokio::test]
async fn a_user_of_another_account_is_shared_with_and_not_managed() {
    let world = World::new().await;
    let (ada, _) = world.member(world.foreign.id, "ada@example.org", &["owner"]).await;
    let path = format!("/v1/users/{}", ada.id);
    world.get(&path).await.expect_problem(404, "not_found");
    let members = format!("/v1/accounts/{}/members", world.child.id);
    let body = r#"{"user": "Ada@Example.org", "roles": ["viewer"]}"#;
    let added = world.post(&members, body).await.expect(201);
    let member = format!("{members}/{}", ada.id);
    assert_eq!(added.header("location"), member);
    let expected = json!({
        "user": ada.id.to_string(), "login": "ada@example.org", "name": "ada@example.org", "state": "active",
        "roles": ["viewer"],
    });
    assert_eq!(added.json(), expected);
    assert_eq!(world.get(&members).await.expect(200).json()["items"], json!([expected]));
    world.post(&members, body).await.expect_problem(409, "already_member");
    let seen = world.get(&path).await.expect(200).json();
    let shared = json!([{"account": world.child.id.to_string(), "roles": ["viewer"]}]);
    assert_eq!(seen["memberships"], shared, "what it is elsewhere is nobody's business");
    world.patch(&path, r#"{"name": "x"}"#).await.expect_problem(403, "managed_elsewhere");
    world.delete(&path).await.expect_problem(403, "managed_elsewhere");
    world.post(&format!("{path}/invitation"), "").await.expect_problem(403, "managed_elsewhere");
    // Its own manager could act here by a password that it sets.
    let manager = world.make(world.foreign.id, &[("*", "full"), ("keygate.*", "full")]).await.text;
    let body = json!({"password": PASSWORD}).to_string();
    world.call(Method::PATCH, &path, &manager, &body).await.expect_problem(403, "member_elsewhere");
    world.delete(&member).await.expect(204);
    world.call(Method::PATCH, &path, &manager, &body).await.expect(200);
    for gone in [&member, &format!("{members}/usr_x"), &format!("/v1/accounts/{}/members", world.foreign.id)] {
        world.get(gone).await.expect_problem(404, "not_found");
    }
    let nobody = world.post(&members, r#"{"user": "nobody", "roles": ["viewer"]}"#).await.expect(422);
    assert_eq!(errors(&nobody), ["user: there is no user with this id or login"]);
    let empty = world.post(&members, "{}").await.expect(422);
    assert_eq!(errors(&empty), ["user: is needed", "roles: is needed"]);
}

#[tokio::test]
async fn no_account_loses_its_last_owner() {
    let world = World::new().await;
    let (ada, session) = world.member(world.child.id, "ada", &["owner"]).await;
    let (user, members) = (format!("/v1/users/{}", ada.id), format!("/v1/accounts/{}/members", world.child.id));
    let member = format!("{members}/{}", ada.id);
    for text in [&session.text, &world.admin.text] {
        let call = async |method, path: &str, body: &str| world.call(method, path, text, body).await;
        call(Method::DELETE, &member, "").await.expect_problem(409, "last_owner");
        call(Method::PATCH, &member, r#"{"roles": ["admin"]}"#).await.expect_problem(409, "last_owner");
        call(Method::PATCH, &user, r#"{"state": "disabled"}"#).await.expect_problem(409, "last_owner");
        call(Method::DELETE, &user, "").await.expect_problem(409, "last_owner");
    }
    world.member(world.child.id, "bob", &["owner", "viewer"]).await;
    world.call(Method::DELETE, &member, &session.text, "").await.expect(204);
    assert_eq!(world.standing(&session.text).await, "OwnerInactive");
}

#[tokio::test]
async fn an_invitation_sets_one_password_once() {
    let world = World::new().await;
    let (ada, _) = world.member(world.root.id, "ada", &["viewer"]).await;
    let path = format!("/v1/users/{}/invitation", ada.id);
    let invite = async || world.post(&path, "").await.expect(201).text_at("invitation");
    let accept = async |invitation: &str, password: &str| {
        let body = json!({"invitation": invitation, "password": password}).to_string();
        world.call(Method::POST, "/v1/invitations", "", &body).await
    };
    let first = invite().await;
    let second = invite().await;
    let record = world.get(&format!("/v1/users/{}", ada.id)).await.expect(200);
    assert!(record.json()["invitation_expires"].is_string() && record.json()["password"] == false);
    assert!(!record.text.contains(&second));
    accept(&first, PASSWORD).await.expect_problem(403, "invitation_invalid");
    let answer = accept(&second, "short").await.expect_problem(422, "invalid_fields");
    assert_eq!(errors(&answer), ["password: has 5 characters; at least 12 are needed"]);
    let answer = accept("", "short").await.expect_problem(403, "invitation_invalid");
    assert!(!answer.text.contains("characters"), "the rules are for who was invited");
    accept(&second, PASSWORD).await.expect(204);
    login(&world, "ada", PASSWORD).await.expect(201);
    accept(&second, "another password").await.expect_problem(403, "invitation_invalid");
    // As a reset: the old password works until the new one is set.
    let third = invite().await;
    let session = login(&world, "ada", PASSWORD).await.expect(201).text_at("token");
    accept(&third, "another password").await.expect(204);
    login(&world, "ada", PASSWORD).await.expect_problem(401, "login_failed");
    assert_eq!(world.standing(&session).await, "revoked", "what began with the old password is over");
    // Who has changed the password needs no invitation any more, and nobody else is to have one.
    let fourth = invite().await;
    let session = login(&world, "ada", "another password").await.expect(201).text_at("token");
    let change = json!({"current": "another password", "new": PASSWORD}).to_string();
    world.call(Method::PUT, "/v1/users/me/password", &session, &change).await.expect(204);
    accept(&fourth, "a third password").await.expect_problem(403, "invitation_invalid");
    login(&world, "ada", PASSWORD).await.expect(201);
    let late = invite().await;
    world.clock.step_millis(7 * 86_400_000);
    accept(&late, PASSWORD).await.expect_problem(403, "invitation_invalid");
    assert!(world.get(&format!("/v1/users/{}", ada.id)).await.json()["invitation_expires"].is_null());
}

#[tokio::test]
async fn an_address_that_tries_many_invitations_is_slowed() {
    let world = World::new().await;
    let try_one = async || {
        let body = json!({"invitation": "kg_inv_x", "password": PASSWORD}).to_string();
        world.call(Method::POST, "/v1/invitations", "", &body).await
    };
    for _ in 0..60 {
        try_one().await.expect_problem(403, "invitation_invalid");
    }
    let answer = try_one().await.expect_problem(429, "rate_limited");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=10).contains(&seconds)));
}
