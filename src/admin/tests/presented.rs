//! Calls about the text of a token: what it is worth, and that it is worth nothing from now on.

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

use super::world::{Answer, World};
use crate::model::{Filters, Kind};

const FORM: &str = "application/x-www-form-urlencoded";

async fn form(world: &World, path: &str, bearer: &str, body: &str) -> Answer {
    let request = http::Request::post(path).header(AUTHORIZATION, format!("Bearer {bearer}"));
    world.send(request.header(CONTENT_TYPE, FORM).body(body.to_owned().into()).expect("a request")).await
}

async fn introspect(world: &World, text: &str) -> Answer {
    form(world, "/v1/introspect", &world.admin.text, &format!("token={text}")).await.expect(200)
}

const INACTIVE: &str = r#"{"active":false}"#;

#[tokio::test]
async fn an_active_token_is_described_as_the_standard_has_it() {
    let world = World::new().await;
    let expires = world.clock.wall().plus(std::time::Duration::from_secs(3_600));
    let grants = [("devices", "read+write"), ("files", "read")];
    let made = world.make_with(world.child.id, &grants, |new| new.expires = Some(expires)).await;
    let answer = form(
        &world,
        "/v1/introspect",
        &world.admin.text,
        &format!("token_type_hint=access_token&token={}&more=1", made.text),
    )
    .await;
    let answer = answer.expect(200);
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("application/json", "no-store"));
    let account = world.child.id.to_string();
    let expected = json!({
        "active": true, "scope": "devices:read devices:create devices:update files:read", "client_id": account,
        "token_type": "Bearer", "exp": expires.secs(), "iat": made.token.created.secs(), "sub": account,
        "jti": made.token.id.to_string(), "urn:keygate:kind": "service", "urn:keygate:name": "a token",
    });
    assert_eq!(answer.json(), expected);
    let (ada, session) = world.member(world.root.id, "ada@example.org", &["viewer"]).await;
    let of_ada = introspect(&world, &session.text).await.json();
    assert_eq!((&of_ada["username"], &of_ada["sub"]), (&json!("ada@example.org"), &json!(ada.id.to_string())));
    assert!(
        of_ada["scope"].as_str().expect("a scope").split(' ').all(|scope| scope.ends_with(":read")),
        "as her role is"
    );
    assert!(of_ada.get("exp").is_none() && of_ada.get("nbf").is_none());
}

