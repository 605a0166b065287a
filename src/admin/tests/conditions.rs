//! Changes that hold only for an object as it was read.

use std::sync::Arc;

use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::json;

use super::world::{Answer, World};

async fn call(world: &World, method: Method, path: &str, header: (&str, &str), body: &str) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {}", world.admin.text))
        .header(header.0, header.1);
    if !body.is_empty() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    world.send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

/// One object of each kind, with an edit of it.
async fn objects(world: &World) -> Vec<(String, String)> {
    let token = world.make(world.child.id, &[("devices", "read")]).await.token.id;
    let account = world.post("/v1/accounts", r#"{"name": "a"}"#).await.expect(201).text_at("id");
    let user = world.post("/v1/users", r#"{"login": "ada"}"#).await.expect(201).text_at("id");
    let member = json!({"user": "ada", "roles": ["viewer"]}).to_string();
    world.post(&format!("/v1/accounts/{}/members", world.root.id), &member).await.expect(201);
    let named = r#"{"name": "other"}"#.to_owned();
    vec![
        (format!("/v1/tokens/{token}"), named.clone()),
        (format!("/v1/accounts/{}/members/{user}", world.root.id), r#"{"roles": ["deployment"]}"#.to_owned()),
        (format!("/v1/accounts/{account}"), named.clone()),
        (format!("/v1/users/{user}"), named),
    ]
}

#[tokio::test]
async fn an_edit_of_what_somebody_changed_is_refused() {
    let world = World::new().await;
    for (path, edit) in objects(&world).await {
        let read = world.get(&path).await.expect(200).header("etag").to_owned();
        assert!(read.len() > 2 && read.starts_with('"'), "{read}");
        let edited = call(&world, Method::PATCH, &path, ("if-match", &read), &edit).await.expect(200);
        let now = edited.header("etag").to_owned();
        assert_ne!(now, read, "{path}");
        assert_eq!(world.get(&path).await.expect(200).header("etag"), now);
        for stale in [&read[..], "\"x\"", "W/\"1\"", ""] {
            let answer = call(&world, Method::PATCH, &path, ("if-match", stale), &edit).await;
            answer.expect_problem(412, "precondition_failed");
            let answer = call(&world, Method::DELETE, &path, ("if-match", stale), "").await;
            answer.expect_problem(412, "precondition_failed");
        }
        call(&world, Method::PATCH, &path, ("if-match", "*"), &edit).await.expect(200);
        let several = format!("\"x\", {}", world.get(&path).await.expect(200).header("etag"));
        call(&world, Method::DELETE, &path, ("if-match", &several), "").await.expect(204);
    }
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let world = World::new().await;
    for (path, edit) in objects(&world).await {
        let tag = world.get(&path).await.expect(200).header("etag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let answer = call(&world, Method::GET, &path, ("if-none-match", &known), "").await.expect(304);
            assert_eq!((answer.text.as_str(), answer.header("etag")), ("", &tag[..]));
        }
        world.patch(&path, &edit).await.expect(200);
        call(&world, Method::GET, &path, ("if-none-match", &tag), "").await.expect(200);
    }
}

#[tokio::test]
async fn of_two_administrators_who_edit_at_once_one_is_told() {
    let world = Arc::new(World::new().await);
    let path = format!("/v1/tokens/{}", world.make(world.child.id, &[("devices", "read")]).await.token.id);
    for round in 0..20 {
        let tag = world.get(&path).await.expect(200).header("etag").to_owned();
        let edit = async |who: &str| {
            let body = json!({"description": format!("{who} in round {round}")}).to_string();
            call(&world, Method::PATCH, &path, ("if-match", &tag), &body).await.status.as_u16()
        };
        let (one, other) = tokio::join!(edit("one"), edit("other"));
        let mut outcomes = [one, other];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [200, 412], "in round {round}");
    }
}
