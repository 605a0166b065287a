//! What tokens may do: by roles, by their user, as shared ones; and what callers may give.

use http::Method;
use serde_json::json;

use super::world::World;
use crate::auth::UserEdit;
use crate::model::{Filters, UserState};

/// What the token may do on a resource at present.
async fn access(world: &World, text: &str, resource: &str) -> String {
    let whoami = world.call(Method::GET, "/v1/whoami", text, "").await;
    if whoami.status != 200 {
        return whoami.text_at("code");
    }
    let grants = whoami.json()["grants"].clone();
    let of = |name: &str| grants[name].as_str().unwrap_or("none").to_owned();
    if grants[resource].is_string() { of(resource) } else { of("*") }
}

#[tokio::test]
async fn a_service_token_may_have_roles_and_they_can_be_edited() {
    let world = World::new().await;
    let created = world.post("/v1/tokens", r#"{"name": "ci", "roles": ["viewer", "deployment"]}"#).await.expect(201);
    let (text, path) = (created.text_at("token"), format!("/v1/tokens/{}", created.text_at("id")));
    assert_eq!((&created.json()["roles"], &created.json()["grants"]), (&json!(["viewer", "deployment"]), &json!({})));
    assert_eq!(access(&world, &text, "devices").await, "read+write");
    world.patch(&path, r#"{"roles": ["viewer"]}"#).await.expect(200);
    assert_eq!(access(&world, &text, "devices").await, "read", "at once");
    let record = world.patch(&path, r#"{"grants": {"devices": "full"}}"#).await.expect(200).json();
    assert_eq!((&record["roles"], &record["grants"]), (&json!([]), &json!({"devices": "full"})));
    assert_eq!(
        (access(&world, &text, "devices").await, access(&world, &text, "files").await),
        ("full".into(), "none".into())
    );
}

#[tokio::test]
async fn wrong_roles_and_filters_are_named() {
    let world = World::new().await;
    let roles = "There are: admin, deployment, owner, power_user, viewer";
    let cases = [
        (r#""roles": ["nobody"]"#, format!("roles: there is no role `nobody`. {roles}")),
        (r#""roles": "viewer""#, "roles: must be a list of names, not text".into()),
        (r#""roles": []"#, "roles: must have 1 to 32 names".into()),
        (r#""roles": [1]"#, "roles: must be a list of names, and has a number".into()),
        (r#""roles": ["viewer", "viewer"]"#, "roles: names `viewer` more than once".into()),
        (
            r#""roles": ["viewer"], "grants": {"a": "read"}"#,
            "grants: stands beside `roles`: a token has grants of its own or roles, not both".into(),
        ),
        (
            r#""roles": ["viewer"], "filters": {"region": 1}"#,
            "filters.region: must be a text or a list of texts".into(),
        ),
        (
            r#""roles": ["viewer"], "filters": {"region": []}"#,
            "filters: `region` has no value: a filter that lets nothing through is no filter".into(),
        ),
        (
            r#""roles": ["viewer"], "kind": "session""#,
            "kind: cannot be `session`: a login makes one, `POST /v1/sessions`".into(),
        ),
        (
            r#""roles": ["viewer"], "kind": "personal""#,
            "kind: cannot be `personal`: such a token is made by its user, with a session's token".into(),
        ),
        (
            r#""roles": ["deployment"], "kind": "shared""#,
            "roles: gives `read+write` on `*`, and a shared token only reads the API".into(),
        ),
        (
            r#""grants": {"keygate.tokens": "read"}, "kind": "shared""#,
            "grants: gives `read` on `keygate.tokens`, and a shared token only reads the API".into(),
        ),
    ];
    for (fields, message) in cases {
        let answer = world.post("/v1/tokens", &format!("{{{fields}}}")).await.expect_problem(422, "invalid_fields");
        let error = &answer.json()["errors"][0];
        let told = format!("{}: {}", error["field"].as_str().expect("text"), error["message"].as_str().expect("text"));
        assert_eq!(told, message, "{}", answer.text);
    }
}

#[tokio::test]
async fn nobody_gives_a_role_that_is_more_than_they_have() {
    let world = World::new().await;
    let manager = world.make(world.root.id, &[("keygate.tokens", "full"), ("*", "read")]).await;
    let call = async |method, path: &str, body: &str| world.call(method, path, &manager.text, body).await;
    let made = call(Method::POST, "/v1/tokens", r#"{"roles": ["viewer"]}"#).await.expect(201);
    let refused = call(Method::POST, "/v1/tokens", r#"{"roles": ["deployment"]}"#).await;
    assert_eq!(refused.expect_problem(403, "grants_exceeded").json()["errors"][0]["field"], "roles");
    let path = format!("/v1/tokens/{}", made.text_at("id"));
    call(Method::PATCH, &path, r#"{"roles": ["owner"]}"#).await.expect_problem(403, "grants_exceeded");
    let refused = call(Method::PATCH, &path, r#"{"grants": {"devices": "write", "files": "read"}}"#).await;
    let errors = refused.expect_problem(403, "grants_exceeded").json()["errors"].clone();
    let why = "`write` on `devices` is more than the giver has: nobody can give what they have not";
    assert_eq!(errors, json!([{"field": "grants.devices", "message": why}]));
    assert_eq!(world.get(&path).await.json()["roles"], json!(["viewer"]), "nothing half-done");
}

#[tokio::test]
async fn a_token_with_a_filter_manages_nothing_and_so_cannot_be_rid_of_it() {
    let world = World::new().await;
    let everything = [("*", "full"), ("keygate.*", "full")];
    let filters = || Filters::new([("region".to_owned(), vec!["eu".to_owned()])]).expect("lawful");
    let limited = world.make_with(world.root.id, &everything, |new| new.filters = filters()).await;
    let call = async |method, path: &str, body: &str| world.call(method, path, &limited.text, body).await;
    let (ada, _) = world.member(world.root.id, "ada", &["viewer"]).await;
    let own = format!("/v1/tokens/{}", limited.token.id);
    for (method, path, body) in [
        (Method::POST, "/v1/tokens", r#"{"grants": {"*": "full"}}"#),
        (Method::PATCH, &*own, r#"{"filters": null}"#),
        (Method::POST, &format!("{own}/reveal"), ""),
        (Method::GET, "/v1/tokens", ""),
        (Method::POST, "/v1/sessions", &format!(r#"{{"user": "{}"}}"#, ada.id)),
        (Method::POST, &format!("/v1/users/{}/invitation", ada.id), "{}"),
        (Method::GET, "/v1/store/backup", ""),
    ] {
        let refused = call(method, path, body).await.expect_problem(403, "filter_not_enforced");
        assert!(refused.text_at("detail").contains("use another token"), "{path}: {}", refused.text);
    }
    call(Method::GET, "/v1/whoami", "").await.expect(200);
    assert_eq!(world.get(&own).await.json()["filters"], json!({"region": ["eu"]}));
    world.patch(&own, r#"{"filters": null}"#).await.expect(200);
    call(Method::GET, "/v1/tokens", "").await.expect(200);
}

#[tokio::test]
async fn a_personal_token_follows_its_user() {
    let world = World::new().await;
    let (ada, session) = world.member(world.child.id, "ada", &["admin"]).await;
    let body = r#"{"name": "laptop", "kind": "personal"}"#;
    let created = world.call(Method::POST, "/v1/tokens", &session.text, body).await.expect(201);
    let text = created.text_at("token");
    assert!(text.starts_with("kg_pat_"), "{text}");
    assert_eq!(created.json()["user"], ada.id.to_string());
    assert_eq!(
        (access(&world, &text, "devices").await, access(&world, &text, "keygate.tokens").await),
        ("full".into(), "full".into())
    );

    let roles = |name: &str| vec![name.parse().expect("a name")];
    world.lifecycle.set_member(ada.id, world.child.id, roles("viewer")).await.expect("lowered");
    assert_eq!(access(&world, &text, "devices").await, "read");
    assert_eq!(access(&world, &session.text, "devices").await, "read");
    world.call(Method::GET, "/v1/tokens", &text, "").await.expect_problem(403, "insufficient_scope");

    let state = async |state| {
        let edit = UserEdit { state: Some(state), ..UserEdit::default() };
        world.lifecycle.edit_user(ada.id, edit).await.expect("changed");
    };
    state(UserState::Disabled).await;
    assert_eq!(access(&world, &text, "devices").await, "owner_inactive");
    state(UserState::Active).await;
    assert_eq!(access(&world, &text, "devices").await, "read");
    world.lifecycle.remove_member(ada.id, world.child.id).await.expect("removed");
    assert_eq!(access(&world, &text, "devices").await, "owner_inactive");
    world.lifecycle.set_member(ada.id, world.child.id, roles("deployment")).await.expect("back");
    assert_eq!(access(&world, &text, "devices").await, "read+write");
    world.lifecycle.delete_user(ada.id).await.expect("gone");
    assert_eq!(access(&world, &text, "devices").await, "owner_inactive");
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_no_personal_token() {
    let world = World::new().await;
    let (ada, session) = world.member(world.root.id, "ada", &["admin"]).await;
    let made = world.call(Method::POST, "/v1/tokens", &session.text, r#"{"kind": "personal"}"#).await.expect(201);
    world.clock.step_millis(10);
    let edit = UserEdit { password: Some("$argon2id$new".into()), ..UserEdit::default() };
    world.lifecycle.edit_user(ada.id, edit).await.expect("changed");
    assert_eq!(access(&world, &session.text, "devices").await, "token_revoked");
    assert_eq!(access(&world, &made.text_at("token"), "devices").await, "full");
}

#[tokio::test]
async fn a_member_gives_what_it_has_in_its_account_and_no_more() {
    let world = World::new().await;
    let (_, session) = world.member(world.child.id, "ada", &["admin"]).await;
    let create = async |body: &str| world.call(Method::POST, "/v1/tokens", &session.text, body).await;
    create(r#"{"roles": ["power_user"]}"#).await.expect(201);
    create(r#"{"roles": ["owner"]}"#).await.expect_problem(403, "grants_exceeded");
    create(r#"{"grants": {"keygate.*": "read"}}"#).await.expect_problem(403, "grants_exceeded");
    let path = format!("/v1/accounts/{}", world.child.id);
    world.patch(&path, r#"{"ceiling": {"*": "read"}}"#).await.expect(200);
    create(r#"{"roles": ["power_user"]}"#).await.expect_problem(403, "grants_exceeded");
    create(r#"{"roles": ["viewer"]}"#).await.expect(201);
}
