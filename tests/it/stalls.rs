//! Who is waited for, and how long, once a request is on its way: clients that take nothing or a byte at
//! a time, bodies that do not come, upstreams that stop in the midst of an answer. And who is not cut off.

mod management;
mod slowhttptest;

use std::net::TcpStream;
use std::time::Duration;

use crate::support::frames::{DATA, END_HEADERS, Frames, HEADERS, INITIAL_WINDOW, RST_STREAM, WINDOW_UPDATE, head};
use crate::support::program::Program;
use crate::support::{Builder, Client, Gateway, Origin, Upstream, Wire, eventually, timed};

const CANCEL: u32 = 8;
const INTERNAL_ERROR: u32 = 2;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// More than all buffers on the way hold.
const MUCH: usize = 64 << 20;

const ROUTES: &str = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\n\
                      [[route]]\npath = \"/quiet/{*rest}\"\npublic = true\nupstream = \"api\"\n\
                      stream_idle_timeout = \"unlimited\"\n";

/// A second for clients, and one for quiet streams.
fn hasty(origin: &Origin, more: &str) -> Gateway {
    let server = format!("stall_timeout = \"1s\"\nstream_idle_timeout = \"1s\"\n{more}");
    Builder::new(&origin.url()).routes(ROUTES).server(&server).start()
}

/// A socket that the kernel takes little for, so that it is soon seen that nobody reads.
fn narrow(gateway: &Gateway) -> TcpStream {
    let stream = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    stream.set_recv_buffer_size(4096).expect("a socket option");
    stream.connect(&gateway.proxy.into()).expect("the gateway listens");
    stream.into()
}

#[track_caller]
fn assert_about_a_second(took: Duration) {
    assert!((Duration::from_millis(800)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[track_caller]
fn assert_cut(gateway: &Gateway, reason: &str, times: f64) {
    let line = format!("keygate_cut_requests_total{{cut_reason=\"{reason}\"}}");
    eventually("it is counted", || (gateway.admin.metric(&line) == Some(times)).then_some(()));
}

/// Sends until nobody takes it any more; whether all went out.
fn flood(upstream: &Wire) -> bool {
    use std::io::Write;
    let mut stream = upstream.stream();
    stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a socket option");
    stream.write_all(&vec![7; MUCH]).is_ok()
}

#[test]
fn slow_a_client_that_reads_nothing_is_cut_off() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    for framing in [format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}"), "HTTP/1.0 200 OK".to_owned()] {
        let mut client = Wire::over(narrow(&gateway));
        client.send_head("GET /public/7", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send(format!("{framing}\r\n\r\n"));
        let (all, took) = timed(|| flood(&upstream));
        assert!(!all, "nobody took {MUCH} bytes");
        assert_about_a_second(took);
        let mut rest = Vec::new();
        let error = std::io::Read::read_to_end(client.reader(), &mut rest).expect_err("a reset and no proper end");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(rest.len() < MUCH / 2);
    }
    assert_cut(&gateway, "client_stalled", 2.0);
}

#[test]
fn slow_an_http2_stream_without_a_window_is_reset_and_the_others_go_on() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    let mut client = Frames::connect(gateway.proxy, &[(INITIAL_WINDOW, 0)]);
    client.get(1, "/public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(OK);
    let (answer, took) = timed(|| client.read_answer(1));
    assert_eq!(answer, Some(Err(CANCEL)));
    assert_about_a_second(took);
    assert_cut(&gateway, "client_stalled", 1.0);

    client.get(3, "/public/8", &[]);
    client.open_window(3, 100);
    upstream.read_request();
    upstream.send(OK);
    assert_eq!(client.read_answer(3), Some(Ok(b"ok".to_vec())), "the connection goes on");

    // An answer of the gateway's own is no better, and neither is the end of a large one.
    client.get(5, "/nowhere", &[]);
    assert_eq!(client.read_answer(5), Some(Err(CANCEL)));
    client.get(7, "/public/9", &[]);
    client.open_window(7, 30_000);
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000)));
    assert_eq!(client.read_answer(7), Some(Err(CANCEL)));
    assert_cut(&gateway, "client_stalled", 3.0);
}

