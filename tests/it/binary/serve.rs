//! `keygate run` from start to stop: what it logs, how it drains, what a restart keeps.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use crate::support::binary::{Install, done};
use crate::support::upstream::Then;
use crate::support::{Client, Upstream, eventually, get, request};

#[test]
fn the_environment_goes_before_the_configuration() {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run_with(&[("KEYGATE__LISTEN__PUBLIC__ADDRESS", "127.0.0.2:0")]);
    assert_eq!(served.proxy.ip().to_string(), "127.0.0.2");
    assert_eq!(served.admin.address.ip().to_string(), "127.0.0.1");
    assert_eq!(request(served.proxy, "GET", "/", None, b"").status, 401);
}

#[test]
fn a_request_in_flight_is_finished_and_tokens_outlive_the_process() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let upstream = Upstream::scripted(move |request, stream| {
        if request.line.contains("/slow") {
            released.lock().expect("one request").recv().expect("the test goes on");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").expect("the gateway reads");
        Then::Keep
    });
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = done(&mut install.managed(&served, &["token", "create", "ci", "--read", "-o", "json"])).json();
    let (id, token) = (made["id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    for _ in 0..3 {
        assert_eq!(get(served.proxy, "/quick", token).status, 200);
    }

    let bearer = format!("Bearer {token}");
    let mut slow = Client::connect(served.proxy);
    slow.send(format!("GET /slow HTTP/1.1\r\nHost: gateway.localhost\r\nAuthorization: {bearer}\r\n\r\n"));
    eventually("the slow request", || upstream.seen().iter().any(|seen| seen.line.contains("/slow")).then_some(()));
    served.process.signal("TERM");
    eventually("the listener's end", || {
        TcpStream::connect_timeout(&served.proxy, Duration::from_secs(1)).is_err().then_some(())
    });
    release.send(()).expect("the upstream waits");
    let answer = slow.read_answer("GET");
    assert_eq!((answer.status, answer.text()), (200, "done"));
    assert_eq!(answer.header("connection"), Some("close"), "a draining gateway takes no further request");
    assert!(slow.is_closed());
    assert_eq!(served.process.ended().code(), Some(0));
    assert_eq!(served.process.event("stopped")["level"], "INFO");

    let served = install.run();
    let kept = done(&mut install.managed(&served, &["token", "show", id, "-o", "json"])).json();
    assert_eq!(kept["requests"], 4, "{kept}");
    assert!(kept["last_used"].is_string(), "{kept}");
    assert_eq!(get(served.proxy, "/quick", token).status, 200, "the same token serves");
}

#[test]
fn a_request_that_never_ends_is_cut_off_by_the_drain_time_out() {
    let upstream = Upstream::scripted(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n").expect("it reads");
        // Until the gateway hangs up.
        while stream.write_all(b"1\r\nx\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Then::Close
    });
    let install = Install::new(&upstream.url());
    install.configure(|text| text.replace("\n[server]\n", "\n[server]\ndrain_timeout = \"1s\"\n"));
    let mut served = install.run();
    let mut endless = Client::connect(served.proxy);
    let bearer = format!("Bearer {}", install.admin_token);
    endless.send(format!("GET /endless HTTP/1.1\r\nHost: gateway.localhost\r\nAuthorization: {bearer}\r\n\r\n"));
    assert_eq!(endless.read_head().status, 200);
    served.process.signal("INT");
    assert_eq!(served.process.ended().code(), Some(0));
    assert!(served.process.err().contains("the drain time-out passed with requests in flight"));
}

#[test]
fn neither_stream_ever_holds_a_secret() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = done(&mut install.managed(&served, &["token", "create", "ci", "--read", "-o", "json"])).json();
    let (id, token) = (made["id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    assert_eq!(get(served.proxy, "/v1/things", token).status, 200);
    assert_eq!(request(served.proxy, "POST", "/v1/things", Some(token), b"{}").status, 403);
    let other = if token.ends_with('0') { "1" } else { "0" };
    let garbled = format!("{}{other}", &token[..token.len() - 1]);
    assert_eq!(get(served.proxy, "/v1/things", &garbled).status, 401);
    // Where a token does not belong, and clients put it all the same.
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("User-Agent", token), ("Referer", token), ("Cookie", token)];
    let target = format!("/v1/{token}?access_token={token}");
    Client::connect(served.proxy).request("GET", &target, &headers, b"");
    request(served.proxy, "GET", &target, None, b"");
    request(served.admin.address, "GET", &target, Some(&install.admin_token), b"");
    done(&mut install.managed(&served, &["token", "revoke", id, "--yes"])).ok();
    assert_eq!(get(served.proxy, "/v1/things", token).status, 401);
    assert_eq!(served.process.stop("TERM"), Some(0));

    let said = served.process.out() + &served.process.err();
    assert!(said.contains(id), "the access log names the token by its id: {said}");
    assert!(served.process.out().lines().count() >= 6, "one line a request: {said}");
    let pepper = std::fs::read_to_string(install.path("pepper")).expect("a pepper");
    for (name, secret) in [("the token", token), ("the admin token", &install.admin_token), ("the pepper", &pepper)] {
        // The random part without the prefix, in case something cuts it in pieces.
        let random = &secret.trim()[secret.trim().len() - 36..][..24];
        assert!(!said.contains(random), "{name} is in: {said}");
    }
    for line in said.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}
