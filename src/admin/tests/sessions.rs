//! Logins and sessions over the API.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, World, grants};
use crate::auth::NewToken;
use crate::model::Kind;

async fn begin(world: &World, token: &str, body: Value) -> Answer {
    world.call(Method::POST, "/v1/sessions", token, &body.to_string()).await
}

async fn login(world: &World, login: &str, password: &str) -> Answer {
    begin(world, "", json!({"login": login, "password": password})).await
}

/// An answer without what is different in every one.
fn told(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut body = answer.json();
    for each in ["request_id", "instance"] {
        body.as_object_mut().expect("an object").remove(each);
    }
    let names = answer.headers.keys().map(|name| name.to_string()).collect();
    (answer.status.as_u16(), body, names)
}

#[tokio::test]
async fn a_login_begins_a_session_of_ninety_days_that_is_gone_at_logout() {
    let world = World::new().await;
    let (ada, _) = world.member_with(world.child.id, "ada@example.org", &["deployment"], PASSWORD).await;
    let begun = login(&world, "Ada@example.org", PASSWORD).await.expect(201);
    let text = begun.text_at("token");
    assert!(text.starts_with("kg_ses_"), "{}", begun.text);
    let record = begun.json();
    assert_eq!(
        (&record["kind"], &record["user"], &record["account"]),
        (&json!("session"), &json!(ada.id.to_string()), &json!(world.child.id.to_string()))
    );
    let whoami = world.call(Method::GET, "/v1/whoami", &text, "").await.expect(200).json();
    assert_eq!(whoami["grants"], json!({"*": "read+write"}), "what its user may do");
    let day = 86_400_000;
    world.clock.step_millis(90 * day - 60_000);
    assert_eq!(world.standing(&text).await, "admitted");
    world.clock.step_millis(60_000);
    assert_eq!(world.standing(&text).await.split(' ').next(), Some("Expired"), "{}", world.standing(&text).await);
    let text = login(&world, "ada@example.org", PASSWORD).await.expect(201).text_at("token");
    world.call(Method::DELETE, "/v1/sessions/current", &text, "").await.expect(204);
    assert_eq!(world.standing(&text).await, "unknown");
    world.call(Method::DELETE, "/v1/sessions/current", &text, "").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn strangers_are_told_the_same_whatever_is_wrong() {
    let world = World::new().await;
    world.member_with(world.root.id, "ada", &["owner"], PASSWORD).await;
    world.member(world.root.id, "no-password", &["owner"]).await;
    let wrong = login(&world, "ada", "a wrong password").await.expect_problem(401, "login_failed");
    for name in ["nobody", "no-password", "not a login", "ada@"] {
        assert_eq!(told(&login(&world, name, PASSWORD).await), told(&wrong), "{name}");
    }
    assert_eq!(wrong.header("www-authenticate"), "Bearer realm=\"keygate\"");
    assert!(!wrong.text.contains("ada"), "{}", wrong.text);
}

#[tokio::test]
async fn only_who_knows_the_password_is_told_more() {
    let world = World::new().await;
    let (ada, _) = world.member_with(world.root.id, "ada", &["viewer"], PASSWORD).await;
    world.patch(&format!("/v1/users/{}", ada.id), r#"{"state": "disabled"}"#).await.expect(200);
    login(&world, "ada", "a wrong password").await.expect_problem(401, "login_failed");
    login(&world, "ada", PASSWORD).await.expect_problem(403, "user_disabled");
    let (bob, _) = world.member_with(world.child.id, "bob", &["viewer"], PASSWORD).await;
    world.patch(&format!("/v1/accounts/{}", world.child.id), r#"{"state": "suspended"}"#).await.expect(200);
    login(&world, "bob", PASSWORD).await.expect_problem(403, "account_suspended");
    world.delete(&format!("/v1/accounts/{}/members/{}", world.child.id, bob.id)).await.expect(204);
    let answer = login(&world, "bob", PASSWORD).await.expect_problem(422, "invalid_fields");
    assert_eq!(answer.json()["errors"][0]["message"], "the user is a member of no account");
}

#[tokio::test]
async fn a_member_of_several_accounts_says_which() {
    let world = World::new().await;
    let (ada, _) = world.member_with(world.root.id, "ada", &["viewer"], PASSWORD).await;
    let members = format!("/v1/accounts/{}/members", world.child.id);
    world.post(&members, r#"{"user": "ada", "roles": ["deployment"]}"#).await.expect(201);
    let answer = login(&world, "ada", PASSWORD).await.expect_problem(422, "invalid_fields");
    let message = answer.json()["errors"][0]["message"].as_str().expect("text").to_owned();
    assert!(message.contains(&format!("{} (an account)", world.child.id)), "{message}");
    assert!(message.contains(&world.root.id.to_string()), "{message}");
    let body = |account: &str| json!({"login": "ada", "password": PASSWORD, "account": account});
    let begun = begin(&world, "", body(&world.child.id.to_string())).await.expect(201);
    assert_eq!(begun.text_at("account"), world.child.id.to_string());
    for account in [world.foreign.id.to_string(), "acc_x".into(), String::new()] {
        let answer = begin(&world, "", body(&account)).await.expect_problem(422, "invalid_fields");
        assert_eq!(answer.json()["errors"][0]["field"], "account");
    }
    // Its sessions are listed wherever they are, in parts.
    let text = begun.text_at("token");
    let get = async |path: &str| world.call(Method::GET, path, &text, "").await.expect(200).json();
    let all = get("/v1/sessions").await;
    assert_eq!((all["items"].as_array().map(Vec::len), &all["next"]), (Some(2), &Value::Null), "one is the fixture's");
    let first = get("/v1/sessions?limit=1").await;
    let rest = get(&format!("/v1/sessions?cursor={}", first["next"].as_str().expect("more"))).await;
    assert_eq!([first["items"][0].clone(), rest["items"][0].clone()].to_vec(), *all["items"].as_array().expect("two"));
    assert!(rest["next"].is_null() && all["items"][0]["user"] == json!(ada.id.to_string()), "{all}");
    assert!(!all.to_string().contains(&text[8..]), "no secret");
}

#[tokio::test]
async fn every_wrong_field_of_a_login_is_named() {
    let world = World::new().await;
    for (body, expected) in [
        (json!({}), "`login`: is needed; `password`: is needed"),
        (
            json!({"login": 1, "password": null}),
            "`login`: must be text, not a number; `password`: must be text, not null",
        ),
        (json!({"login": "a", "password": "x".repeat(1_025)}), "`password`: is longer than 1024 bytes"),
        (
            json!({"login": "a", "password": "x", "user": "usr_1"}),
            "`user`: is no field of this call. It has: login, password, account",
        ),
    ] {
        let answer = begin(&world, "", body).await.expect_problem(422, "invalid_fields");
        assert_eq!(answer.text_at("detail"), expected);
    }
    begin(&world, "kg_svc_x", json!({})).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn tries_are_counted_for_each_login_known_or_not() {
    let world = World::new().await;
    world.member_with(world.root.id, "ada", &["viewer"], PASSWORD).await;
    let mut last = Vec::new();
    for name in ["ada", "nobody"] {
        for _ in 0..10 {
            login(&world, name, "a wrong password").await.expect_problem(401, "login_failed");
        }
        // Also with the right one, or the answer would tell that it is right.
        let refused = login(&world, name, PASSWORD).await.expect_problem(429, "rate_limited");
        assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=60).contains(&seconds)));
        let (status, mut told, headers) = told(&refused);
        told.as_object_mut().expect("an object").remove("retry_after");
        last.push((status, told, headers));
    }
    assert_eq!(last[0], last[1]);
    world.member_with(world.root.id, "bob", &["viewer"], PASSWORD).await;
    login(&world, "bob", PASSWORD).await.expect(201);
}

#[tokio::test]
async fn an_application_begins_sessions_for_users_who_may_do_no_more_than_it() {
    let world = World::new().await;
    let (ada, _) = world.member(world.child.id, "ada", &["viewer"]).await;
    let (eve, _) = world.member(world.child.id, "eve", &["owner"]).await;
    world.member(world.foreign.id, "far", &["viewer"]).await;
    let app = world.make(world.root.id, &[("*", "read"), ("keygate.sessions", "create")]).await.text;
    let begun = begin(&world, &app, json!({"login": "ada"})).await.expect(201);
    assert_eq!((begun.text_at("user"), begun.text_at("account")), (ada.id.to_string(), world.child.id.to_string()));
    let session = begun.text_at("token");
    assert_eq!(world.standing(&session).await, "admitted");
    begin(&world, &app, json!({"user": ada.id.to_string()})).await.expect(201);
    begin(&world, &app, json!({"user": eve.id.to_string()})).await.expect_problem(403, "grants_exceeded");
    let answer = begin(&world, &app, json!({"user": "x", "login": "x"})).await.expect_problem(422, "invalid_fields");
    assert!(answer.text.contains("stands beside `login`"), "{}", answer.text);
    for nobody in ["far", "nobody", "not a login"] {
        let answer = begin(&world, &app, json!({"login": nobody})).await.expect_problem(422, "invalid_fields");
        assert_eq!(answer.json()["errors"][0]["field"], "user", "{nobody}");
    }
    let foreign = json!({"login": "ada", "account": world.foreign.id.to_string()});
    begin(&world, &app, foreign).await.expect_problem(422, "invalid_fields");
    // It may have the password checked.
    begin(&world, &app, json!({"login": "ada", "password": PASSWORD})).await.expect_problem(401, "login_failed");
    let patch = json!({"password": PASSWORD}).to_string();
    world.patch(&format!("/v1/users/{}", ada.id), &patch).await.expect(200);
    assert_eq!(world.standing(&session).await, "revoked", "a password set by somebody else ends sessions");
    begin(&world, &app, json!({"login": "ada", "password": PASSWORD})).await.expect(201);
    let other = world.make(world.root.id, &[("*", "full"), ("keygate.tokens", "full")]).await.text;
    begin(&world, &other, json!({"login": "ada"})).await.expect_problem(403, "insufficient_scope");
}

#[tokio::test]
async fn sessions_are_ended_by_their_user_and_by_who_manages_sessions() {
    let world = World::new().await;
    let (_, ada) = world.member(world.child.id, "ada", &["viewer"]).await;
    let (_, bob) = world.member(world.child.id, "bob", &["viewer"]).await;
    let end =
        async |token: &str, id: String| world.call(Method::DELETE, &format!("/v1/sessions/{id}"), token, "").await;
    let of = |made: &super::world::Made| made.token.id.to_string();
    end(&ada.text, of(&bob)).await.expect_problem(404, "not_found");
    end(&world.admin.text, of(&world.admin)).await.expect_problem(404, "not_found");
    end(&world.admin.text, "tok_x".into()).await.expect_problem(404, "not_found");
    end(&ada.text, of(&ada)).await.expect(204);
    assert_eq!(world.standing(&ada.text).await, "unknown");
    let foreign = world.make(world.foreign.id, &[("keygate.*", "full")]).await.text;
    end(&foreign, of(&bob)).await.expect_problem(404, "not_found");
    end(&world.admin.text, of(&bob)).await.expect(204);
    assert_eq!(world.standing(&bob.text).await, "unknown");
    world
        .call(Method::DELETE, "/v1/sessions/current", &world.admin.text, "")
        .await
        .expect_problem(409, "not_a_session");
    world.get("/v1/sessions").await.expect_problem(403, "no_user");
}

#[tokio::test]
async fn a_user_changes_its_password_and_its_other_sessions_end() {
    let world = World::new().await;
    let (_, other) = world.member_with(world.root.id, "ada", &["viewer"], PASSWORD).await;
    let text = login(&world, "ada", PASSWORD).await.expect(201).text_at("token");
    world.clock.step_millis(1_000);
    let change = async |current: &str, new: &str| {
        let body = json!({"current": current, "new": new}).to_string();
        world.call(Method::PUT, "/v1/users/me/password", &text, &body).await
    };
    change("a wrong password", "another password").await.expect_problem(403, "wrong_password");
    let answer = change(PASSWORD, "short").await.expect_problem(422, "invalid_fields");
    assert_eq!(answer.json()["errors"][0]["field"], "new");
    assert_eq!(world.standing(&other.text).await, "admitted");
    change(PASSWORD, "another password").await.expect(204);
    assert_eq!((world.standing(&text).await, world.standing(&other.text).await), ("admitted".into(), "revoked".into()));
    login(&world, "ada", PASSWORD).await.expect_problem(401, "login_failed");
    login(&world, "ada", "another password").await.expect(201);
    for _ in 0..5 {
        change("a wrong password", "another password").await.expect_problem(403, "wrong_password");
    }
    change("a wrong password", "another password").await.expect_problem(429, "rate_limited");
    let body = json!({"current": PASSWORD, "new": PASSWORD}).to_string();
    let service = world.call(Method::PUT, "/v1/users/me/password", &world.admin.text, &body).await;
    service.expect_problem(403, "no_user");
}

#[tokio::test]
async fn no_session_begins_with_a_password_that_is_changed_meanwhile() {
    let world = World::new().await;
    let (ada, _) = world.member_with(world.root.id, "ada", &["viewer"], PASSWORD).await;
    let checked = ada.password.clone();
    let patch = json!({"password": "another password"}).to_string();
    world.patch(&format!("/v1/users/{}", ada.id), &patch).await.expect(200);
    let new = NewToken {
        kind: Kind::Session,
        user: Some(ada.id),
        ..NewToken::service(world.root.id, "", grants(&[("*", "full")]))
    };
    assert!(world.lifecycle.begin_session(new, checked).await.is_err());
}

#[tokio::test]
async fn a_login_brings_an_old_hash_up_to_date_and_ends_no_session() {
    let world = World::new().await;
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).expect("lawful"));
    let old = weak.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).expect("a hash").to_string();
    let (ada, before) = world.member_of_hash(world.root.id, "ada", &["viewer"], Some(old.clone())).await;
    login(&world, "ada", PASSWORD).await.expect(201);
    let now = world.users.get(ada.id).and_then(|user| user.password).expect("a password");
    assert!(now != old && now.contains("m=19456,t=2,p=1"), "{now}");
    assert_eq!(world.standing(&before.text).await, "admitted");
    login(&world, "ada", PASSWORD).await.expect(201);
}