#[test]
fn slow_a_client_that_makes_room_byte_by_byte_is_too_slow() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    let mut client = Frames::connect(gateway.proxy, &[(INITIAL_WINDOW, 0)]);
    client.get(1, "/public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000)));
    let mut got = 0;
    let (end, took) = timed(|| {
        loop {
            // The answer to the last of these may be on its way already.
            client.try_send(WINDOW_UPDATE, 0, 1, &1u32.to_be_bytes());
            let frame = client.read_until(|frame| frame.stream == 1).expect("the connection goes on");
            match frame.kind {
                DATA => got += frame.payload.len(),
                RST_STREAM => return frame,
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(end.payload, CANCEL.to_be_bytes());
    assert!(got > 2, "bytes came all the while");
    assert_about_a_second(took);
    assert_cut(&gateway, "client_stalled", 1.0);
}

#[test]
fn slow_an_upstream_that_stops_in_the_midst_of_an_answer_is_given_up() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    let mut cuts = 0.0;
    for head in ["GET /public/7 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /public/7 HTTP/1.0\r\nHost: a\r\n\r\n"] {
        let mut client = Wire::connect(gateway.proxy);
        client.send(head);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
        let (gone, took) = timed(|| upstream.read_rest());
        assert!(gone.is_empty());
        assert_about_a_second(took);
        let mut got = Vec::new();
        let end = std::io::Read::read_to_end(client.reader(), &mut got);
        let got = String::from_utf8_lossy(&got);
        assert!(end.is_err() || !got.ends_with("0\r\n\r\n"), "it looks complete: {got}");
        // What is of the old HTTP ends with its connection, and this end must not look like it.
        assert_eq!(end.is_err(), head.contains("HTTP/1.0"), "{got}");
        cuts += 1.0;
        assert_cut(&gateway, "stream_idle", cuts);
    }

    let mut client = Frames::connect(gateway.proxy, &[]);
    client.get(1, "/public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome");
    assert_eq!(client.read_answer(1), Some(Err(INTERNAL_ERROR)));
    assert_cut(&gateway, "stream_idle", 3.0);
    let timeouts = gateway.admin.metric("keygate_upstream_errors_total{upstream=\"api\",kind=\"timeout\"}");
    assert_eq!(timeouts, Some(3.0));
    client.get(3, "/nowhere", &[]);
    assert!(matches!(client.read_answer(3), Some(Ok(_))), "the connection goes on");
}

#[test]
fn slow_a_body_that_comes_byte_by_byte_is_too_slow() {
    let origin = Origin::start();
    let drip = |gateway: &Gateway, bytes: usize| {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("POST /public/7", &[("Content-Length", &bytes.to_string())]);
        let mut upstream = origin.accept();
        upstream.read_request();
        let sent = (0..bytes).take_while(|_| {
            std::thread::sleep(Duration::from_millis(100));
            client.try_send(b"x") && client.is_silent_for(Duration::from_millis(1))
        });
        let sent = sent.count();
        if sent == bytes {
            upstream.read_exactly(bytes);
            upstream.send(OK);
        }
        (sent, client.read_answer("POST").status)
    };
    let (sent, status) = drip(&hasty(&origin, ""), 100);
    assert_eq!(status, 408);
    assert!((5..60).contains(&sent), "{sent} bytes at ten a second");
    // As fast as the least rate, or where there is none: it may take its time.
    assert_eq!(drip(&hasty(&origin, "min_rate = 5"), 30), (30, 200));
    assert_eq!(drip(&hasty(&origin, "min_rate = \"off\""), 30), (30, 200));
}

#[test]
fn slow_a_call_of_grpc_is_quiet_for_as_long_as_a_stream_may_be() {
    let origin = Origin::start();
    let server = "stall_timeout = \"200ms\"\nstream_idle_timeout = \"30s\"";
    let gateway = Builder::new(&origin.url()).routes(ROUTES).server(server).start();
    let mut client = Frames::connect(gateway.proxy, &[]);
    client.send(HEADERS, END_HEADERS, 1, &head("POST", "/public/a.B/C", &[("content-type", "application/grpc")]));
    let mut upstream = origin.accept();
    upstream.read_request();
    for _ in 0..2 {
        assert!(upstream.is_silent_for(Duration::from_millis(1_000)), "it is waited for");
        client.send(DATA, 0, 1, b"x");
        assert_eq!(upstream.read_chunk().as_deref(), Some(&b"x"[..]));
    }
    client.send(DATA, crate::support::frames::END_STREAM, 1, b"");
    assert_eq!(upstream.read_chunk(), None);
    upstream.read_line();
    upstream.send(OK);
    assert_eq!(client.read_answer(1), Some(Ok(b"ok".to_vec())));
}

#[test]
fn slow_events_may_be_far_apart_where_the_route_says_so() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    let mut client = Wire::connect(gateway.proxy);
    let mut other = Frames::connect(gateway.proxy, &[]);
    client.send_head("GET /quiet/events", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    other.get(1, "/quiet/events", &[]);
    let mut second = origin.accept();
    second.read_request();
    for upstream in [&mut upstream, &mut second] {
        upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    }
    assert_eq!(client.read_head().status, 200);
    other.read_until(|frame| frame.kind == HEADERS).expect("a head");
    for _ in 0..2 {
        assert!(client.is_silent_for(Duration::from_millis(2_500)), "longer than other routes may be quiet");
        for upstream in [&mut upstream, &mut second] {
            upstream.send_chunk(b"data: 1\n\n");
        }
        assert_eq!(client.read_chunk().as_deref(), Some(&b"data: 1\n\n"[..]));
        assert_eq!(other.read_until(|frame| frame.kind == DATA).expect("an event").payload, b"data: 1\n\n");
    }
}

#[test]
fn slow_what_moves_either_way_keeps_an_answer_that_has_begun() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
    client.send_chunk(b"first");
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.read_chunk();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    assert_eq!(client.read_head().status, 200);
    for _ in 0..4 {
        assert!(client.is_silent_for(Duration::from_millis(600)), "the upload goes on");
        client.send_chunk(b"more");
        assert_eq!(upstream.read_chunk().as_deref(), Some(&b"more"[..]));
    }
    upstream.send("ok");
    assert_eq!(client.read_exactly(2), b"ok");
}

/// An upstream answers before it has the whole request, and its client sends on and reads nothing: neither
/// goes on for ever.
#[test]
fn slow_an_upload_behind_an_early_answer_that_nobody_reads_ends() {
    let origin = Origin::start();
    let gateway = hasty(&origin, "");
    let mut client = Wire::over(narrow(&gateway));
    client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
    client.send_chunk(b"first");
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n"));
    let (all, took) = timed(|| flood(&upstream));
    assert!(!all);
    assert_about_a_second(took);
    assert_cut(&gateway, "client_stalled", 1.0);
}

#[test]
fn the_log_says_why_an_answer_ended() {
    let upstream = Upstream::start();
    let gateway = Program::start(Builder::new(&upstream.url()).server("stall_timeout = \"500ms\""));
    let mut client = Frames::connect(gateway.proxy, &[(INITIAL_WINDOW, 0)]);
    client.get(1, "/public/7", &[]);
    assert_eq!(client.read_answer(1), Some(Err(CANCEL)));
    assert_eq!(Client::connect(gateway.proxy).request("GET", "/public/8", &[], b"").status, 200);
    let written = gateway.terminate();
    let line = |path: &str| {
        let found = written.log.iter().find(|line| line.contains(path)).unwrap_or_else(|| panic!("{:?}", written.log));
        serde_json::from_str::<serde_json::Value>(found).expect("JSON")
    };
    let (cut, whole) = (line("/public/7"), line("/public/8"));
    assert_eq!((&cut["cut_reason"], &cut["complete"]), (&"client_stalled".into(), &false.into()), "{cut}");
    assert_eq!((whole.get("cut_reason"), &whole["complete"]), (None, &true.into()), "{whole}");
}
