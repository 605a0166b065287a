//! What is told of: every way in which a token can change or end, by somebody's hand or by time.

use serde_json::json;

use super::{answering, body, builder, read, told, types, until, with};
use crate::support::{Client, eventually, get, request};

const DAY: i64 = 86_400_000;

#[test]
fn a_rotation_is_told_of_as_it_begins_ends_or_is_undone() {
    let receiver = answering(&[200]);
    let gateway = with(&receiver, "events = [\"token.rotated\", \"token.overlap_ended\", \"token.rotation_undone\"]");
    let token = gateway.admin.create(read("ci"));
    let rotate = |overlap: &str| {
        let path = format!("/v1/tokens/{}/rotate", token.id);
        assert_eq!(gateway.admin.call("POST", &path, Some(json!({"overlap": overlap}))).status, 200);
    };
    rotate("2h");
    gateway.admin.change(&token.id, "rotation/undo");
    rotate("2h");
    gateway.admin.change(&token.id, "rotation/end");
    rotate("0s");
    rotate("2h");
    until(&gateway, "all are delivered", |status| status["delivered"] == 6);
    let expected = [
        "token.rotated",
        "token.rotation_undone",
        "token.rotated",
        "token.overlap_ended",
        "token.rotated",
        "token.rotated",
    ];
    assert_eq!(types(&receiver), expected);
    let rotations: Vec<_> =
        receiver.seen().iter().map(|message| body(message)["data"]["token"]["rotation"].clone()).collect();
    let is_good: Vec<bool> = rotations.iter().map(|rotation| rotation["old_good_until"].is_string()).collect();
    assert_eq!(is_good, [true, false, true, false, false, true], "{rotations:?}");
    gateway.clock.step_millis(2 * 3_600_000 + 1_000);
    eventually("the overlap is over by itself", || {
        types(&receiver).iter().filter(|kind| *kind == "token.overlap_ended").nth(1).map(drop)
    });
    assert_eq!(body(&receiver.last())["data"]["token"]["id"], token.id);
}

#[test]
fn every_way_to_end_a_token_is_told_of() {
    let receiver = answering(&[200]);
    let events = "events = [\"token.revoked\", \"token.deleted\", \"token.updated\"]";
    let mut gateway = with(&receiver, &format!("{events}\n[policy.default]\npurge_expired_after = \"30d\""));
    let ids: Vec<String> = {
        let by_text = gateway.admin.create(read("by its text"));
        let bearer = format!("Bearer {}", gateway.admin.token);
        let headers = [("authorization", &*bearer), ("content-type", "application/x-www-form-urlencoded")];
        let form = format!("token={}", by_text.secret);
        let revoked = Client::connect(gateway.admin.address).request("POST", "/v1/revoke", &headers, form.as_bytes());
        assert_eq!(revoked.status, 200, "{}", revoked.text());
        let itself = gateway.admin.create(read("by itself"));
        let path = "/v1/tokens/current/revoke";
        let answer = request(gateway.admin.address, "POST", path, Some(&itself.secret), b"");
        assert!(answer.status < 300, "{}", answer.text());
        let edited = gateway.admin.create(read("edited"));
        let path = format!("/v1/tokens/{}", edited.id);
        assert_eq!(gateway.admin.call("PATCH", &path, Some(json!({"expires": "1h"}))).status, 200);
        let among = gateway.admin.create(read("among many"));
        let many = json!({"q": "among many", "expect": 1});
        assert_eq!(gateway.admin.call("POST", "/v1/tokens/revoke", Some(many)).status, 200);
        let account = gateway.admin.call("POST", "/v1/accounts", Some(json!({"name": "acme"}))).json();
        let account = account["id"].as_str().expect("an id").to_owned();
        let mut inside = read("with its account");
        inside["account"] = json!(account);
        let inside = gateway.admin.create(inside);
        let path = format!("/v1/accounts/{account}?everything=acme");
        assert_eq!(gateway.admin.call("DELETE", &path, None).status, 204);
        [by_text.id, itself.id, edited.id, among.id, inside.id].into()
    };
    until(&gateway, "five are delivered", |status| status["delivered"] == 5);
    assert_eq!(types(&receiver), ["token.revoked", "token.revoked", "token.updated", "token.revoked", "token.deleted"]);
    let told: Vec<_> = receiver.seen().iter().map(|message| body(message)["data"]["token"]["id"].clone()).collect();
    assert_eq!(told, ids);
    let expired = gateway.admin.create(json!({"name": "purged", "grants": {"*": "read"}, "expires": "1h"}));
    gateway.clock.step_millis(31 * DAY);
    gateway.inner().as_ref().expect("it runs").purge().expect("a store that works");
    // The edited one, which has expired too, is told of as well.
    let told = eventually("the purge is told of", || {
        receiver.seen().iter().map(body).find(|body| body["data"]["token"]["id"] == expired.id)
    });
    assert_eq!(told["type"], "token.deleted");
}

