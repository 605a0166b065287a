//! A change of a token holds from the moment in which the call that made it has returned.
//!
//! No request that was begun after that moment may be decided as before it: there is no grace.

mod flight;
pub mod moody;
pub mod outage;

use std::sync::{Arc, Barrier};
use std::time::Instant;

use serde_json::json;

use crate::support::{Builder, Created, Gateway, Load, Shot, Upstream, get};

const CONNECTIONS: usize = 32;
/// Requests of a run, about half of them before the change.
const REQUESTS: usize = 10_000;

/// Load on one token; `change` comes in the middle of it. What was asked after `change` had returned.
#[track_caller]
fn under_load(change: impl FnOnce(&mut Gateway, &Created)) -> (Gateway, Created, Vec<Shot>) {
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let mut gateway = Gateway::start(&upstream.url());
    let token = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}, "expires": "1h"}));
    let load = Load::start(gateway.proxy, &token.secret, CONNECTIONS);
    load.wait_for(REQUESTS / 2);
    let (begun, returned) = load.during(|| change(&mut gateway, &token));
    load.wait_for(REQUESTS / 2);
    let shots = load.stop();
    assert!(shots.len() >= REQUESTS, "{}", shots.len());
    let allowed = shots.iter().filter(|shot| shot.status == 204).count();
    assert_eq!(upstream.seen().len(), allowed, "what was refused never arrived");
    let before: Vec<_> = shots.iter().filter(|shot| shot.ended < begun).collect();
    assert!(before.len() >= REQUESTS / 2 - 8 * CONNECTIONS, "{}", before.len());
    assert!(before.iter().all(|shot| shot.status == 204), "allowed until then");
    let after: Vec<_> = shots.into_iter().filter(|shot| shot.begun > returned).collect();
    assert!(after.len() >= REQUESTS / 2 - 16 * CONNECTIONS, "{}", after.len());
    (gateway, token, after)
}

#[track_caller]
fn assert_all(shots: &[Shot], status: u16, code: &str) {
    let other: Vec<_> = shots.iter().filter(|shot| shot.status != status || shot.code != code).take(3).collect();
    assert!(other.is_empty(), "of {} requests begun after the call had returned: {other:?}", shots.len());
}

#[test]
fn slow_a_revoked_token_is_refused_from_then_on_and_after_a_restart() {
    let (mut gateway, token, after) = under_load(|gateway, token| {
        gateway.admin.change(&token.id, "revoke");
    });
    assert_all(&after, 401, "token_revoked");
    for _ in 0..2 {
        gateway.restart();
        let load = Load::start(gateway.proxy, &token.secret, CONNECTIONS);
        load.wait_for(500);
        assert_all(&load.stop(), 401, "token_revoked");
        assert_eq!(gateway.admin.show(&token.id)["state"], "revoked");
    }
    let enable = gateway.admin.call("POST", &format!("/v1/tokens/{}/enable", token.id), None);
    assert_eq!((enable.status, enable.problem().as_str()), (409, "already_revoked"));
    assert_eq!(get(gateway.proxy, "/v1/devices/7", &token.secret).status, 401, "for good");
}

#[test]
fn slow_a_disabled_token_is_refused_from_then_on() {
    let (gateway, token, after) = under_load(|gateway, token| {
        gateway.admin.change(&token.id, "disable");
    });
    assert_all(&after, 401, "token_disabled");
    enabled_again(&gateway, &token);
}

/// Each switch holds for all that is begun after it and answered before the next one.
fn enabled_again(gateway: &Gateway, token: &Created) {
    let load = Load::start(gateway.proxy, &token.secret, CONNECTIONS);
    let mut switches: Vec<(Instant, Instant)> = Vec::new();
    for number in 0..12 {
        load.wait_for(200);
        let verb = if number % 2 == 0 { "enable" } else { "disable" };
        switches.push(load.during(|| drop(gateway.admin.change(&token.id, verb))));
    }
    load.wait_for(200);
    let (shots, end) = (load.stop(), gateway.clock.mono());
    for (number, (_, from)) in switches.iter().enumerate() {
        let until = switches.get(number + 1).map_or(end, |(begun, _)| *begun);
        let within = shots.iter().filter(|shot| shot.begun > *from && shot.ended < until);
        let within: Vec<_> = within.cloned().collect();
        assert!(!within.is_empty(), "switch {number}");
        let (status, code) = if number % 2 == 0 { (204, "") } else { (401, "token_disabled") };
        assert_all(&within, status, code);
    }
}

