//! How long a tunnel lasts.

use std::time::Duration;

use keygate::model::ForeignHash;
use serde_json::json;

use super::stage::{ROUTES, Stage, closed_with, frame, masked};
use crate::support::eventually;

/// Changes the stage, and expects each open tunnel of `live` to be closed for it.
#[track_caller]
fn ends(stage: &Stage, why: &str, change: impl FnOnce()) {
    let (mut client, mut upstream) = stage.open("/live/7");
    upstream.send(frame(1, b"hello"));
    client.read_exactly(7);
    change();
    assert_eq!(closed_with(&mut client), 1008, "{why}");
    let told = upstream.read_rest();
    assert_eq!(told.first().copied(), Some(0x88), "{why}: the upstream is told too");
}

#[test]
fn a_tunnel_ends_with_the_right_to_it() {
    let admin = |stage: &Stage| stage.gateway.admin.clone();
    for verb in ["disable", "revoke"] {
        let stage = Stage::new();
        ends(&stage, verb, || drop(admin(&stage).change(&stage.token.id, verb)));
    }
    let stage = Stage::new();
    ends(&stage, "deleted", || {
        admin(&stage).change(&stage.token.id, "revoke");
        admin(&stage).delete(&stage.token.id);
    });
    let mut stage = Stage::new();
    stage.token = admin(&stage).create(json!({"name": "short", "grants": {"devices": "read"}, "expires": "1h"}));
    ends(&stage, "expired", || stage.gateway.clock.step_millis(3_601_000));
}

