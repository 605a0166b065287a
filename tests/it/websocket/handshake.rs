//! Who gets a tunnel: a request that is right, from who may, answered by a 101 that is right.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::stage::{KEY, SWITCH, Stage, asking, closed_with, frame, masked};
use crate::support::Wire;

#[test]
fn an_upstream_that_agrees_gets_a_tunnel() {
    let stage = Stage::new();
    let mut client = stage.ask("/live/7");
    let mut upstream = stage.origin.accept();
    let request = upstream.read_request();
    assert_eq!(request.line, "GET /live/7 HTTP/1.1");
    for (name, value) in [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-key", KEY)] {
        assert_eq!((request.count(name), request.header(name)), (1, Some(value)), "{name}");
    }
    assert_eq!(request.header("authorization"), None, "the credential stays here");
    assert_eq!(request.header("x-keygate-token"), Some(&*stage.token.id));
    upstream.send(format!("{SWITCH}Sec-WebSocket-Protocol: chat\r\nKeep-Alive: 1\r\n\r\n"));
    upstream.send(frame(1, b"first"));
    let head = client.read_head();
    assert_eq!((head.status, head.header("upgrade")), (101, Some("websocket")));
    assert_eq!(head.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
    assert_eq!(head.header("sec-websocket-protocol"), Some("chat"));
    assert_eq!((head.header("keep-alive"), head.header("content-length")), (None, None));
    assert_eq!(client.read_exactly(7), frame(1, b"first"));
    client.send(masked(1, b"second"));
    assert_eq!(upstream.read_exactly(12), masked(1, b"second"));
}

#[test]
fn a_browser_may_put_its_token_among_the_protocols() {
    const ROUTES: &str = "[[route]]\npath = \"/live/{*rest}\"\nresource = \"devices\"\nupstream = \"api\"\n\
                          websocket = \"recheck\"\ncarriers = { websocket = true }\n";
    let stage = Stage::with(|builder| builder.routes(ROUTES));
    let offer = |token: &str| {
        let mut client = Wire::connect(stage.gateway.proxy);
        let token = URL_SAFE_NO_PAD.encode(token);
        client.send(asking("/live/7", &format!("Sec-WebSocket-Protocol: base64url.bearer.{token}, chat\r\n")));
        client
    };
    let mut client = offer(&stage.token.secret);
    let mut upstream = stage.origin.accept();
    let request = upstream.read_request();
    assert_eq!(request.header("sec-websocket-protocol"), Some("chat"));
    assert_eq!(request.header("x-keygate-token"), Some(&*stage.token.id));
    upstream.send(format!("{SWITCH}Sec-WebSocket-Protocol: chat\r\n\r\n"));
    upstream.send(frame(1, b"first"));
    let head = client.read_head();
    assert_eq!((head.status, head.header("sec-websocket-protocol")), (101, Some("chat")));
    assert_eq!(client.read_exactly(7), frame(1, b"first"));
    stage.gateway.admin.change(&stage.token.id, "revoke");
    assert_eq!(closed_with(&mut client), 1008, "it lasts as long as its token is good");
    assert_eq!(offer(&stage.token.secret).read_answer("GET").status, 401);
}

#[test]
fn nobody_gets_one_without_the_right() {
    let stage = Stage::new();
    let weak = stage.gateway.admin.create(serde_json::json!({"name": "weak", "grants": {"files": "full"}}));
    for (token, status) in [("nonsense", 401), (weak.secret.as_str(), 403)] {
        let mut client = stage.ask_with("/live/7", token);
        assert_eq!(client.read_answer("GET").status, status);
    }
    let mut client = Wire::connect(stage.gateway.proxy);
    client.send(asking("/live/7", ""));
    assert_eq!(client.read_answer("GET").status, 401);
    stage.origin.expect_nobody("none of these may");
}

#[test]
fn what_asks_for_something_else_goes_on_without_it() {
    let stage = Stage::new();
    let asks = [
        (
            "GET",
            "HTTP/1.1",
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        ),
        ("GET", "HTTP/1.1", "Upgrade: foo\r\nConnection: upgrade\r\n"),
        ("GET", "HTTP/1.1", "Upgrade: websocket, h2c\r\nConnection: upgrade\r\n"),
        ("GET", "HTTP/1.1", "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade\r\n"),
        ("GET", "HTTP/1.1", "Upgrade: websocket\r\n"),
        ("GET", "HTTP/1.0", "Upgrade: websocket\r\nConnection: upgrade\r\n"),
        ("POST", "HTTP/1.1", "Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n"),
    ];
    let full = stage.gateway.token("full");
    for (method, version, headers) in asks {
        let mut client = Wire::connect(stage.gateway.proxy);
        let websocket = format!("Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n");
        client.send(format!(
            "{method} /live/7 {version}\r\nHost: a\r\nAuthorization: Bearer {full}\r\n{headers}{websocket}\r\n"
        ));
        let mut upstream = stage.origin.accept();
        let request = upstream.read_request();
        for gone in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(request.header(gone), None, "{headers}");
        }
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nUpgrade: h2c\r\n\r\nok");
        let answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.header("upgrade")), (200, None), "{headers}");
    }
}