#[test]
fn slow_an_expired_token_is_refused_from_then_on() {
    let (_gateway, _, after) = under_load(|gateway, _| gateway.clock.step_millis(3_600_000));
    assert_all(&after, 401, "token_expired");
}

#[test]
fn slow_a_replaced_text_is_refused_from_the_end_of_its_overlap_on() {
    let (_, _, after) = under_load(|gateway, token| {
        let body = json!({"overlap": "0s"});
        let answer = gateway.admin.call("POST", &format!("/v1/tokens/{}/rotate", token.id), Some(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
    assert_all(&after, 401, "token_rotated");
    let (mut gateway, token, after) = under_load(|gateway, token| {
        // The two are apart, and under the load both are in the cache when the second comes.
        gateway.admin.change(&token.id, "rotate");
        gateway.admin.change(&token.id, "rotation/end");
    });
    assert_all(&after, 401, "token_rotated");
    gateway.restart();
    let refused = get(gateway.proxy, "/v1/devices/7", &token.secret);
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token_rotated"));
    let (_gateway, _, after) = under_load(|gateway, token| {
        gateway.admin.change(&token.id, "rotate");
        gateway.clock.step_millis(1_800_000);
    });
    assert_all(&after, 204, "");
}

#[test]
fn slow_a_text_that_is_taken_back_is_refused_from_then_on() {
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let gateway = Gateway::start(&upstream.url());
    let token = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}}));
    for _ in 0..4 {
        let rotated = gateway.admin.change(&token.id, "rotate");
        let load = Load::start(gateway.proxy, rotated["token"].as_str().expect("a text"), CONNECTIONS);
        load.wait_for(500);
        let (_, returned) = load.during(|| drop(gateway.admin.change(&token.id, "rotation/undo")));
        load.wait_for(500);
        let after: Vec<_> = load.stop().into_iter().filter(|shot| shot.begun > returned).collect();
        assert!(!after.is_empty());
        assert_all(&after, 401, "token_rotated");
        assert_eq!(get(gateway.proxy, "/v1/devices/7", &token.secret).status, 204);
    }
}

#[test]
fn slow_a_deleted_token_is_refused_from_then_on() {
    let (gateway, token, after) = under_load(|gateway, token| gateway.admin.delete(&token.id));
    assert_all(&after, 401, "invalid_token");
    let gone = gateway.admin.call("GET", &format!("/v1/tokens/{}", token.id), None);
    assert_eq!((gone.status, gone.problem().as_str()), (404, "not_found"));
}

#[test]
fn the_first_requests_of_a_token_all_succeed() {
    const CALLERS: usize = 200;
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let mut gateway = Builder::new(&upstream.url()).start();
    let token = gateway.token("read");
    gateway.restart();
    let start = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (start, token, proxy) = (Arc::clone(&start), token.clone(), gateway.proxy);
            std::thread::spawn(move || {
                let mut client = crate::support::Client::connect(proxy);
                start.wait();
                let credential = format!("Bearer {token}");
                client.request("GET", "/v1/devices/7", &[("Authorization", &credential)], b"").status
            })
        })
        .collect();
    let statuses: Vec<_> = callers.into_iter().map(|caller| caller.join().expect("an answer")).collect();
    assert_eq!(statuses, [204; CALLERS]);
    let looked_up = |result: &str| {
        let line = format!(r#"keygate_cache_lookups_total{{cache="tokens",result="{result}"}}"#);
        gateway.admin.metric(&line).expect("counted")
    };
    assert!(looked_up("miss") >= 1.0, "the cache was cold");
    assert_eq!(looked_up("miss") + looked_up("hit"), 200.0);
}