#[tokio::test]
async fn what_the_gateway_would_refuse_is_inactive_and_no_more_is_told() {
    let world = World::new().await;
    let make = async |account| world.make(account, &[("devices", "read")]).await;
    let root = world.root.id;
    let (disabled, revoked, deleted, suspended, foreign) = (
        make(root).await,
        make(root).await,
        make(root).await,
        make(world.child.id).await,
        make(world.foreign.id).await,
    );
    let (ada, session) = world.member(root, "ada@example.org", &["viewer"]).await;
    let later = world.clock.wall().plus(std::time::Duration::from_secs(3_600));
    let early = world.make_with(root, &[("devices", "read")], |new| new.not_before = Some(later)).await;
    let expired = world.make_with(root, &[("devices", "read")], |new| new.expires = Some(world.clock.wall())).await;
    let rotated = make(root).await;
    for made in [&disabled, &revoked, &deleted, &suspended, &session, &rotated] {
        assert_eq!(introspect(&world, &made.text).await.json()["active"], true, "and it is in the cache");
    }
    world.rotate(&rotated).await;
    let during = introspect(&world, &rotated.text).await.json();
    assert_eq!((&during["active"], &during["urn:keygate:text"]), (&json!(true), &json!("old")));
    assert!(
        during["exp"].as_i64().is_some_and(|exp| exp - world.clock.wall().secs() <= 86_400),
        "until the overlap ends"
    );
    world.lifecycle.end_overlap(rotated.token.id).await.expect("ended");
    world.lifecycle.disable(disabled.token.id).await.expect("disabled");
    world.lifecycle.revoke(revoked.token.id).await.expect("revoked");
    world.lifecycle.delete(deleted.token.id).await.expect("deleted");
    world.patch(&format!("/v1/accounts/{}", world.child.id), r#"{"state": "suspended"}"#).await.expect(200);
    world.patch(&format!("/v1/users/{}", ada.id), r#"{"state": "disabled"}"#).await.expect(200);
    let texts =
        [disabled, revoked, deleted, suspended, foreign, session, early, expired, rotated].map(|made| made.text);
    for text in texts.iter().map(String::as_str).chain([world.make_text().as_str(), "no token", "%C3%A9"]) {
        assert_eq!(introspect(&world, text).await.text, INACTIVE);
    }
}

#[tokio::test]
async fn a_form_is_needed_with_the_token_in_it_once() {
    let world = World::new().await;
    let bearer = world.admin.text.clone();
    for path in ["/v1/introspect", "/v1/revoke"] {
        let json = world.post(path, r#"{"token": "x"}"#).await.expect_problem(415, "not_a_form");
        assert_eq!(json.header("accept"), FORM);
        for body in ["", "token=", "token", "other=x", "token=a&token=b"] {
            let refused = form(&world, path, &bearer, body).await.expect_problem(400, "invalid_form");
            assert!(!refused.text.contains("token=a"), "{}", refused.text);
        }
        form(&world, path, &bearer, &format!("token={}", "x".repeat(70_000)))
            .await
            .expect_problem(413, "body_too_large");
        let get = world.get(path).await.expect_problem(405, "method_not_allowed");
        assert_eq!(get.header("allow"), "POST");
        world.call(Method::POST, path, "", "x").await.expect_problem(401, "missing_credential");
    }
}

#[tokio::test]
async fn others_texts_take_a_right_and_tell_nothing_without_it() {
    let world = World::new().await;
    let plain = world.make(world.root.id, &[("*", "full")]).await;
    let server = world.make(world.root.id, &[("keygate.introspection", "read")]).await;
    let other = world.make(world.root.id, &[("devices", "read")]).await;
    for text in [other.text.clone(), world.make_text(), "x".to_owned()] {
        for path in ["/v1/introspect", "/v1/revoke"] {
            form(&world, path, &plain.text, &format!("token={text}")).await.expect_problem(403, "insufficient_scope");
        }
        form(&world, "/v1/introspect", &server.text, &format!("token={text}")).await.expect(200);
        form(&world, "/v1/revoke", &server.text, &format!("token={text}"))
            .await
            .expect_problem(403, "insufficient_scope");
    }
    let own = form(&world, "/v1/introspect", &plain.text, &format!("token={}", plain.text)).await.expect(200).json();
    assert_eq!((&own["active"], &own["jti"]), (&json!(true), &json!(plain.token.id.to_string())));
    let region = || Filters::new([("region".to_owned(), vec!["eu".to_owned()])]).expect("lawful");
    let part = world.make_with(world.root.id, &[("keygate.*", "full")], |new| new.filters = region()).await;
    let refused = form(&world, "/v1/introspect", &part.text, &format!("token={}", other.text)).await;
    refused.expect_problem(403, "filter_not_enforced");
    assert_eq!(world.standing(&other.text).await, "admitted", "nothing was revoked");
}

#[tokio::test]
async fn a_revocation_by_text_is_answered_the_same_whatever_there_is() {
    let world = World::new().await;
    let made = world.make(world.child.id, &[("devices", "read")]).await;
    let foreign = world.make(world.foreign.id, &[("devices", "read")]).await;
    for text in [&made.text, &made.text, &foreign.text, &world.make_text(), "x"] {
        let answer = form(&world, "/v1/revoke", &world.admin.text, &format!("token={text}")).await.expect(200);
        assert_eq!((answer.text.as_str(), answer.header("cache-control")), ("", "no-store"));
    }
    assert_eq!(world.standing(&made.text).await, "revoked");
    assert_eq!(world.standing(&foreign.text).await, "admitted", "out of reach");
}

#[tokio::test]
async fn each_kind_of_token_gives_itself_up() {
    let world = World::new().await;
    let region = || Filters::new([("region".to_owned(), vec!["eu".to_owned()])]).expect("lawful");
    let (ada, session) = world.member(world.root.id, "ada@example.org", &["viewer"]).await;
    let of_kind = async |kind, user| {
        let change = |new: &mut crate::auth::NewToken| (new.kind, new.user, new.filters) = (kind, user, region());
        world.make_with(world.root.id, &[("devices", "read")], change).await
    };
    let made = [
        of_kind(Kind::Service, None).await,
        of_kind(Kind::Shared, None).await,
        of_kind(Kind::Personal, Some(ada.id)).await,
        session,
    ];
    for made in &made {
        world.call(Method::GET, "/v1/whoami", &made.text, "").await.expect(200);
        let answer = world.call(Method::POST, "/v1/tokens/current/revoke", &made.text, "").await.expect(200);
        assert_eq!((answer.text_at("id"), answer.text_at("state")), (made.token.id.to_string(), "revoked".into()));
        assert_eq!(world.standing(&made.text).await, "revoked");
        let again = world.call(Method::POST, "/v1/tokens/current/revoke", &made.text, "").await;
        again.expect_problem(401, "token_revoked");
    }
    let by_text = of_kind(Kind::Service, None).await;
    form(&world, "/v1/revoke", &by_text.text, &format!("token={}", by_text.text)).await.expect(200);
    assert_eq!(world.standing(&by_text.text).await, "revoked");
}

#[tokio::test]
async fn an_old_text_gives_itself_up_and_not_the_token() {
    let world = World::new().await;
    for by_form in [false, true] {
        let made = world.make(world.root.id, &[("devices", "read")]).await;
        let present = world.rotate(&made).await;
        if by_form {
            form(&world, "/v1/revoke", &world.admin.text, &format!("token={}", made.text)).await.expect(200);
            form(&world, "/v1/revoke", &world.admin.text, &format!("token={}", made.text)).await.expect(200);
        } else {
            let answer = world.call(Method::POST, "/v1/tokens/current/revoke", &made.text, "").await.expect(200);
            assert_eq!(answer.text_at("state"), "active");
        }
        assert!(world.standing(&made.text).await.starts_with("Rotated"));
        assert_eq!(world.standing(&present).await, "admitted");
    }
}
