//! Receivers that are slow, dead, lying or leading elsewhere. None of them slows anything else down.

use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{answer, answering, body, builder, id, read, until, with};
use crate::support::client::get;
use crate::support::tls::{Authority, TlsUpstream};
use crate::support::{Builder, Gateway, Then, Upstream, eventually, timed};

/// What comes of a message that says nothing.
fn tried(gateway: &Gateway) -> Value {
    let answer = gateway.admin.call("POST", "/v1/webhooks/hook/test", None);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[track_caller]
fn refused(gateway: &Gateway, why: &str) {
    let tried = tried(gateway);
    assert_eq!(tried["delivered"], false, "{tried}");
    assert!(tried["error"].as_str().is_some_and(|error| error.contains(why)), "no {why:?} in {tried}");
}

/// Takes connections and requests, and answers when it is told to.
fn holding() -> (Upstream, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let receiver = Upstream::scripted(move |_, stream| {
        let _ = held.lock().expect("no panic holds it").recv();
        answer(stream, 200)
    });
    (receiver, release)
}

#[test]
fn what_fails_is_tried_again_under_the_same_id_and_holds_up_no_other() {
    let receiver = Upstream::scripted(|message, stream| {
        let is_refused = body(message)["data"]["token"]["name"] == "one";
        answer(stream, if is_refused { 500 } else { 200 })
    });
    let gateway = with(&receiver, "attempts = 3");
    for name in ["one", "two", "three"] {
        gateway.admin.create(read(name));
    }
    until(&gateway, "two are delivered and one is dead", |status| status["delivered"] == 2 && status["dead"] == 1);
    let seen = receiver.seen();
    let of = |name: &str| -> Vec<String> {
        seen.iter().filter(|message| body(message)["data"]["token"]["name"] == name).map(id).collect()
    };
    assert_eq!((of("one").len(), of("two").len(), of("three").len()), (3, 1, 1));
    assert!(of("one").windows(2).all(|pair| pair[0] == pair[1]), "{:?}", of("one"));
    assert!(of("one")[0] != of("two")[0]);
}

#[test]
fn a_slow_receiver_slows_nobody_and_takes_a_bounded_line() {
    let (receiver, release) = holding();
    let api = Upstream::start();
    let lines = "allow_private = true\nqueue = 10\ntimeout = \"60s\"";
    let gateway = {
        let builder = Builder::new(&api.url());
        super::write_secret(&builder.directory().join("webhook.secret"), &super::SECRET);
        let url = receiver.url();
        let secret = "secret = { file = \"webhook.secret\" }";
        builder.policies(&format!("[[webhook]]\nname = \"hook\"\nurl = \"{url}\"\n{secret}\n{lines}\n")).start()
    };
    let first = gateway.admin.create(read("first"));
    eventually("it waits for an answer", || (receiver.seen().len() == 1).then_some(()));
    let ((), took) = timed(|| {
        for _ in 0..40 {
            gateway.admin.create(read("more"));
            assert_eq!(get(gateway.proxy, "/v1/devices/7", &first.secret).status, 200);
        }
    });
    assert!(took < Duration::from_secs(30), "forty changes waited for a receiver: {took:?}");
    assert_eq!(receiver.seen().len(), 1, "one at a time");
    let status = until(&gateway, "the line is full", |status| status["pending"] == 10);
    assert_eq!((&status["dead"], &status["delivered"]), (&json!(31), &json!(0)), "{status}");
    assert_eq!(gateway.admin.metric("keygate_webhook_dead_letters{webhook=\"hook\"} "), Some(31.0));
    let dead = gateway.admin.call("GET", "/v1/webhooks/hook/dead", None).json();
    assert_eq!(dead["items"][0]["reason"], "the line was full");
    // It does not keep the gateway from stopping either, and once it answers again it gets what it missed.
    drop(release);
    until(&gateway, "the line is empty", |status| status["delivered"] == 10 && status["pending"] == 0);
}

#[test]
fn a_gateway_stops_while_a_receiver_hangs() {
    let (receiver, _release) = holding();
    let gateway = with(&receiver, "timeout = \"60s\"");
    gateway.admin.create(read("ci"));
    eventually("it waits for an answer", || (receiver.seen().len() == 1).then_some(()));
    let (_, took) = timed(|| gateway.stop());
    assert!(took < Duration::from_secs(9), "{took:?}");
}

#[test]
fn an_answer_that_never_ends_costs_its_time_and_no_more() {
    let silent = holding();
    let gateway = with(&silent.0, "timeout = \"200ms\"");
    refused(&gateway, "no answer within 200 ms");
    drop(gateway);
    let dripping = Upstream::scripted(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-").expect("the gateway reads");
        while stream.write_all(b"a").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Then::Close
    });
    let gateway = with(&dripping, "timeout = \"200ms\"");
    refused(&gateway, "no answer within 200 ms");
    drop(gateway);
    let endless = Upstream::scripted(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").expect("the gateway reads");
        while stream.write_all(&[b'a'; 65_536]).is_ok() {}
        Then::Close
    });
    let gateway = with(&endless, "");
    assert_eq!(tried(&gateway)["delivered"], true, "what it says behind its yes nobody reads");
    drop(gateway);
    let boundless = Upstream::scripted(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").expect("the gateway reads");
        while stream.write_all(b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
        Then::Close
    });
    let gateway = with(&boundless, "");
    refused(&gateway, "the exchange broke off");
}