/// Its first use replaces what an imported key is known by, which takes nothing from it.
#[test]
fn a_tunnel_of_an_imported_key_outlasts_the_change_of_its_digest() {
    let mut stage = Stage::new();
    let hash: String = ForeignHash::Sha256.of("an-old-key").iter().map(|byte| format!("{byte:02x}")).collect();
    let line = json!({"hash": hash, "algorithm": "sha256", "grants": {"devices": "read"}, "expires": "never"});
    let admin = stage.gateway.admin.clone();
    let made = admin.call("POST", "/v1/tokens/import", Some(json!({"tokens": [line]}))).json();
    let id = made["items"][0]["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned();
    let tag = || admin.call("GET", &format!("/v1/tokens/{id}"), None).header("etag").map(str::to_owned);
    let before = tag();
    let other = std::mem::replace(&mut stage.token.secret, "an-old-key".to_owned());
    let (mut mine, mut upstream) = stage.open("/live/7");
    eventually("the key has a digest of its own", || (tag() != before).then_some(()));
    // Whenever one of these has ended, all were looked at since.
    stage.token.secret = other;
    for verb in ["disable", "revoke"] {
        admin.change(&stage.token.id, "enable");
        let (mut ended, _upstream) = stage.open("/live/8");
        admin.change(&stage.token.id, verb);
        assert_eq!(closed_with(&mut ended), 1008);
    }
    mine.send(masked(1, b"still"));
    assert_eq!(upstream.read_exactly(11), masked(1, b"still"));
    admin.change(&id, "revoke");
    assert_eq!(closed_with(&mut mine), 1008);
}

#[test]
fn a_tunnel_ends_with_its_account() {
    for change in [json!({"state": "suspended"}), json!({"ceiling": {"files": "full"}})] {
        let mut stage = Stage::new();
        let admin = stage.gateway.admin.clone();
        let answer = admin.call("POST", "/v1/accounts", Some(json!({"name": "customer"})));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let account = answer.json()["id"].as_str().expect("an id").to_owned();
        stage.token = admin.create(json!({"name": "t", "account": account, "grants": {"devices": "read"}}));
        ends(&stage, &change.to_string(), || {
            let answer = admin.call("PATCH", &format!("/v1/accounts/{account}"), Some(change.clone()));
            assert_eq!(answer.status, 200, "{}", answer.text());
        });
    }
}

/// The upstream was told of a filter when the tunnel was opened, and of no other since.
#[test]
fn a_tunnel_ends_when_its_tokens_filter_is_another() {
    let mut stage = Stage::with(|builder| {
        builder.routes(&ROUTES.replacen(
            "websocket = \"recheck\"",
            "websocket = \"recheck\"\nfilter = { header = \"X-Scope\" }",
            1,
        ))
    });
    let admin = stage.gateway.admin.clone();
    let filters = json!({"region": ["eu", "us"]});
    stage.token = admin.create(json!({"name": "t", "grants": {"devices": "read"}, "filters": filters}));
    ends(&stage, "its filter was narrowed", || {
        let narrowed = json!({"filters": {"region": ["eu"]}});
        let answer = admin.call("PATCH", &format!("/v1/tokens/{}", stage.token.id), Some(narrowed));
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

#[test]
fn no_close_stands_in_the_midst_of_a_frame_to_the_upstream() {
    let stage = Stage::new();
    let (mut client, mut upstream) = stage.open("/live/7");
    let message = masked(1, &[7; 100]);
    client.send(&message[..50]);
    upstream.read_exactly(50);
    stage.gateway.admin.change(&stage.token.id, "revoke");
    assert_eq!(closed_with(&mut client), 1008);
    assert!(upstream.read_rest().is_empty(), "cut, and no close frame in the middle of another");
}

#[test]
fn who_has_said_good_bye_is_told_nothing_more() {
    let stage = Stage::new();
    let (mut client, mut upstream) = stage.open("/live/7");
    let good_bye = masked(8, &1000u16.to_be_bytes());
    client.send(&good_bye);
    assert_eq!(upstream.read_exactly(good_bye.len()), good_bye);
    stage.gateway.admin.change(&stage.token.id, "revoke");
    assert_eq!(closed_with(&mut client), 1008);
    assert!(upstream.read_rest().is_empty(), "one close frame is enough");
}

#[test]
fn others_stay_open_and_so_does_what_may_last() {
    let stage = Stage::new();
    let other = stage.gateway.admin.create(json!({"name": "other", "grants": {"devices": "read"}}));
    let (mut lasting, mut lasting_upstream) = stage.open("/last/7");
    let (mut open, mut open_upstream) = stage.open("/open/7");
    let (mut revoked, _revoked_upstream) = stage.open("/live/7");
    let mut stage = stage;
    let first = std::mem::replace(&mut stage.token, other);
    let (mut mine, mut mine_upstream) = stage.open("/live/7");
    stage.gateway.admin.change(&first.id, "revoke");
    assert_eq!(closed_with(&mut revoked), 1008);
    for (client, upstream) in
        [(&mut lasting, &mut lasting_upstream), (&mut open, &mut open_upstream), (&mut mine, &mut mine_upstream)]
    {
        client.send(masked(1, b"still"));
        assert_eq!(upstream.read_exactly(11), masked(1, b"still"));
    }
}

#[test]
fn the_close_waits_for_the_frame_that_is_under_way_and_the_client_is_not_heard_any_more() {
    let stage = Stage::new();
    let (mut client, mut upstream) = stage.open("/live/7");
    let message = frame(1, &[7; 100]);
    upstream.send(&message[..50]);
    client.read_exactly(50);
    stage.gateway.admin.change(&stage.token.id, "revoke");
    let told = upstream.read_exactly(2);
    assert_eq!(told[0], 0x88, "the upstream is told first");
    client.send(masked(1, b"too late"));
    upstream.send(&message[50..]);
    assert_eq!(client.read_exactly(52), message[50..]);
    assert_eq!(closed_with(&mut client), 1008);
    let rest = upstream.read_rest();
    assert!(!rest.windows(8).any(|window| window == b"too late"), "{rest:?}");
}

#[test]
fn a_frame_that_never_ends_does_not_keep_a_tunnel_open() {
    let stage = Stage::new();
    let (mut client, mut upstream) = stage.open("/live/7");
    upstream.send(&frame(1, &[7; 100])[..50]);
    client.read_exactly(50);
    stage.gateway.admin.change(&stage.token.id, "revoke");
    assert!(client.read_rest().is_empty(), "cut, and no close frame in the middle of another");
}

#[test]
fn what_is_idle_is_closed_and_what_moves_is_not() {
    let stage = Stage::with(|builder| builder.server("stream_idle_timeout = \"400ms\""));
    let (mut client, mut upstream) = stage.open("/live/7");
    for _ in 0..5 {
        assert!(client.is_silent_for(Duration::from_millis(150)));
        upstream.send(frame(9, b""));
        client.read_exactly(2);
    }
    assert_eq!(closed_with(&mut client), 1001);
}

#[test]
fn a_gateway_that_stops_says_so() {
    let stage = Stage::new();
    let (mut client, _upstream) = stage.open("/live/7");
    let (mut last, _last_upstream) = stage.open("/last/7");
    let Stage { gateway, origin: _origin, .. } = stage;
    let stopped = std::thread::spawn(move || gateway.stop());
    assert_eq!((closed_with(&mut client), closed_with(&mut last)), (1001, 1001));
    stopped.join().expect("nothing is left to wait for");
}

#[test]
fn many_tunnels_are_told_apart() {
    let stage = Stage::new();
    let open: Vec<_> = (0..50).map(|_| stage.open("/live/7")).collect();
    let count = || stage.gateway.admin.metric("keygate_open_tunnels ");
    eventually("all are counted", || (count() == Some(50.0)).then_some(()));
    for (at, (mut client, mut upstream)) in open.into_iter().enumerate() {
        let message = masked(1, at.to_string().as_bytes());
        client.send(&message);
        assert_eq!(upstream.read_exactly(message.len()), message);
    }
    eventually("all are closed", || (count() == Some(0.0)).then_some(()));
}
