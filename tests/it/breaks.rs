//! Connections that fail in the midst of something, and what the other side sees of it: never a whole that
//! is none, never a byte of one exchange in another.

use std::time::Duration;

use crate::support::frames::{Frames, HEADERS, RST_STREAM};
use crate::support::{Builder, Gateway, Origin, Wire, timed};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One worker, so that it is known which connections a request may use.
fn setup() -> (Origin, Gateway) {
    let origin = Origin::start();
    let gateway = Builder::new(&origin.url()).server_alone("workers = 1\npin_workers = false").start();
    (origin, gateway)
}

/// Closing it resets it.
fn reset(wire: Wire) {
    socket2::SockRef::from(wire.stream()).set_linger(Some(Duration::ZERO)).expect("a socket option");
}

fn ask(gateway: &Gateway, origin: &Origin, line: &str, headers: &[(&str, &str)]) -> (Wire, Wire) {
    let mut client = Wire::connect(gateway.proxy);
    client.send_head(line, headers);
    let mut upstream = origin.accept();
    upstream.read_request();
    (client, upstream)
}

/// The gateway serves on, and nothing of before is in what comes.
#[track_caller]
fn serves(gateway: &Gateway, origin: &Origin) {
    let (mut client, mut upstream) = ask(gateway, origin, "GET /public/next", &[]);
    upstream.send(OK);
    let answer = client.read_answer("GET");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
    // Nobody after this may find it in the pool.
    upstream.hang_up();
}

#[test]
fn an_upstream_that_resets_before_its_answer_is_502() {
    let (origin, gateway) = setup();
    for head in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"] {
        let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
        upstream.send(head);
        // What was sent has to be read before the reset overtakes it.
        assert!(upstream.is_silent_for(Duration::from_millis(50)));
        reset(upstream);
        let answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_failed"), "{head:?}");
        serves(&gateway, &origin);
    }
}

#[test]
fn an_upstream_that_resets_in_its_answer_never_looks_complete() {
    let (origin, gateway) = setup();
    for (framing, piece) in [
        ("Content-Length: 100\r\n", "half"),
        ("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n"),
        // Its end would be the body's end; a reset is none.
        ("", "half"),
    ] {
        let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
        upstream.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n{piece}"));
        assert_eq!(client.read_head().status, 200);
        let piece =
            if framing.starts_with("Content") { client.read_exactly(4) } else { client.read_chunk().expect("it") };
        assert_eq!(piece, b"half");
        reset(upstream);
        let rest = String::from_utf8_lossy(&client.read_rest()).into_owned();
        assert!(!rest.contains("0\r\n\r\n"), "{framing:?}: {rest:?}");
        serves(&gateway, &origin);
    }
}

/// The end of the upstream's connection is the end of such a body. It is told as a whole, with a last chunk.
#[test]
fn a_body_that_ends_with_its_connection_is_whole_where_that_is_closed() {
    let (origin, gateway) = setup();
    let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
    upstream.send("HTTP/1.1 200 OK\r\n\r\nall of it");
    upstream.finish_sending();
    let answer = client.read_answer("GET");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"all of it"[..]));
    serves(&gateway, &origin);
}

#[test]
fn an_upstream_that_closes_in_the_middle_of_a_request_ends_it() {
    let (origin, gateway) = setup();
    for resets in [false, true] {
        let (mut client, mut upstream) = ask(&gateway, &origin, "POST /public/7", &[("Content-Length", "1000000")]);
        client.send("begun");
        upstream.read_exactly(5);
        if resets {
            reset(upstream)
        } else {
            upstream.hang_up()
        }
        let answer = client.read_answer("POST");
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_failed"), "reset: {resets}");
        serves(&gateway, &origin);
    }
}