#[test]
fn an_expiry_is_told_ahead_and_when_it_has_passed() {
    let receiver = answering(&[200]);
    let gateway = with(&receiver, "events = [\"token.expiring\", \"token.expired\"]");
    let token = gateway.admin.create(json!({"name": "ci", "grants": {"*": "read"}, "expires": "10d"}));
    gateway.clock.step_millis(3 * DAY + 1_000);
    assert_eq!(told(&receiver, "token.expiring")["data"]["expires_within_seconds"], 604_800);
    gateway.clock.step_millis(7 * DAY);
    assert_eq!(told(&receiver, "token.expired")["data"]["token"]["id"], token.id);
    // A day's distance has passed with the expiry: that it is near is not told of what is over.
    assert_eq!(types(&receiver), ["token.expiring", "token.expired"]);
}

#[test]
fn distances_are_as_configured_and_what_came_during_a_stop_is_told_after_it() {
    let receiver = answering(&[200]);
    let lines = "allow_private = true\nevents = [\"token.expiring\"]\n[events]\nexpiring = [\"2h\", \"30m\", \"20d\"]";
    let mut gateway = builder(&receiver.url(), lines).start();
    let token = gateway.admin.create(json!({"name": "ci", "grants": {"*": "read"}, "expires": "5h"}));
    gateway.clock.step_millis(3 * 3_600_000 + 1_000);
    assert_eq!(told(&receiver, "token.expiring")["data"]["expires_within_seconds"], 7_200);
    gateway.halt();
    gateway.clock.step_millis(2 * 3_600_000 - 60_000);
    gateway.resume();
    let nearest = eventually("the nearer one", || receiver.seen().get(1).map(body));
    assert_eq!(
        (&nearest["data"]["expires_within_seconds"], &nearest["data"]["token"]["id"]),
        (&json!(1_800), &json!(token.id))
    );
}

#[test]
fn a_policys_remark_is_told_once() {
    let receiver = answering(&[200]);
    let policy = "[policy.default]\nwarn_never_expires = true\nwarn_rotate_after = \"30d\"\n";
    let lines = format!("allow_private = true\nevents = [\"token.warning\"]\n{policy}");
    let gateway = builder(&receiver.url(), &lines).start();
    let token = gateway.admin.create(json!({"name": "ci", "grants": {"*": "read"}, "expires": "never"}));
    let warned = told(&receiver, "token.warning");
    assert_eq!(
        (&warned["data"]["warning"]["code"], &warned["data"]["token"]["id"]),
        (&json!("never_expires"), &json!(token.id))
    );
    gateway.admin.call("PATCH", &format!("/v1/tokens/{}", token.id), Some(json!({"description": "x"})));
    gateway.clock.step_millis(30 * DAY + 1_000);
    let codes = || -> Vec<String> {
        let code = |message| body(message)["data"]["warning"]["code"].as_str().expect("a code").to_owned();
        receiver.seen().iter().map(code).collect()
    };
    eventually("its text is old", || codes().contains(&"rotate".to_owned()).then_some(()));
    let of_token = receiver.seen().iter().filter(|message| body(message)["data"]["token"]["id"] == token.id).count();
    assert_eq!(of_token, 2, "{:?}", codes());
}

/// Half a minute of requests over a limit is one event and not thousands.
#[test]
fn slow_a_limit_that_is_reached_is_told_once_an_hour() {
    let receiver = answering(&[200]);
    let gateway = with(&receiver, "events = [\"token.limit_reached\", \"token.created\"]");
    let limit = json!({"requests": 1, "window": "1d"});
    let token = gateway.admin.create(json!({"name": "ci", "grants": {"*": "read"}, "rate_limit": limit}));
    let over = |times: usize| (0..times).for_each(|_| drop(get(gateway.proxy, "/v1/devices/7", &token.secret)));
    let reached = || types(&receiver).iter().filter(|kind| *kind == "token.limit_reached").count();
    over(100);
    eventually("it is told", || (reached() == 1).then_some(()));
    let first = told(&receiver, "token.limit_reached");
    assert!(first["data"]["refused"].as_u64() > Some(0), "{first}");
    over(50);
    // Both workers hand over what they counted every two seconds.
    let marked = gateway.clock.mono();
    eventually("two more hand-overs", || {
        (gateway.clock.mono() - marked > std::time::Duration::from_secs(5)).then_some(())
    });
    assert_eq!(reached(), 1);
    gateway.clock.step_millis(3_600_000);
    over(10);
    eventually("it is told again", || (reached() == 2).then_some(()));
}
