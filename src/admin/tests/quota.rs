//! How often the API may be called, and what its answers tell of it.

use std::net::IpAddr;

use http::header::AUTHORIZATION;
use http::{Method, Request};

use super::world::{Answer, World};
use crate::admin::Peer;

async fn from(world: &World, address: &str, path: &str, authorization: &str) -> Answer {
    let mut request = Request::get(path).body("".into()).expect("a request");
    Peer::new(address.parse::<IpAddr>().expect("an address")).note(&mut request);
    if !authorization.is_empty() {
        request.headers_mut().insert(AUTHORIZATION, authorization.parse().expect("a value"));
    }
    world.send(request).await
}

#[tokio::test]
async fn each_token_has_a_quota_and_is_told_what_is_left() {
    let world = World::with_limits(3, 100).await;
    let other = world.make(world.root.id, &[("devices", "read")]).await;
    for left in [2, 1] {
        let answer = world.get("/v1/whoami").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"token\";q=3;w=3600");
        assert_eq!(answer.header("ratelimit"), format!("\"token\";r={left};t=1200"));
    }
    let refused = world.get("/v1/nothing").await.expect_problem(404, "no_endpoint");
    assert_eq!(refused.header("ratelimit"), "\"token\";r=0;t=1200", "a refusal counts, and tells it too");
    let over = world.get("/v1/whoami").await.expect_problem(429, "rate_limited");
    let wait: u64 = over.header("retry-after").parse().expect("seconds");
    assert!(wait > 1_190 && wait <= 1_200, "{wait}");
    assert_eq!(over.header("ratelimit"), format!("\"token\";r=0;t={wait}"), "neither is earlier than the other");
    assert_eq!(over.json()["retry_after"], wait);
    assert_eq!(over.header("ratelimit-policy"), "\"token\";q=3;w=3600");
    assert!(over.text_at("detail").contains("by this token"), "{}", over.text);
    let free = world.call(Method::GET, "/v1/whoami", &other.text, "").await.expect(200);
    assert_eq!(free.header("ratelimit"), "\"token\";r=2;t=1200", "another token has its own");
}

#[tokio::test]
async fn an_address_that_guesses_is_slowed_and_nobody_else() {
    let world = World::with_limits(100, 3).await;
    let good = format!("Bearer {}", world.admin.text);
    for (authorization, status) in [("", 401), ("Bearer x", 401), (&*format!("Bearer {}", world.make_text()), 401)] {
        let answer = from(&world, "192.0.2.1", "/v1/whoami", authorization).await.expect(status);
        assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=3;w=3600");
    }
    let slowed = from(&world, "192.0.2.1", "/v1/whoami", "Bearer y").await.expect_problem(429, "rate_limited");
    assert!(slowed.headers.contains_key("retry-after") && !slowed.headers.contains_key("www-authenticate"));
    let known = from(&world, "192.0.2.1", "/v1/whoami", &good).await.expect(200);
    assert_eq!(known.header("ratelimit-policy"), "\"token\";q=100;w=3600", "a token is counted by itself");
    from(&world, "192.0.2.2", "/v1/whoami", "").await.expect_problem(401, "missing_credential");
    for last in 1..=3 {
        from(&world, &format!("2001:db8::{last}"), "/v1/whoami", "").await.expect(401);
    }
    from(&world, "2001:db8::ffff", "/v1/whoami", "").await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn probes_are_always_answered() {
    let world = World::with_limits(1, 1).await;
    from(&world, "192.0.2.1", "/v1/whoami", "").await.expect(401);
    from(&world, "192.0.2.1", "/v1/whoami", "").await.expect(429);
    for path in ["/livez", "/readyz", "/metrics"] {
        for _ in 0..5 {
            let answer = from(&world, "192.0.2.1", path, "").await.expect(200);
            assert!(!answer.headers.contains_key("ratelimit"));
        }
    }
}

#[tokio::test]
async fn without_a_quota_nothing_is_told() {
    let world = World::new().await;
    let answer = world.get("/v1/whoami").await.expect(200);
    assert!(!answer.headers.contains_key("ratelimit") && !answer.headers.contains_key("ratelimit-policy"));
}