#[test]
fn a_client_that_resets_frees_the_upstream() {
    let (origin, gateway) = setup();
    let (mut client, mut upstream) = ask(&gateway, &origin, "POST /public/7", &[("Transfer-Encoding", "chunked")]);
    client.send_chunk(b"half");
    assert_eq!(upstream.read_chunk().as_deref(), Some(&b"half"[..]));
    reset(client);
    let (rest, took) = timed(|| upstream.read_rest());
    assert!(!String::from_utf8_lossy(&rest).contains("0\r\n\r\n"), "no last chunk: {rest:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    println!("reset in a request: the upstream is free after {took:?}");

    let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
    upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    assert_eq!(client.read_head().status, 200);
    reset(client);
    let (rest, took) = timed(|| upstream.read_rest());
    assert!(rest.is_empty() && took < Duration::from_secs(1), "{took:?}");
    println!("reset in a stream of events: the upstream is free after {took:?}");
    serves(&gateway, &origin);
}

/// Over HTTP/1.1 nobody can tell a client that only ends its own side from one that is gone, and to wait for the
/// first would keep upstreams at work for the second.
#[test]
fn a_client_that_ends_its_side_is_gone() {
    let (origin, gateway) = setup();
    for (head, piece) in [
        ("", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "half"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nhalf\r\n"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "data: 1\n\n"),
    ] {
        let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
        upstream.send(format!("{head}{piece}"));
        if !head.is_empty() {
            assert_eq!(client.read_head().status, 200);
        }
        client.finish_sending();
        assert!(upstream.read_rest().is_empty(), "{head:?}: the upstream is free");
        let seen = String::from_utf8_lossy(&client.read_rest()).into_owned();
        assert!(seen.contains(piece) && !seen.contains("0\r\n\r\n"), "{head:?}: what had come, and no end: {seen:?}");
        serves(&gateway, &origin);
    }
}

/// However short the answer would be, and however soon it would come.
#[test]
fn a_client_that_ends_its_side_with_its_request_gets_no_answer() {
    let (origin, gateway) = setup();
    for body in ["\r\n", "Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"] {
        let mut client = Wire::connect(gateway.proxy);
        client.send(format!("POST /public/7 HTTP/1.1\r\nHost: a\r\n{body}"));
        client.finish_sending();
        assert!(client.read_rest().is_empty(), "{body:?}");
        // Whether it was reached depends on how soon the end was read.
        if let Some(mut upstream) = origin.try_accept() {
            upstream.read_rest();
        }
        serves(&gateway, &origin);
    }
}

/// It is never completed by the end of the side that it came from, and the client, which may still read, is told.
#[test]
fn a_request_whose_client_ends_its_side_in_the_midst_of_it_is_none() {
    let (origin, gateway) = setup();
    let parts: [(&str, &str, &[u8], &[u8]); 3] = [
        ("Content-Length", "100", b"half", b"half"),
        ("Transfer-Encoding", "chunked", b"4\r\nhalf\r\n", b"4\r\nhalf\r\n"),
        ("Transfer-Encoding", "chunked", b"4\r\nhalf\r\n8\r\nmore", b"4\r\nhalf\r\n"),
    ];
    for (framing, value, sent, arrives) in parts {
        let (mut client, mut upstream) = ask(&gateway, &origin, "POST /public/7", &[(framing, value)]);
        client.send(sent);
        assert_eq!(upstream.read_exactly(arrives.len()), arrives);
        client.finish_sending();
        let rest = String::from_utf8_lossy(&upstream.read_rest()).into_owned();
        assert!(!rest.contains("0\r\n\r\n"), "{framing}: {rest:?}");
        let answer = client.read_answer("POST");
        assert_eq!((answer.status, answer.problem().as_str()), (400, "body_incomplete"), "{framing}");
        assert!(client.read_rest().is_empty());
        serves(&gateway, &origin);
    }
}

/// Over HTTP/2 a stream's reset is one request's end, and no other's.
#[test]
fn a_stream_that_is_reset_frees_its_upstream_alone() {
    let (origin, gateway) = setup();
    let mut client = Frames::connect(gateway.proxy, &[]);
    client.get(1, "/public/stays", &[]);
    let mut kept = origin.accept();
    kept.read_request();
    client.get(3, "/public/goes", &[]);
    let mut freed = origin.accept();
    freed.read_request();
    // CANCEL (RFC 9113 section 7).
    client.send(RST_STREAM, 0, 3, &8u32.to_be_bytes());
    let (rest, took) = timed(|| freed.read_rest());
    assert!(rest.is_empty() && took < Duration::from_secs(1), "{took:?}");
    println!("a stream's reset: the upstream is free after {took:?}");
    kept.send(OK);
    assert_eq!(client.read_answer(1), Some(Ok(b"ok".to_vec())));
}

#[test]
fn over_http2_what_breaks_off_is_reset() {
    let (origin, gateway) = setup();
    let mut client = Frames::connect(gateway.proxy, &[]);
    let mut stream = 1;
    for (framing, piece, resets) in [
        ("Content-Length: 100\r\n", "half", false),
        ("Content-Length: 100\r\n", "half", true),
        ("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n", false),
        ("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n0\r\n", false),
        ("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\nzz\r\n", false),
        ("", "half", true),
    ] {
        client.get(stream, "/public/7", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n{piece}"));
        // What is seen to be wrong at once may go before the piece.
        let begun = client.read_until(|frame| frame.stream == stream && frame.kind != HEADERS).expect("a frame");
        if resets {
            reset(upstream);
        } else {
            upstream.hang_up();
        }
        let ended = if begun.kind == RST_STREAM { Some(Err(0)) } else { client.read_answer(stream) };
        assert!(begun.kind == RST_STREAM || begun.payload == b"half", "{framing:?} {piece:?}: {begun:?}");
        assert!(matches!(ended, Some(Err(_))), "{framing:?} {piece:?}: {ended:?}");
        stream += 2;
    }
}

#[test]
fn interim_answers_are_not_passed_on_and_never_the_last_word() {
    let (origin, gateway) = setup();
    let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(500);
    upstream.send(format!("HTTP/1.1 100 Continue\r\n\r\n{interim}{OK}"));
    let answer = client.read_answer("GET");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
    upstream.hang_up();
    let (mut client, mut upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
    upstream.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    upstream.hang_up();
    assert_eq!(client.read_answer("GET").status, 502, "an interim answer is none");
    serves(&gateway, &origin);
}

/// They are no progress: the time for an answer runs on, and the worker serves others meanwhile.
#[test]
fn interim_answers_without_end_are_no_answer() {
    let (origin, gateway) = setup();
    let (mut client, upstream) = ask(&gateway, &origin, "GET /public/7", &[]);
    let flood = std::thread::spawn(move || {
        let mut upstream = upstream;
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
        while upstream.try_send(interim.as_bytes()) {}
    });
    serves(&gateway, &origin);
    let answer = client.read_answer("GET");
    assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_failed"));
    flood.join().expect("the gateway has closed the connection");
}