#[test]
fn a_route_that_takes_none_sees_an_ordinary_request() {
    let stage = Stage::new();
    let mut client = stage.ask("/plain/7");
    let mut upstream = stage.origin.accept();
    assert_eq!(upstream.read_request().header("upgrade"), None);
    upstream.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.read_answer("GET").status, 426);
}

#[test]
fn a_wrong_request_is_told_so() {
    let stage = Stage::new();
    let credential = format!("Authorization: Bearer {}\r\n", stage.gateway.token("full"));
    let right = asking("/live/7", &credential);
    let wrong = [
        right.replace(KEY, "dGhlIHNhbXBsZSBub25j"),
        right.replace(KEY, "?"),
        right.replace("Sec-WebSocket-Key", "X-Key"),
        right.replace("Version: 13", "Version: 8"),
        right.replace("Sec-WebSocket-Version", "X-Version"),
        right.replace("Version: 13\r\n", "Version: 13\r\nSec-WebSocket-Version: 13\r\n"),
        right.replace("GET", "POST"),
        right.replace("Host: a\r\n", "Host: a\r\nContent-Length: 3\r\n") + "abc",
        right.replace("Host: a\r\n", "Host: a\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
    ];
    for request in wrong {
        let mut client = Wire::connect(stage.gateway.proxy);
        client.send(&request);
        let answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_upgrade"), "{request}");
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        assert!(client.read_rest().is_empty());
    }
    stage.origin.expect_nobody("all of them are wrong");
}

#[test]
fn what_follows_too_early_is_read_only_after_the_switch() {
    let stage = Stage::new();
    let evil = b"GET /live/evil HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    // A request, no request, and what would be refused as one.
    for early in [evil, masked(1, b"early"), b"GET /live/evil HTTP/1.1\nHost: a\n\n".to_vec()] {
        let mut client = Wire::connect(stage.gateway.proxy);
        let asking = asking("/live/7", &format!("Authorization: Bearer {}\r\n", stage.token.secret));
        client.send([asking.as_bytes(), &early].concat());
        let mut upstream = stage.origin.accept();
        upstream.read_request();
        client.send(masked(1, b"later"));
        assert!(upstream.is_silent_for(Duration::from_millis(100)), "not before the upstream has agreed");
        upstream.send(format!("{SWITCH}\r\n"));
        assert_eq!(client.read_head().status, 101);
        let all = [early, masked(1, b"later")].concat();
        assert_eq!(upstream.read_exactly(all.len()), all, "then it is bytes");
    }
}

#[test]
fn without_a_switch_it_is_the_next_request_and_decided_on_for_itself() {
    for (status, body) in [("200 OK", "ok"), ("426 Upgrade Required", "no")] {
        let stage = Stage::new();
        let mut client = Wire::connect(stage.gateway.proxy);
        let evil = "GET /live/evil HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(asking("/live/7", &format!("Authorization: Bearer {}\r\n", stage.token.secret)) + evil);
        let mut upstream = stage.origin.accept();
        upstream.read_request();
        upstream.send(format!(
            "HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{body}"
        ));
        let answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.text()), (status[..3].parse().expect("a status"), body));
        assert_eq!(answer.header("upgrade"), None, "{answer:?}");
        assert_eq!(client.read_answer("GET").status, 401, "the second has no token");
        assert!(upstream.is_silent_for(Duration::from_millis(100)), "and did not go on");
    }
}

#[test]
fn a_switch_that_does_not_answer_the_request_is_none() {
    let switches = [
        SWITCH.replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="),
        SWITCH.replace("Sec-WebSocket-Accept", "X-Accept"),
        SWITCH.replace("Upgrade: websocket", "Upgrade: h2c"),
        SWITCH.replace("Upgrade: websocket\r\n", ""),
        SWITCH.replace("Connection: Upgrade", "Connection: close"),
    ];
    for switch in switches {
        let stage = Stage::new();
        let mut client = stage.ask("/live/7");
        let mut upstream = stage.origin.accept();
        upstream.read_request();
        upstream.send(format!("{switch}\r\n"));
        let answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_failed"), "{switch}");
        assert!(upstream.read_rest().is_empty(), "its connection is closed");
    }
    // Nobody asked.
    let stage = Stage::new();
    let mut client = Wire::connect(stage.gateway.proxy);
    client.send(format!("GET /live/7 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", stage.token.secret));
    let mut upstream = stage.origin.accept();
    upstream.read_request();
    upstream.send(format!("{SWITCH}\r\n"));
    assert_eq!(client.read_answer("GET").status, 502);
    assert!(upstream.read_rest().is_empty());
}

#[test]
fn an_upstream_that_never_answers_is_not_waited_for() {
    let stage = Stage::with(|builder| builder.upstream("response_timeout = \"300ms\""));
    let mut client = stage.ask("/live/7");
    let mut upstream = stage.origin.accept();
    upstream.read_request();
    assert_eq!(client.read_answer("GET").status, 504);
    assert!(upstream.read_rest().is_empty());
}
