//! Upstreams that are away, slow, wrong, or close when nobody expects it; and connections to them.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::{Answer, Builder, Gateway, Origin, Then, Upstream, Wire, timed};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn get(gateway: &Gateway) -> Answer {
    gateway.request("GET", "/public/7", None)
}

/// One worker, so that it is known which connections a request may use.
fn one_worker(url: &str, upstream: &str) -> Gateway {
    Builder::new(url).server_alone("workers = 1\npin_workers = false\n").upstream(upstream).start()
}

#[track_caller]
fn expect(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{}", answer.text());
}

#[test]
fn an_upstream_that_is_away_is_502() {
    let (_socket, closed) = not_yet_listening();
    let refused = get(&Gateway::start(&format!("http://{closed}")));
    expect(&refused, 502, "upstream_unreachable");
    assert!(!refused.text().contains(&closed.port().to_string()), "clients are told no addresses: {}", refused.text());
    let unknown = get(&Gateway::start("http://no-such-host.invalid:80"));
    expect(&unknown, 502, "upstream_unreachable");
}

/// An address that refuses connections and that nobody else can have.
fn not_yet_listening() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    let address = socket.local_addr().expect("bound").as_socket().expect("an address");
    (socket, address)
}

/// A listener that accepts nothing, with as many connections waiting as the kernel holds.
fn full_backlog() -> (socket2::Socket, SocketAddr, Vec<TcpStream>) {
    let (socket, address) = not_yet_listening();
    socket.listen(0).expect("it listens");
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the backlog has no end");
    }
    (socket, address, waiting)
}

#[test]
fn an_upstream_that_does_not_accept_is_504() {
    let (_socket, address, _waiting) = full_backlog();
    let gateway = Builder::new(&format!("http://{address}")).upstream("connect_timeout = \"300ms\"").start();
    let (answer, took) = timed(|| get(&gateway));
    expect(&answer, 504, "upstream_connect_timeout");
    assert!((Duration::from_millis(290)..Duration::from_secs(3)).contains(&took), "{took:?}");
}

fn impatient(origin: &Origin) -> Gateway {
    Builder::new(&origin.url()).upstream("response_timeout = \"300ms\"").start()
}

#[test]
fn an_upstream_that_does_not_answer_is_504_in_time() {
    let origin = Origin::start();
    let gateway = impatient(&origin);
    let mut client = Wire::connect(gateway.proxy);
    let (answer, took) = timed(|| {
        client.send_head("GET /public/7", &[]);
        client.read_answer("GET")
    });
    expect(&answer, 504, "upstream_timeout");
    assert!((Duration::from_millis(290)..Duration::from_secs(2)).contains(&took), "{took:?}");
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.read_rest();
    assert_eq!(gateway.admin.metric("keygate_upstream_errors_total{upstream=\"api\",kind=\"timeout\"}"), Some(1.0));
}

#[test]
fn the_time_of_a_slow_upload_is_not_the_upstreams() {
    let origin = Origin::start();
    let gateway = impatient(&origin);
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Content-Length", "3")]);
    let mut upstream = origin.accept();
    upstream.read_request();
    for byte in ["a", "b", "c"] {
        assert!(client.is_silent_for(Duration::from_millis(700)), "an answer came before the request's end");
        client.send(byte);
        assert_eq!(upstream.read_exactly(1), byte.as_bytes());
    }
    upstream.send(OK);
    assert_eq!(client.read_answer("POST").status, 200);
}

#[test]
fn a_client_that_stops_in_the_middle_of_a_body_is_told() {
    let origin = Origin::start();
    let gateway = Builder::new(&origin.url()).server("stall_timeout = \"600ms\"").start();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Content-Length", "3")]);
    client.send("a");
    let mut upstream = origin.accept();
    let (answer, took) = timed(|| client.read_answer("POST"));
    expect(&answer, 408, "body_timeout");
    assert!((Duration::from_millis(400)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert!(client.read_rest().is_empty());
    upstream.read_request();
    assert_eq!(upstream.read_rest(), b"a");
}

#[test]
fn a_response_that_has_begun_may_take_its_time() {
    let origin = Origin::start();
    let gateway = impatient(&origin);
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.read_head().status, 200);
    for byte in ["a", "b", "c"] {
        assert!(client.is_silent_for(Duration::from_millis(700)), "the response was ended");
        upstream.send(byte);
        assert_eq!(client.read_exactly(1), byte.as_bytes());
    }
}

#[test]
fn what_is_no_answer_is_502() {
    let rows: [&[u8]; 14] = [
        b"garbage\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 1000 High\r\n\r\n",
        b"HTTP/3.7 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    ];
    for bytes in rows {
        let upstream = Upstream::scripted(move |_, stream| {
            stream.write_all(bytes).ok();
            Then::Close
        });
        let gateway = Gateway::start(&upstream.url());
        let answer = get(&gateway);
        assert_eq!(answer.status, 502, "{:?}: {answer:?}", String::from_utf8_lossy(bytes));
        assert_eq!(answer.problem(), "upstream_failed");
    }
}

#[test]
fn an_answer_may_come_while_the_upload_goes_on() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
    client.send_chunk(b"one");
    let mut upstream = origin.accept();
    upstream.read_request();
    assert_eq!(upstream.read_chunk().as_deref(), Some(&b"one"[..]));
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.read_head().status, 200);
    for piece in [&b"two"[..], b"three", b"four"] {
        client.send_chunk(piece);
        assert_eq!(upstream.read_chunk().as_deref(), Some(piece), "the request goes on behind the response's head");
        upstream.send_chunk(piece);
        assert_eq!(client.read_chunk().as_deref(), Some(piece));
    }
    client.send("0\r\n\r\n");
    assert_eq!(upstream.read_chunk(), None);
    upstream.send("0\r\n\r\n");
    assert_eq!(client.read_chunk(), None);
}

