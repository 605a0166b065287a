//! Rate limits: whose requests are counted together, what they cost, and what is said to who is over.

use serde_json::json;

use crate::support::{Answer, Builder, Client, Created, Gateway, Upstream, eventually, get};

const PATH: &str = "/v1/devices/7";

/// A token of its own limit; the window is long, so that nothing comes back during a test.
#[track_caller]
fn limited(gateway: &Gateway, requests: u32) -> Created {
    let limit = json!({"requests": requests, "window": "1h"});
    gateway.admin.create(json!({"name": "limited", "grants": {"*": "read"}, "rate_limit": limit}))
}

#[track_caller]
fn assert_over(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rate_limited"), "{answer:?}");
    let wait: u64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("when to try again");
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert_eq!(answer.json()["retry_after"], wait);
    assert_eq!(answer.header("www-authenticate"), None, "no other token is asked for");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// Asks until it is refused; how many requests went through.
#[track_caller]
fn used_up(mut ask: impl FnMut() -> Answer) -> usize {
    for count in 0..100 {
        let answer = ask();
        if answer.status != 200 {
            assert_over(&answer);
            return count;
        }
    }
    panic!("no limit within 100 requests");
}

fn routes(limits: [(&str, &str); 3]) -> String {
    let of = |(access, limit): (&str, &str), path: &str| {
        format!("[[route]]\npath = \"{path}/{{*rest}}\"\n{access}\nupstream = \"api\"\n{limit}\n")
    };
    [of(limits[0], "/v1/devices"), of(limits[1], "/v1/files"), of(limits[2], "/public")].concat()
}

#[test]
fn a_token_has_its_own_limit_and_counts_alone() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let (one, two, free) = (limited(&gateway, 3), limited(&gateway, 3), gateway.token("read"));
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &one.secret)), 3);
    assert_eq!(upstream.seen().len(), 3, "what is over the limit never arrives");
    assert_eq!(used_up(|| get(gateway.proxy, "/v1/files/1", &one.secret)), 0, "on every route");
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &two.secret)), 3, "another token of the same limit");
    assert!((0..50).all(|_| get(gateway.proxy, PATH, &free).status == 200), "a token without one");
    assert_eq!(gateway.admin.show(&one.id)["rate_limit"], json!({"requests": 3, "window": "3600s"}));
    let counted = r#"keygate_auth_decisions_total{route="devices",decision="deny",reason="rate_limited"}"#;
    assert_eq!(gateway.admin.metric(counted), Some(2.0));
}

#[test]
fn what_is_used_up_stays_used_up_when_the_token_is_edited() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = limited(&gateway, 2);
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &token.secret)), 2);
    let edit = json!({"description": "edited, and so read anew from the store"});
    assert_eq!(gateway.admin.call("PATCH", &format!("/v1/tokens/{}", token.id), Some(edit)).status, 200);
    gateway.admin.change(&token.id, "disable");
    gateway.admin.change(&token.id, "enable");
    assert_over(&get(gateway.proxy, PATH, &token.secret));
}

#[test]
fn the_configured_limit_holds_for_tokens_without_one() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).tokens("rate_limit = { quota = 2, window = \"1h\" }").start();
    let (one, two) = (gateway.token("read"), gateway.token("read"));
    let wide = limited(&gateway, 5).secret;
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &one)), 2);
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &two)), 2);
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &wide)), 5, "its own goes before the configured one");
}

#[test]
fn a_limit_lets_requests_through_again_as_time_goes_by() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let limit = json!({"requests": 1, "window": "1s"});
    let token = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}, "rate_limit": limit})).secret;
    eventually("a refusal", || (get(gateway.proxy, PATH, &token).status == 429).then_some(()));
    eventually("a second has passed", || (get(gateway.proxy, PATH, &token).status == 200).then_some(()));
}

#[test]
fn a_refused_request_costs_nothing() {
    let upstream = Upstream::start();
    let shared = "rate_limit = { quota = 4, window = \"1h\", key = \"route\" }";
    let routes = routes([("resource = \"devices\"", shared), ("resource = \"files\"", ""), ("public = true", "")]);
    let gateway = Builder::new(&upstream.url()).routes(&routes).start();
    let token = limited(&gateway, 3).secret;
    let revoked = gateway.admin.create(json!({"name": "r", "grants": {"*": "full"}}));
    gateway.admin.change(&revoked.id, "revoke");
    for _ in 0..10 {
        assert_eq!(gateway.request("POST", PATH, Some(&token)).status, 403);
        assert_eq!(gateway.request("GET", "/nowhere", Some(&token)).status, 404);
        assert_eq!(gateway.request("GET", PATH, None).status, 401);
        assert_eq!(gateway.get(PATH, &revoked.secret).status, 401);
    }
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &token)), 3, "the token's own");
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &gateway.admin.token)), 1, "what is left of the route's");
    assert_eq!(upstream.seen().len(), 4);
}

#[test]
fn a_route_counts_each_token_or_all_together() {
    let upstream = Upstream::start();
    let by_token = "rate_limit = { quota = 2, window = \"1h\", key = \"token\" }";
    let shared = "rate_limit = { quota = 5, window = \"1h\", key = \"route\" }";
    let routes =
        routes([("resource = \"devices\"", by_token), ("resource = \"files\"", shared), ("public = true", "")]);
    let gateway = Builder::new(&upstream.url()).routes(&routes).start();
    let (one, two) = (gateway.token("read"), gateway.token("read"));
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &one)), 2);
    assert_eq!(used_up(|| get(gateway.proxy, PATH, &two)), 2, "each token has the whole quota");
    assert_eq!(get(gateway.proxy, "/v1/files/1", &one).status, 200, "and other routes are not this one");
    assert_eq!(used_up(|| get(gateway.proxy, "/v1/files/1", &two)), 4, "all tokens together have five");
    assert_over(&get(gateway.proxy, "/v1/files/1", &one));
}

#[test]
fn a_public_route_counts_each_address() {
    let upstream = Upstream::start();
    let limit = "rate_limit = { quota = 3, window = \"1h\" }";
    let routes = routes([("resource = \"devices\"", ""), ("resource = \"files\"", ""), ("public = true", limit)]);
    let gateway = Builder::new(&upstream.url()).routes(&routes).start();
    let ask = || gateway.request("GET", "/public/logo", None);
    assert_eq!(used_up(ask), 3);
    assert_over(&gateway.get("/public/logo", &gateway.token("read")));
    let forged = [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"), ("X-Real-IP", "203.0.113.7")];
    for header in forged {
        assert_over(&Client::connect(gateway.proxy).request("GET", "/public/logo", &[header], b""));
    }
    assert_eq!(used_up(|| from("127.0.0.2", gateway.proxy)), 3, "another address has its own count");
    assert_eq!(upstream.seen().len(), 6);
}

/// A request whose connection comes from this address.
fn from(address: &str, proxy: std::net::SocketAddr) -> Answer {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let address: std::net::Ipv4Addr = address.parse().expect("an address");
    socket.bind(&std::net::SocketAddr::from((address, 0)).into()).expect("all of 127/8 is ours");
    socket.connect(&proxy.into()).expect("the gateway listens");
    Client::over(socket.into()).request("GET", "/public/logo", &[], b"")
}
