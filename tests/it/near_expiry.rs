//! The header that tells a client that its token is about to expire.

use serde_json::{Value, json};

use crate::support::{Answer, Builder, Created, Gateway, Upstream, get, request};

const NAME: &str = "keygate-token-expires";
const PATH: &str = "/v1/devices/7";

fn expiring(gateway: &Gateway, expires: &str) -> Created {
    gateway.admin.create(json!({"name": expires, "grants": {"*": "read"}, "expires": expires}))
}

/// Answers as if it were the gateway.
fn lying() -> Upstream {
    Upstream::answering(
        b"HTTP/1.1 200 OK\r\nKEYGATE-Token-Expires: never\r\nKeygate-Token-Expires: 2099\r\nContent-Length: 0\r\n\r\n",
    )
}

#[track_caller]
fn told(answer: &Answer, when: Option<&Value>) {
    let values: Vec<_> = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(NAME)).collect();
    match when {
        None => assert!(values.is_empty(), "{answer:?}"),
        Some(when) => assert_eq!((values.len(), Some(values[0].1.as_str())), (1, when.as_str()), "{answer:?}"),
    }
}

#[test]
fn an_expiry_that_is_near_is_told_on_both_listeners_and_nobody_else_tells_it() {
    let gateway = Gateway::start(&lying().url());
    for (expires, is_near) in [("167h", true), ("1h", true), ("169h", false), ("never", false)] {
        let token = expiring(&gateway, expires);
        let when = is_near.then(|| &token.record["expires"]);
        told(&get(gateway.proxy, PATH, &token.secret), when);
        told(&get(gateway.admin.address, "/v1/whoami", &token.secret), when);
        let refused = request(gateway.proxy, "DELETE", PATH, Some(&token.secret), b"");
        assert_eq!(refused.status, 403);
        told(&refused, when);
        let refused = get(gateway.admin.address, "/v1/tokens", &token.secret);
        assert_eq!(refused.status, 403);
        told(&refused, when);
    }
    told(&gateway.request("GET", "/public/x", None), None);
    told(&gateway.get(PATH, "nothing"), None);
}

#[test]
fn it_comes_as_the_expiry_nears_and_goes_when_it_is_put_off() {
    let gateway = Gateway::start(&lying().url());
    let token = expiring(&gateway, "10d");
    told(&get(gateway.proxy, PATH, &token.secret), None);
    gateway.clock.step_millis(3 * 86_400_000 + 1_000);
    told(&get(gateway.proxy, PATH, &token.secret), Some(&token.record["expires"]));
    let path = format!("/v1/tokens/{}", token.id);
    let edited = gateway.admin.call("PATCH", &path, Some(json!({"expires": "2d"})));
    assert_eq!(edited.status, 200, "{}", edited.text());
    told(&get(gateway.proxy, PATH, &token.secret), Some(&edited.json()["expires"]));
    assert_ne!(edited.json()["expires"], token.record["expires"]);
    gateway.admin.call("PATCH", &path, Some(json!({"expires": "90d"})));
    told(&get(gateway.proxy, PATH, &token.secret), None);
    gateway.admin.call("PATCH", &path, Some(json!({"expires": "1h"})));
    gateway.clock.step_millis(3_600_000);
    let expired = get(gateway.proxy, PATH, &token.secret);
    assert_eq!((expired.status, expired.problem().as_str()), (401, "token_expired"));
    told(&expired, None);
}

#[test]
fn its_name_and_its_distance_are_configured_and_it_can_be_off() {
    let upstream = lying();
    let lines = "expires_header = \"X-Renew-By\"\nexpires_header_within = \"30d\"";
    let gateway = Builder::new(&upstream.url()).tokens(lines).start();
    let token = expiring(&gateway, "29d");
    let answer = get(gateway.proxy, PATH, &token.secret);
    assert_eq!(answer.header("x-renew-by"), token.record["expires"].as_str());
    assert_eq!(
        get(gateway.admin.address, "/v1/whoami", &token.secret).header("x-renew-by"),
        answer.header("x-renew-by")
    );
    let off = Builder::new(&upstream.url()).tokens("expires_header = \"off\"").start();
    let token = expiring(&off, "1h");
    assert_eq!(get(off.proxy, PATH, &token.secret).header(NAME), Some("never"), "it is the upstream's then");
    told(&get(off.admin.address, "/v1/whoami", &token.secret), None);
}