#[test]
fn a_connection_is_used_again() {
    let chunked: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let empty: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
    for bytes in [OK, chunked, empty] {
        let upstream = Upstream::answering(bytes);
        let gateway = one_worker(&upstream.url(), "");
        let mut client = Wire::connect(gateway.proxy);
        for _ in 0..20 {
            client.send_head("GET /public/7", &[]);
            client.read_answer("GET");
            assert!(get(&gateway).status < 300);
            client.send_head("POST /public/7", &[("Content-Length", "3")]);
            client.send("abc");
            client.read_answer("POST");
        }
        assert_eq!((upstream.seen().len(), upstream.connections()), (60, 1), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_connection_that_the_upstream_closed_costs_nobody_an_error() {
    let upstream = Upstream::scripted(|_, stream| {
        stream.write_all(OK).expect("the gateway reads");
        Then::Close
    });
    let gateway = one_worker(&upstream.url(), "");
    for number in 0..50 {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("POST /public/7", &[("Content-Length", "3")]);
        client.send("abc");
        let answer = client.read_answer("POST");
        assert_eq!(answer.status, 200, "request {number}: {}", answer.text());
        assert_eq!(upstream.seen().len(), number + 1, "and nothing is sent twice");
        // The next request comes when the close has, and not in the same instant: nobody could tell those apart.
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_upstream_that_says_close_is_taken_at_its_word() {
    let origin = Origin::start();
    let gateway = one_worker(&origin.url(), "");
    let mut client = Wire::connect(gateway.proxy);
    for _ in 0..3 {
        client.send_head("GET /public/7", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.read_answer("GET").body, b"ok", "and the client's connection goes on");
        assert!(upstream.read_rest().is_empty());
    }
}

#[test]
fn surplus_bytes_are_nobodys_answer() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let origin = Origin::start();
    let gateway = one_worker(&origin.url(), "");
    let mut client = Wire::connect(gateway.proxy);
    for head in ["200 OK\r\nContent-Length: 2\r\n\r\nok", "204 No Content\r\n\r\n", "304 Not Modified\r\n\r\n"] {
        client.send_head("GET /public/1", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send(format!("HTTP/1.1 {head}{evil}"));
        assert!(!client.read_answer("GET").body.ends_with(b"evil"));
        upstream.read_rest();
    }
    client.send_head("HEAD /public/1", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{evil}"));
    client.read_answer("HEAD");
    upstream.read_rest();
    client.send_head("GET /public/2", &[]);
    let mut upstream = origin.accept();
    assert!(upstream.read_request().line.contains("/public/2"));
    upstream.send(OK);
    assert_eq!(client.read_answer("GET").body, b"ok");
}

#[test]
fn no_more_connections_are_kept_than_configured() {
    let origin = Origin::start();
    let gateway = one_worker(&origin.url(), "max_idle = 2");
    let mut pairs: Vec<_> = (0..5)
        .map(|_| {
            let mut client = Wire::connect(gateway.proxy);
            client.send_head("GET /public/7", &[]);
            let mut upstream = origin.accept();
            upstream.read_request();
            (client, upstream)
        })
        .collect();
    for (client, upstream) in &mut pairs {
        upstream.send(OK);
        assert_eq!(client.read_answer("GET").status, 200);
    }
    for (_, upstream) in &mut pairs[2..] {
        upstream.read_rest();
    }
    for (_, upstream) in &mut pairs[..2] {
        assert!(upstream.is_silent_for(Duration::from_millis(100)), "a kept connection was closed");
    }
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let origin = Origin::start();
    let gateway = one_worker(&origin.url(), "idle_timeout = \"500ms\"");
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(OK);
    client.read_answer("GET");
    let (rest, took) = timed(|| upstream.read_rest());
    assert!(rest.is_empty());
    // Looked at once a second.
    assert!((Duration::from_millis(400)..Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[test]
fn an_upstream_that_comes_back_is_used_at_once() {
    let (socket, address) = not_yet_listening();
    let gateway = one_worker(&format!("http://{address}"), "");
    expect(&get(&gateway), 502, "upstream_unreachable");
    socket.listen(1).expect("it listens");
    let listener = std::net::TcpListener::from(socket);
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut upstream = Wire::over(stream);
        upstream.read_request();
        upstream.send(OK);
    });
    assert_eq!(get(&gateway).status, 200);
    serving.join().expect("one request");
}
