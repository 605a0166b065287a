//! Much of it: bodies of many pieces and many bytes, back-pressure, and memory that stays flat.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Builder, Gateway, Origin, Then, Upstream, Wire, pattern, program::Program};

/// What is held on a way at most: socket buffers of four sockets, which Linux lets grow to some MiB each,
/// and buffers of the gateway, which are small beside them.
const IN_TRANSIT: usize = 40 << 20;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Writes the pattern from `at` until the other side takes no more for a while, or `end`.
fn write_until_blocked(mut stream: &TcpStream, end: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(700))).expect("a socket option");
    let mut at = 0;
    while at < end {
        match stream.write(&pattern(at, (end - at).min(64 * 1024))) {
            Ok(count) => at += count,
            Err(_) => break,
        }
    }
    stream.set_write_timeout(None).expect("a socket option");
    at
}

fn write_pattern(mut stream: &TcpStream, from: usize, end: usize) {
    let mut at = from;
    while at < end {
        let piece = pattern(at, (end - at).min(64 * 1024));
        stream.write_all(&piece).expect("the other side reads");
        at += piece.len();
    }
}

#[track_caller]
fn read_pattern(wire: &mut Wire, end: usize) {
    let mut at = 0;
    while at < end {
        let length = (end - at).min(64 * 1024);
        assert!(wire.read_exactly(length) == pattern(at, length), "the bytes from {at} on differ");
        at += length;
    }
}

fn setup() -> (Origin, Gateway) {
    let origin = Origin::start();
    let routes = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\nmax_body = \"unlimited\"\n";
    let gateway = Builder::new(&origin.url()).routes(routes).start();
    (origin, gateway)
}

#[test]
fn many_small_chunks_arrive_in_order() {
    let upstream = Upstream::scripted(|request, stream| {
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for byte in &request.body {
            answer.extend([b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
        }
        answer.extend(b"0\r\n\r\n");
        stream.write_all(&answer).expect("the gateway reads");
        Then::Keep
    });
    let gateway = Gateway::start(&upstream.url());
    let body = pattern(0, 20_000);
    let mut client = Wire::connect(gateway.proxy);
    for round in 0..3 {
        let mut request = b"POST /public/7 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for byte in &body {
            request.extend([b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
        }
        request.extend(b"0\r\n\r\n");
        client.send(request);
        let answer = client.read_answer("POST");
        assert!(upstream.last().body == body, "round {round}: the request's body differs");
        assert!(answer.body == body, "round {round}: the response's body differs");
    }
    assert_eq!(upstream.connections(), 1);
}

/// More requests at once than tokio lets a task do steps before it must let others run.
#[test]
fn pipelined_requests_are_all_answered_in_order() {
    let upstream = Upstream::scripted(|request, stream| {
        let target = request.line.split(' ').nth(1).expect("a target");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
        stream.write_all(answer.as_bytes()).expect("the gateway reads");
        Then::Keep
    });
    let gateway = Gateway::start(&upstream.url());
    let mut client = Wire::connect(gateway.proxy);
    let all: String = (0..500).map(|number| format!("GET /public/{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(all);
    for number in 0..500 {
        assert_eq!(client.read_answer("GET").text(), format!("/public/{number}"));
    }
}

#[test]
fn slow_an_upstream_waits_for_a_client_that_does_not_read() {
    const ALL: usize = 96 << 20;
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n"));
    let taken = write_until_blocked(upstream.stream(), ALL);
    assert!(taken < IN_TRANSIT, "{taken} bytes were taken that nobody reads");
    std::thread::scope(|scope| {
        scope.spawn(|| write_pattern(upstream.stream(), taken, ALL));
        assert_eq!(client.read_head().status, 200);
        read_pattern(&mut client, ALL);
    });
}

#[test]
fn slow_a_client_waits_for_an_upstream_that_does_not_read() {
    const ALL: usize = 96 << 20;
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Content-Length", &ALL.to_string())]);
    let mut upstream = origin.accept();
    upstream.read_request();
    let taken = write_until_blocked(client.stream(), ALL);
    assert!(taken < IN_TRANSIT, "{taken} bytes were taken that nobody reads");
    std::thread::scope(|scope| {
        scope.spawn(|| write_pattern(client.stream(), taken, ALL));
        read_pattern(&mut upstream, ALL);
    });
    upstream.send(OK);
    assert_eq!(client.read_answer("POST").body, b"ok");
}

#[test]
fn slow_large_bodies_take_no_memory() {
    const UP: usize = 64 << 20;
    const DOWN: usize = 256 << 20;
    let origin = Origin::start();
    let routes = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\nmax_body = \"unlimited\"\n";
    let gateway = Program::start(Builder::new(&origin.url()).routes(routes));
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("GET /public/warm", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(OK);
    client.read_answer("GET");
    let before = gateway.memory();
    let grown = |what: &str| {
        let grown = gateway.memory().saturating_sub(before);
        // What the allocator keeps for each thread is a part of it; the smaller body alone is 64 MiB.
        assert!(grown < 32 * 1024, "{grown} kB more after {what}");
    };

    client.send_head("POST /public/up", &[("Transfer-Encoding", "chunked")]);
    upstream.read_request();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = client.stream();
            for at in (0..UP).step_by(64 * 1024) {
                let piece = pattern(at, 64 * 1024);
                client.write_all(&[b"10000\r\n", &piece[..], b"\r\n"].concat()).expect("it is read");
            }
            client.write_all(b"0\r\n\r\n").expect("it is read");
        });
        let mut at = 0;
        while let Some(chunk) = upstream.read_chunk() {
            assert!(chunk == pattern(at, chunk.len()), "the bytes from {at} on differ");
            at += chunk.len();
        }
        assert_eq!(at, UP);
        upstream.read_line();
    });
    upstream.send(OK);
    assert_eq!(client.read_answer("POST").body, b"ok");
    grown("an upload");

    client.send_head("GET /public/down", &[]);
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {DOWN}\r\n\r\n"));
    std::thread::scope(|scope| {
        scope.spawn(|| write_pattern(upstream.stream(), 0, DOWN));
        assert_eq!(client.read_head().status, 200);
        read_pattern(&mut client, DOWN / 2);
        grown("half a download");
        let mut at = DOWN / 2;
        while at < DOWN {
            assert!(client.read_exactly(1 << 20) == pattern(at, 1 << 20), "the bytes from {at} on differ");
            at += 1 << 20;
        }
    });
    grown("a download");
}
