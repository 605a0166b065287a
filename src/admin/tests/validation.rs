//! What is wrong with a body, and the exact words for it.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};

use super::world::{Answer, World};
use crate::model::{ExpiryRules, Policies, Policy};

fn errors(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let list = json["errors"].as_array().unwrap_or_else(|| panic!("no errors in {}", answer.text));
    list.iter()
        .map(|e| format!("{}: {}", e["field"].as_str().unwrap_or(""), e["message"].as_str().unwrap_or("")))
        .collect()
}

/// The creation of a token with these fields besides its grants.
async fn create(world: &World, fields: &str) -> Answer {
    world.post("/v1/tokens", &format!(r#"{{"grants": {{"devices": "read"}}, {fields}}}"#)).await
}

#[tokio::test]
async fn each_wrong_field_of_a_token_has_its_words() {
    let world = World::new().await;
    let long = |count| "é".repeat(count);
    let cases = [
        (r#""name": 1"#.to_owned(), "name: must be text, not a number"),
        (r#""name": null"#.into(), "name: must be text, not null"),
        (format!(r#""name": "{}""#, long(101)), "name: has 101 characters; at most 100 are allowed"),
        (r#""name": "a\u0007b""#.into(), "name: has the control character U+0007 at place 2; remove it"),
        (r#""name": "a\u202eb""#.into(), "name: has the control character U+202E at place 2; remove it"),
        (format!(r#""description": "{}""#, long(1001)), "description: has 1001 characters; at most 1000 are allowed"),
        (r#""kind": "robot""#.into(), "kind: must be `personal`, `service` or `shared`"),
        (r#""account": "x""#.into(), "account: there is no such account, or it is out of the token's reach"),
        (r#""expires": null"#.into(), "expires: must not be null: leave it out for the default, or write `never`"),
        (r#""expires": 90"#.into(), "expires: must be text, not a number"),
        (
            r#""expires": "soon""#.into(),
            "expires: must be a length of time such as `90d`, a date such as `2027-01-31`, a time such as `2027-01-31T12:00:00Z`, or `never`",
        ),
        (
            r#""not_before": "2027-01-31T12:00:00""#.into(),
            "not_before: must be a date such as `2027-01-31`, a time such as `2027-01-31T12:00:00Z`, or a length of time from now such as `1h`",
        ),
        (
            r#""not_before": "2999-01-02", "expires": "2999-01-01""#.into(),
            "not_before: must be before the token expires, which is at 2999-01-01T00:00:00.000Z",
        ),
        (r#""rate_limit": "100/m""#.into(), "rate_limit: must be an object, not text"),
        (
            r#""rate_limit": {"requests": 5}"#.into(),
            r#"rate_limit: needs both fields, as in {"requests": 100, "window": "60s"}"#,
        ),
        (
            r#""rate_limit": {"requests": 0, "window": "60s"}"#.into(),
            "rate_limit: a quota is at least 1 request; to refuse every request, disable the token instead",
        ),
        (r#""rate_limit": {"requests": 1, "window": "32d"}"#.into(), "rate_limit: a window is from 1 s to 31 days"),
        (
            r#""rate_limit": {"requests": -1, "window": "60s"}"#.into(),
            "rate_limit.requests: must be a whole number from 1 up",
        ),
        (
            r#""rate_limit": {"requests": 1, "window": 60}"#.into(),
            "rate_limit.window: must be a length of time such as `60s`",
        ),
        (
            r#""rate_limit": {"requests": 1, "window": "60s", "burst": 2}"#.into(),
            "rate_limit.burst: is no field of a rate limit. It has: requests, window",
        ),
        (
            r#""expiry": "90d""#.into(),
            "expiry: is no field of this call; did you mean `expires`? It has: name, description, account, kind, roles, grants, filters, labels, expires, not_before, rate_limit",
        ),
        (
            r#""nmae": "x""#.into(),
            "nmae: is no field of this call; did you mean `name`? It has: name, description, account, kind, roles, grants, filters, labels, expires, not_before, rate_limit",
        ),
        (r#""name": "a", "name": "b""#.into(), "name: is given more than once"),
    ];
    create(&world, r#""name": "positive control""#).await.expect(201);
    for (fields, message) in cases {
        let answer = create(&world, &fields).await.expect_problem(422, "invalid_fields");
        assert_eq!(errors(&answer), [message], "{fields}");
    }
    create(&world, &format!(r#""name": "{}", "description": "{}""#, long(100), long(1000))).await.expect(201);
}

#[tokio::test]
async fn each_wrong_grant_has_its_words() {
    let world = World::new().await;
    let needed = "grants: must name at least one resource and its access, as in {\"devices\": \"read\"}";
    let cases = [
        ("{}", needed),
        (r#"{"grants": {}}"#, needed),
        (r#"{"grants": []}"#, "grants: must be an object, not a list"),
        (r#"{"grants": {"devices": "none"}}"#, "grants: gives nothing: every access is `none`"),
        (r#"{"grants": {"devices": ["read"]}}"#, "grants.devices: must be text, not a list"),
        (
            r#"{"grants": {"devices": "all"}}"#,
            "grants.devices: `all` is no access: it is `none`, `read`, `write`, `read+write`, `full`, or actions joined by `+`",
        ),
        (
            r#"{"grants": {"De vices": "read"}}"#,
            "grants.De vices: `De vices` is no resource name: 1 to 64 of a-z, 0-9, `_`, `-` and `.`, starting with a letter; or `*`; or `keygate.*`",
        ),
        (r#"{"grants": {"devices": "read", "devices": "full"}}"#, "grants.devices: is given more than once"),
    ];
    for (body, message) in cases {
        let answer = world.post("/v1/tokens", body).await.expect_problem(422, "invalid_fields");
        assert_eq!(errors(&answer), [message], "{body}");
    }
}

#[tokio::test]
async fn a_flood_of_wrong_fields_has_a_small_answer() {
    let world = World::new().await;
    let many = |from: &str| (0..2_000).map(|n| format!(r#""{from}{n}": "read""#)).collect::<Vec<_>>().join(", ");
    let answer = world.post("/v1/tokens", &format!("{{{}}}", many("f"))).await.expect_problem(422, "invalid_fields");
    assert_eq!(errors(&answer).len(), 50);
    let answer = world.post("/v1/tokens", &format!(r#"{{"grants": {{{}}}}}"#, many("r"))).await;
    assert_eq!(
        errors(&answer.expect_problem(422, "invalid_fields")),
        ["grants: has 2000 resources; at most 256 are allowed"]
    );
    let long = format!(r#"{{"grants": {{"{}": "read"}}}}"#, "\\u0007X".repeat(2_000));
    let answer = world.post("/v1/tokens", &long).await.expect_problem(422, "invalid_fields");
    assert!(answer.text.len() < 2_000 && !answer.text.contains("u0007"), "{}", answer.text);
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let world = World::new().await;
    let body = r#"{"name": 7, "grants": {"X": "all"}, "expires": "x", "rate_limit": {}, "kind": "x", "foo": 1}"#;
    let answer = world.post("/v1/tokens", body).await.expect_problem(422, "invalid_fields");
    let fields: Vec<_> = errors(&answer).iter().map(|e| e.split(':').next().unwrap_or("").to_owned()).collect();
    assert_eq!(fields, ["name", "kind", "grants.X", "grants.X", "expires", "rate_limit", "foo"]);
}

#[tokio::test]
async fn what_a_token_is_cannot_be_edited() {
    let world = World::new().await;
    let path = format!("/v1/tokens/{}", world.admin.token.id);
    for field in ["id", "account", "kind", "user", "state", "not_before", "hint", "token", "created_by"] {
        let answer = world.patch(&path, &format!(r#"{{"{field}": "x"}}"#)).await;
        assert_eq!(errors(&answer.expect_problem(422, "immutable_fields")), [format!("{field}: cannot be changed")]);
    }
    let answer = world.patch(&path, r#"{"titel": "x"}"#).await.expect_problem(422, "invalid_fields");
    assert_eq!(
        errors(&answer),
        [
            "titel: is no field of this call. It has: name, description, roles, grants, filters, labels, expires, rate_limit"
        ]
    );
    let body = r#"{"parent": "x", "state": "gone", "created": "x"}"#;
    let answer = world.patch(&format!("/v1/accounts/{}", world.child.id), body).await;
    assert_eq!(
        errors(&answer.expect_problem(422, "immutable_fields")),
        [
            "parent: there is no such account, or it is out of the token's reach",
            "state: must be `active` or `suspended`",
            "created: cannot be changed"
        ]
    );
    let before = world.get(&path).await.text;
    assert_eq!(world.patch(&path, "{}").await.expect(200).text, before, "nothing asked, nothing changed");
}

#[tokio::test]
async fn each_wrong_field_of_an_account_has_its_words() {
    let world = World::new().await;
    let cases = [
        ("{}", "name: is needed"),
        (r#"{"name": ""}"#, "name: must not be empty"),
        (r#"{"name": 1}"#, "name: must be text, not a number"),
        (r#"{"name": "x", "visible_to_parent": "yes"}"#, "visible_to_parent: must be true or false, not text"),
        (
            r#"{"name": "x", "state": "active"}"#,
            "state: is no field of this call. It has: name, parent, visible_to_parent, ceiling, plan, policy, labels",
        ),
    ];
    for (body, message) in cases {
        let answer = world.post("/v1/accounts", body).await.expect_problem(422, "invalid_fields");
        assert_eq!(errors(&answer), [message], "{body}");
    }
}

#[tokio::test]
async fn the_limits_on_expiry_are_named() {
    let days = |days: u64| Some(Duration::from_secs(days * 86_400));
    let expiry = ExpiryRules { default: days(30), max: days(90), ..ExpiryRules::default() };
    let policy = Policy::lenient(Policies::DEFAULT.parse().expect("a name"), expiry);
    let world = World::with_policies(Policies::new(policy, [])).await;
    let never = create(&world, r#""expires": "never""#).await.expect_problem(422, "invalid_fields");
    assert_eq!(errors(&never), ["expires: cannot be `never`: tokens live for 90d at most"]);
    let late = create(&world, r#""expires": "91d""#).await.expect_problem(422, "invalid_fields");
    assert!(errors(&late)[0].starts_with("expires: is too late: tokens live for 90d at most, which is until 2"));
    let past = create(&world, r#""expires": "2020-01-01""#).await.expect_problem(422, "invalid_fields");
    assert!(errors(&past)[0].starts_with("expires: lies in the past: 2020-01-01T00:00:00.000Z is not after 2"));
    let default = create(&world, r#""name": "x""#).await.expect(201).text_at("expires");
    let until: jiff::Timestamp = default.parse().expect("RFC 3339");
    let life = until.as_millisecond() - world.clock.wall().millis();
    assert!((life - 30 * 86_400_000).abs() < 60_000, "{life}");
    let unlimited = World::new().await;
    assert!(create(&unlimited, r#""expires": "never""#).await.expect(201).json()["expires"].is_null());
}

#[tokio::test]
async fn a_body_must_be_json_and_say_so() {
    let world = World::new().await;
    let send = async |content_types: &[&str], body: &str| {
        let mut request = Request::builder().method(Method::POST).uri("/v1/accounts");
        request = request.header("authorization", format!("Bearer {}", world.admin.text));
        for content_type in content_types {
            request = request.header("content-type", *content_type);
        }
        world.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    };
    let body = r#"{"name": "x"}"#;
    for lawful in ["application/json", "Application/JSON; charset=utf-8"] {
        send(&[lawful], body).await.expect(201);
    }
    for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""] {
        let answer = send(&[other], body).await.expect_problem(415, "not_json");
        assert_eq!(answer.header("accept"), "application/json");
    }
    send(&[], body).await.expect_problem(415, "not_json");
    send(&["application/json", "text/plain"], body).await.expect_problem(415, "not_json");
    for (broken, detail) in [
        ("", "line 1, column 0: EOF while parsing a value"),
        ("{\n  \"name\": x}", "line 2, column 11: expected value"),
        ("{} {}", "line 1, column 4: trailing characters"),
    ] {
        let answer = send(&["application/json"], broken).await.expect_problem(400, "malformed_json");
        assert_eq!(answer.text_at("detail"), detail, "{broken}");
    }
    let answer = send(&["application/json"], "[]").await.expect_problem(422, "invalid_fields");
    assert_eq!(errors(&answer), ["body: must be an object, not a list"]);
}

#[tokio::test]
async fn a_body_is_at_most_64_kib() {
    let world = World::new().await;
    let padded = |size: usize| {
        let body = r#"{"name": "x"}"#;
        format!("{}{body}", " ".repeat(size - body.len()))
    };
    world.post("/v1/accounts", &padded(65_536)).await.expect(201);
    world.post("/v1/accounts", &padded(65_537)).await.expect_problem(413, "body_too_large");
    // Without a length that is known beforehand.
    let chunks =
        (0..70).map(|_| Ok::<_, std::io::Error>(http_body::Frame::data(bytes::Bytes::from(vec![b' '; 1_000]))));
    let body = Body::new(http_body_util::StreamBody::new(Chunks(chunks)));
    let request = Request::post("/v1/accounts")
        .header("authorization", format!("Bearer {}", world.admin.text))
        .header("content-type", "application/json");
    let answer = world.send(request.body(body).expect("a request")).await;
    assert_eq!(answer.expect_problem(413, "body_too_large").text_at("detail"), "a body has at most 65536 bytes");
}

struct Chunks<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Chunks<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
