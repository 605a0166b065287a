//! Wrong tokens in numbers: who sends them is told to wait, and nobody else is held up.

use keygate::model::{Kind, TokenPrefix, TokenText};
use serde_json::json;

use crate::support::{Answer, Builder, Client, Gateway, Upstream};

const PATH: &str = "/v1/devices/7";
const THREE: &str = "workers = 1\npin_workers = false\nfailure_limit = { quota = 3, window = \"1h\" }";

fn gateway(upstream: &Upstream) -> Builder {
    Builder::new(&upstream.url()).server_alone(THREE)
}

/// Well-formed, and nobody's.
fn made_up() -> String {
    TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness").expose().to_owned()
}

fn refused(gateway: &Gateway, token: &str) -> u16 {
    gateway.get(PATH, token).status
}

#[track_caller]
fn assert_told_to_wait(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (429, "too_many_failures"), "{answer:?}");
    let wait: u64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("when to try again");
    assert!((1..=3_600).contains(&wait), "{wait}");
    assert_eq!(answer.header("www-authenticate"), None, "no other token is asked for");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn after_many_wrong_tokens_further_ones_are_told_to_wait() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream).start();
    let mut garbled = made_up();
    garbled.replace_range(10..11, if &garbled[10..11] == "a" { "b" } else { "a" });
    for (wrong, status) in [(made_up().as_str(), 401), (&garbled, 401), ("two words", 400)] {
        assert_eq!(refused(&gateway, wrong), status, "{wrong}");
    }
    for wrong in [&made_up(), &garbled, "two words", "no-token-of-ours"] {
        assert_told_to_wait(&gateway.get(PATH, wrong));
    }
    let counted = |reason: &str| {
        let name = format!("keygate_auth_decisions_total{{route=\"devices\",decision=\"deny\",reason=\"{reason}\"}}");
        gateway.admin.metric(&name)
    };
    assert_eq!((counted("failures"), counted("unknown")), (Some(4.0), Some(1.0)));
    assert!(upstream.seen().is_empty());
}

#[test]
fn good_tokens_and_those_that_are_over_are_answered_as_ever() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream).start();
    let (hot, cold) = (gateway.token("read"), gateway.token("read"));
    assert_eq!(refused(&gateway, &hot), 200);
    let revoked = gateway.admin.create(json!({"name": "r", "grants": {"*": "full"}}));
    gateway.admin.change(&revoked.id, "revoke");
    // Neither no token nor one that is over counts.
    for _ in 0..10 {
        assert_eq!(gateway.request("GET", PATH, None).status, 401);
        assert_eq!(refused(&gateway, &revoked.secret), 401);
        assert_eq!(gateway.request("DELETE", PATH, Some(&hot)).status, 403);
    }
    assert_eq!((0..3).map(|_| refused(&gateway, &made_up())).collect::<Vec<_>>(), [401; 3]);
    assert_told_to_wait(&gateway.get(PATH, &made_up()));
    assert_eq!((refused(&gateway, &hot), refused(&gateway, &cold)), (200, 200), "also one that nobody used before");
    assert_eq!(gateway.get(PATH, &revoked.secret).problem(), "token_revoked");
    assert_eq!(gateway.request("GET", PATH, None).status, 401);
    assert_eq!(refused(&gateway, &gateway.token("read")), 200, "and one that is made now");
}

#[test]
fn each_address_and_each_network_of_ipv6_is_counted_alone() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream).forwarding("trusted_proxies = [\"127.0.0.1\"]").start();
    let ask = |from: &str| {
        let credential = format!("Bearer {}", made_up());
        let headers = [("X-Forwarded-For", from), ("Authorization", credential.as_str()), ("Connection", "close")];
        Client::connect(gateway.proxy).request("GET", PATH, &headers, b"").status
    };
    assert_eq!((0..5).map(|_| ask("192.0.2.7")).collect::<Vec<_>>(), [401, 401, 401, 429, 429]);
    assert_eq!(ask("192.0.2.8"), 401, "a neighbour");
    let of_one_network: Vec<u16> = (1..6).map(|host| ask(&format!("2001:db8:0:1::{host}"))).collect();
    assert_eq!(of_one_network, [401, 401, 401, 429, 429], "a client has all of its addresses");
    assert_eq!(ask("2001:db8:0:2::1"), 401, "another network");
}

#[test]
fn a_limit_that_nobody_wrote_is_a_hundred_a_minute() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).server_alone("workers = 1\npin_workers = false").start();
    let mut client = Client::connect(gateway.proxy);
    let mut ask = || client.request("GET", PATH, &[("Authorization", "Bearer wrong")], b"").status;
    // One more is free again every 0.6 s.
    let listened_to = (0..300).take_while(|_| ask() == 401).count();
    assert!((100..300).contains(&listened_to), "{listened_to}");
}