#[test]
fn a_receiver_that_is_dead_or_speaks_something_else_is_told_as_such() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let gateway = builder(&format!("http://{closed}"), "allow_private = true").start();
    refused(&gateway, "no connection");
    drop(gateway);
    let other = Upstream::answering(b"220 mail.example.com ESMTP\r\n");
    let gateway = with(&other, "");
    refused(&gateway, "the exchange broke off");
    drop(gateway);
    let gateway = builder("https://no-such-host.invalid", "").start();
    refused(&gateway, "the name cannot be resolved");
}

#[test]
fn a_receiver_that_is_gone_is_sent_nothing_more() {
    let receiver = answering(&[410, 200]);
    let gateway = with(&receiver, "");
    gateway.admin.create(read("one"));
    until(&gateway, "it is gone", |status| status["state"] == "gone");
    gateway.admin.create(read("two"));
    until(&gateway, "both are dead letters", |status| status["dead"] == 2);
    assert_eq!(receiver.seen().len(), 1);
    let answer = gateway.admin.call("POST", "/v1/webhooks/hook/redeliver", Some(json!({})));
    assert_eq!(answer.json(), json!({"redelivered": 2}));
    until(&gateway, "it was asked again", |status| status["delivered"] == 2 && status["state"] == "ok");
}

#[test]
fn no_redirect_is_followed_and_no_metadata_is_asked() {
    let inside = Upstream::start();
    let location = inside.url();
    let receiver = Upstream::scripted(move |_, stream| {
        write!(stream, "HTTP/1.1 307 X\r\nLocation: {location}/\r\nContent-Length: 0\r\n\r\n").expect("read");
        Then::Close
    });
    let gateway = with(&receiver, "attempts = 1");
    gateway.admin.create(read("ci"));
    let status = until(&gateway, "a dead letter", |status| status["dead"] == 1);
    assert_eq!(status["last_error"], "it answered 307: no redirect is followed");
    assert!(inside.seen().is_empty());
    drop(gateway);
    for metadata in ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "100.100.100.200", "0.0.0.0"] {
        let gateway = builder(&format!("http://{metadata}"), "allow_private = true").start();
        refused(&gateway, "is an address that is not to be connected to");
    }
}

#[test]
fn a_name_that_leads_inside_is_refused_where_that_is_not_wanted() {
    for host in ["localhost:1", "127.0.0.1:1", "[::1]:1", "[::ffff:10.0.0.1]:1"] {
        let gateway = builder(&format!("https://{host}"), "").start();
        let tried = tried(&gateway);
        let error = tried["error"].as_str().expect("an error").to_owned();
        assert!(error.ends_with("is an address that is not to be connected to"), "{host}: {error}");
    }
}

#[test]
fn a_certificate_of_another_is_not_believed() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let identities = [
        ("another authority", theirs.issue(&["127.0.0.1"]), "TLS failed"),
        ("another name", ours.issue(&["localhost"]), "TLS failed"),
    ];
    for (what, identity, why) in identities {
        let receiver = TlsUpstream::start(identity.server(&[]), ok, true);
        let builder = builder(&receiver.url(), "allow_private = true\nca = \"ca.pem\"");
        ours.write(&builder.directory().join("ca.pem"));
        let gateway = builder.start();
        refused(&gateway, why);
        assert_eq!(receiver.seen(), "", "{what}");
    }
    let plain = Upstream::start();
    let gateway = builder(&plain.url().replace("http:", "https:"), "allow_private = true").start();
    refused(&gateway, "TLS failed");
    drop(gateway);
    let receiver = TlsUpstream::start(ours.issue(&["127.0.0.1"]).server(&[]), ok, true);
    let builder = builder(&receiver.url(), "allow_private = true\nca = \"ca.pem\"\ntimeout = \"1s\"");
    ours.write(&builder.directory().join("ca.pem"));
    // Which waits for the end of a head, and so gives no answer.
    refused(&builder.start(), "no answer");
    assert!(receiver.seen().starts_with("POST /keygate?x=1 HTTP/1.1\r\n"), "the right one is: {}", receiver.seen());
}
