//! What the gateway tells of what it does: metrics, the last use of tokens, the access log.

mod exposition;
mod log;

use std::io::Write;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::upstream::Then;
use crate::support::{Builder, Gateway, Upstream, eventually};
use exposition::Exposition;

const PATH: &str = "/v1/devices/7";

#[track_caller]
fn scrape(gateway: &Gateway) -> Exposition {
    let answer = crate::support::request(gateway.admin.address, "GET", "/metrics", None, b"");
    let kind = answer.header("content-type").expect("a type");
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Exposition::parse(answer.text())
}

/// A request is counted when it is over, which may be a moment after the client has its answer.
#[track_caller]
fn assert_counts(gateway: &Gateway, expected: &[(&str, f64)]) {
    let what = format!("{expected:?}");
    let seen = std::cell::RefCell::new(Vec::new());
    let matches = || {
        let exposition = scrape(gateway);
        *seen.borrow_mut() = expected.iter().map(|(series, _)| exposition.value(series)).collect::<Vec<_>>();
        seen.borrow().iter().zip(expected).all(|(have, (_, want))| *have == Some(*want)).then_some(())
    };
    let deadline = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| eventually(&what, matches)));
    assert!(deadline.is_ok(), "{expected:?} but {:?}", seen.borrow());
}

#[test]
fn requests_and_decisions_are_counted_under_their_labels() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let (read, full) = (gateway.token("read"), gateway.token("full"));
    let revoked = gateway.admin.create(json!({"name": "r", "grants": {"*": "full"}}));
    gateway.admin.change(&revoked.id, "revoke");
    let limit = json!({"requests": 1, "window": "1h"});
    let limited = gateway.admin.create(json!({"name": "l", "grants": {"*": "read"}, "rate_limit": limit})).secret;
    let made_up = keygate::model::TokenText::generate(&Default::default(), keygate::model::Kind::Service);
    let made_up = made_up.expect("randomness").expose().to_owned();

    for (method, path, token, status) in [
        ("GET", PATH, Some(&read), 200),
        ("GET", PATH, Some(&read), 200),
        ("GET", "/v1/devices", Some(&read), 200),
        ("POST", PATH, Some(&read), 403),
        ("DELETE", PATH, Some(&full), 200),
        ("GET", PATH, None, 401),
        ("GET", PATH, Some(&made_up), 401),
        ("GET", PATH, Some(&made_up), 401),
        ("GET", PATH, Some(&"kg_svc_nonsense".to_owned()), 401),
        ("GET", PATH, Some(&"not one".to_owned()), 400),
        ("GET", PATH, Some(&revoked.secret), 401),
        ("GET", PATH, Some(&limited), 200),
        ("GET", PATH, Some(&limited), 429),
        ("GET", "/public/logo", None, 200),
        ("GET", "/nowhere", Some(&read), 404),
        ("PROPFIND", PATH, Some(&read), 405),
        ("GET", "/v1/devices/%2e%2e/x", Some(&read), 400),
    ] {
        assert_eq!(gateway.request(method, path, token.map(String::as_str)).status, status, "{method} {path}");
    }
    assert_counts(
        &gateway,
        &[
            (r#"keygate_http_requests_total{code="200",listener="public",method="GET",route="devices"}"#, 3.0),
            (r#"keygate_http_requests_total{code="200",listener="public",method="GET",route="list"}"#, 1.0),
            (r#"keygate_http_requests_total{code="200",listener="public",method="DELETE",route="devices"}"#, 1.0),
            (r#"keygate_http_requests_total{code="200",listener="public",method="GET",route="open"}"#, 1.0),
            (r#"keygate_http_requests_total{code="403",listener="public",method="POST",route="devices"}"#, 1.0),
            (r#"keygate_http_requests_total{code="401",listener="public",method="GET",route="devices"}"#, 5.0),
            (r#"keygate_http_requests_total{code="429",listener="public",method="GET",route="devices"}"#, 1.0),
            (r#"keygate_http_requests_total{code="404",listener="public",method="GET",route="none"}"#, 1.0),
            (r#"keygate_http_requests_total{code="405",listener="public",method="_OTHER",route="none"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="allow",reason="ok",route="devices"}"#, 4.0),
            (r#"keygate_auth_decisions_total{decision="allow",reason="ok",route="list"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="allow",reason="public",route="open"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="missing",route="devices"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="malformed",route="devices"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="prefix",route="devices"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="unknown",route="devices"}"#, 2.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="revoked",route="devices"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="scope",route="devices"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="rate_limited",route="devices"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="no_route",route="none"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="method",route="none"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="deny",reason="bad_request",route="none"}"#, 1.0),
            // One load each: read, full, revoked, limited, and the made-up one.
            (r#"keygate_cache_lookups_total{cache="tokens",result="miss"}"#, 4.0),
            (r#"keygate_cache_lookups_total{cache="tokens",result="negative"}"#, 2.0),
            (r#"keygate_cache_lookups_total{cache="tokens",result="hit"}"#, 6.0),
            (r#"keygate_http_request_duration_seconds_count{route="devices"}"#, 12.0),
            (r#"keygate_http_request_duration_seconds_count{route="list"}"#, 1.0),
            ("keygate_connections_total", 17.0),
            ("keygate_open_connections", 0.0),
            ("keygate_ready", 1.0),
            ("keygate_store_writable", 1.0),
        ],
    );
    let sums = scrape(&gateway).value(r#"keygate_http_request_duration_seconds_sum{route="devices"}"#);
    assert!(sums.is_some_and(|sum| sum > 0.0 && sum < 60.0), "{sums:?}");
    let text = crate::support::request(gateway.admin.address, "GET", "/metrics", None, b"");
    for word in [&revoked.id, &revoked.secret, &read, &made_up, "acc_", "/v1/", "127.0.0.1"] {
        assert!(!text.text().contains(word), "no label names a token, an account, a path or an address: {word}");
    }
}

#[test]
fn what_upstreams_fail_at_is_counted_by_kind() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let broken = Upstream::scripted(|request, stream| {
        if request.line.contains("garbage") {
            stream.write_all(b"this is not HTTP\r\n\r\n").expect("the gateway reads");
        }
        if request.line.contains("silent") {
            std::io::copy(stream, &mut std::io::sink()).ok();
        }
        Then::Close
    });
    let gateway = Builder::new(&broken.url())
        .upstream(&format!("[[upstream]]\nname = \"gone\"\nurl = \"http://{nobody}\""))
        .routes(
            "[[route]]\npath = \"/api/{*rest}\"\npublic = true\nupstream = \"api\"\ntimeout = \"1s\"\n\
             [[route]]\npath = \"/gone\"\npublic = true\nupstream = \"gone\"\n",
        )
        .start();
    for (path, status, code) in [
        ("/gone", 502, "upstream_unreachable"),
        ("/api/garbage", 502, "upstream_failed"),
        ("/api/hangup", 502, "upstream_failed"),
        ("/api/silent", 504, "upstream_timeout"),
    ] {
        let answer = gateway.request("GET", path, None);
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{path}");
    }
    assert_counts(
        &gateway,
        &[
            (r#"keygate_upstream_errors_total{kind="connect",upstream="gone"}"#, 1.0),
            (r#"keygate_upstream_errors_total{kind="connect",upstream="api"}"#, 0.0),
            (r#"keygate_upstream_errors_total{kind="protocol",upstream="api"}"#, 2.0),
            (r#"keygate_upstream_errors_total{kind="timeout",upstream="api"}"#, 1.0),
            (r#"keygate_http_requests_total{code="504",listener="public",method="GET",route="/api/{*rest}"}"#, 1.0),
            (r#"keygate_auth_decisions_total{decision="allow",reason="public",route="/api/{*rest}"}"#, 3.0),
        ],
    );
}

/// `requests` and `last_used` as one token's record has them, and the same in the list.
#[track_caller]
fn used(gateway: &Gateway, id: &str) -> (u64, Option<String>) {
    let of = |record: &Value| {
        let last = record["last_used"].as_str().map(str::to_owned);
        (record["requests"].as_u64().expect("a number"), last)
    };
    let shown = of(&gateway.admin.show(id));
    let list = gateway.admin.call("GET", "/v1/tokens?limit=200", None).json();
    let listed = list["items"].as_array().expect("a list").iter().find(|item| item["id"] == id).map(of);
    // A report may come in between the two.
    if listed != Some(shown.clone()) {
        return used(gateway, id);
    }
    shown
}

#[test]
fn slow_the_last_use_is_shown_soon_and_kept_over_a_restart() {
    let upstream = Upstream::start();
    let mut gateway = Builder::new(&upstream.url()).start();
    let limit = json!({"requests": 4, "window": "1h"});
    let token = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}, "rate_limit": limit}));
    assert_eq!(used(&gateway, &token.id), (0, None));
    let before = gateway.clock.wall().to_string();
    (0..3).for_each(|_| assert_eq!(gateway.get(PATH, &token.secret).status, 200));
    let after = gateway.clock.wall().to_string();
    let (requests, last) = eventually("the use is stored", || {
        let used = used(&gateway, &token.id);
        (used.0 == 3).then_some(used)
    });
    let last = last.expect("used");
    assert!(before <= last && last <= after, "{before} {last} {after}");

    gateway.clock.step_millis(600_000);
    for _ in 0..3 {
        assert_eq!(gateway.request("POST", PATH, Some(&token.secret)).status, 403);
        assert_eq!(gateway.request("GET", "/nowhere", Some(&token.secret)).status, 404);
    }
    gateway.restart();
    assert_eq!(used(&gateway, &token.id), (requests, Some(last.clone())), "a refusal is no use");

    gateway.clock.step_millis(600_000);
    (0..4).for_each(|_| assert_eq!(gateway.get(PATH, &token.secret).status, 200));
    let used_until = gateway.clock.wall().to_string();
    gateway.clock.step_millis(600_000);
    assert_eq!(gateway.get(PATH, &token.secret).status, 429, "nor is this");
    gateway.restart();
    let (requests, later) = used(&gateway, &token.id);
    let later = later.expect("used");
    assert_eq!(requests, 7, "what was counted in the last seconds is stored at the end");
    assert!(last < later && later <= used_until, "{last} {later} {used_until}");
}
