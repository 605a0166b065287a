//! Many connections: of one address, in the midst of a handshake, in the midst of a head; and idle ones of
//! the management API.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::support::frames::{Frames, HEADERS};
use crate::support::program::Program;
use crate::support::tls::Authority;
use crate::support::{Builder, Client, Gateway, Upstream, Wire, eventually, timed};

const CROWD: usize = 2_000;

fn from(address: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::from(address), 0)).into()).expect("all of 127/8 is ours");
    socket.connect(&to.into()).expect("the gateway listens");
    socket.into()
}

/// Whether a request over the connection is answered; else it was closed.
fn is_served(client: &mut Wire) -> bool {
    client.try_send(b"GET /public/7 HTTP/1.1\r\nHost: a\r\n\r\n");
    match client.reader().read(&mut [0; 4096]) {
        Ok(count) => count > 0,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            false
        }
    }
}

#[track_caller]
fn refused(gateway: &Gateway, reason: &str) -> f64 {
    gateway.admin.metric(&format!("keygate_refused_connections_total{{reason=\"{reason}\"}}")).unwrap_or_default()
}

/// A client may see its end before it is counted.
#[track_caller]
fn is_counted(gateway: &Gateway, reason: &str, times: f64) {
    eventually(&format!("{times} counted for {reason}"), || (refused(gateway, reason) == times).then_some(()));
}

#[test]
fn an_address_has_so_many_connections_and_no_more() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).server("max_connections_per_address = 3").start();
    let connect = |address| Wire::over(from(address, gateway.proxy));
    let mut open: Vec<Wire> = (0..3).map(|_| connect([127, 0, 0, 1])).collect();
    assert!(open.iter_mut().all(is_served));
    assert!(!is_served(&mut connect([127, 0, 0, 1])), "over both workers");
    is_counted(&gateway, "address_limit", 1.0);
    assert!(is_served(&mut connect([127, 0, 0, 2])), "another address");
    assert!(open.iter_mut().all(is_served), "those that are open stay");
    open.pop();
    eventually("a place is free", || is_served(&mut connect([127, 0, 0, 1])).then_some(()));
}

#[test]
fn a_trusted_proxy_has_as_many_as_it_likes_and_who_it_announces_has_not() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url())
        .server("max_connections_per_address = 2")
        .forwarding("trusted_proxies = [\"127.0.0.1\"]")
        .public("proxy_protocol = \"optional\"")
        .start();
    let mut open: Vec<Wire> = (0..8).map(|_| Wire::connect(gateway.proxy)).collect();
    assert!(open.iter_mut().all(is_served));
    let announced = |client: &str| {
        let mut wire = Wire::connect(gateway.proxy);
        wire.send(format!("PROXY TCP4 {client} 192.0.2.9 1234 80\r\n"));
        wire
    };
    let mut two = [announced("203.0.113.7"), announced("203.0.113.7")];
    assert!(two.iter_mut().all(is_served));
    assert!(!is_served(&mut announced("203.0.113.7")));
    assert!(is_served(&mut announced("203.0.113.8")));
}

#[test]
fn the_oldest_handshake_makes_room() {
    let (upstream, authority) = (Upstream::start(), Authority::new());
    let builder = Builder::new(&upstream.url()).server_alone("workers = 1\nmax_handshakes = 3");
    let tls = authority.issue(&["127.0.0.1"]).write(builder.directory());
    let gateway = builder.public(&tls).start();
    let mut stalled: Vec<Wire> = (0..3).map(|_| Wire::connect(gateway.proxy)).collect();
    // Each has begun before the next one does: the gateway takes connections in their order.
    let mut honest = authority.connect(gateway.proxy);
    honest.write_all(b"GET /public/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it is taken");
    let mut answer = [0; 12];
    honest.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(stalled[0].read_rest().is_empty(), "the oldest is closed");
    assert!(stalled[2].is_silent_for(Duration::from_millis(100)), "the newest is not");
    is_counted(&gateway, "handshake_crowded", 1.0);
}

/// Opens a crowd of connections that begin with these bytes and say no more, and waits for their end. By how
/// much the process grew, in kB, and how long the last of them lasted from its own beginning.
fn crowd(gateway: &Program, begin: &[u8]) -> (u64, Duration) {
    let before = gateway.memory();
    let mut open = Vec::with_capacity(CROWD);
    let ((), took) = timed(|| {
        for _ in 0..CROWD {
            let mut stream = TcpStream::connect(gateway.proxy).expect("the gateway listens");
            stream.write_all(begin).expect("it is taken");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
            open.push(stream);
        }
    });
    // All are taken by then, and none is closed.
    std::thread::sleep(Duration::from_secs(1));
    let grown = gateway.memory().saturating_sub(before);
    let ((), more) = timed(|| {
        for stream in &mut open {
            match stream.read(&mut [0; 64]) {
                Ok(0) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                other => panic!("it is not closed: {other:?}"),
            }
        }
    });
    println!("opened in {took:?}, closed {more:?} after the last, {grown} kB more");
    (grown, more)
}

#[test]
fn slow_two_thousand_handshakes_that_stall_are_closed_in_time() {
    let (upstream, authority) = (Upstream::start(), Authority::new());
    let builder = Builder::new(&upstream.url())
        .server("header_timeout = \"3s\"\nmax_connections_per_address = \"unlimited\"\nmax_handshakes = 10000");
    let tls = authority.issue(&["127.0.0.1"]).write(builder.directory());
    let gateway = Program::start(builder.public(&tls));
    // The beginning of a record of a handshake.
    let (grown, more) = crowd(&gateway, b"\x16\x03\x01\x02\x00\x01");
    assert!(more <= Duration::from_secs(4), "{more:?}");
    assert!(grown <= 32 * 1024, "{grown} kB");
    let mut honest = authority.connect(gateway.proxy);
    honest.write_all(b"GET /public/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it is taken");
    let mut answer = [0; 12];
    honest.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let line = "keygate_refused_connections_total{reason=\"handshake_timeout\"}";
    assert_eq!(gateway.admin.metric(line), Some(CROWD as f64));
}

#[test]
fn slow_two_thousand_heads_that_do_not_end_are_closed_in_time() {
    let upstream = Upstream::start();
    let server = "header_timeout = \"3s\"\nmax_connections_per_address = \"unlimited\"";
    let gateway = Program::start(Builder::new(&upstream.url()).server(server));
    for begin in [&b"GET /public/7 HTTP/1.1\r\nHost: a\r\nX: "[..], b"PRI * HTTP/2.0\r\n"] {
        let (grown, more) = crowd(&gateway, begin);
        assert!(more <= Duration::from_secs(4), "{more:?}");
        assert!(grown <= 40 * 1024, "{grown} kB");
    }
    assert_eq!(Client::connect(gateway.proxy).request("GET", "/public/7", &[], b"").status, 200);
}

#[test]
fn slow_an_idle_client_of_the_management_api_is_closed() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).server("idle_timeout = \"2s\"").start();
    let mut client = Frames::connect(gateway.admin.address, &[]);
    client.send(HEADERS, 5, 1, &crate::support::frames::head("GET", "/livez", &[]));
    assert!(matches!(client.read_answer(1), Some(Ok(_))));
    let (code, took) = timed(|| client.read_to_end());
    assert_eq!(code, Some(0), "in order");
    assert!((Duration::from_secs(1)..Duration::from_secs(18)).contains(&took), "{took:?}");
}

/// What a process may have open is usually little at first, and may be raised.
#[test]
fn there_may_be_more_connections_than_files_at_first() {
    let upstream = Upstream::start();
    let gateway = Program::start_limited(Builder::new(&upstream.url()), &["-S -n 256"]);
    let mut clients: Vec<Client> = (0..300).map(|_| Client::connect(gateway.proxy)).collect();
    for client in &mut clients {
        assert_eq!(client.request("GET", "/public/7", &[], b"").status, 200);
    }
    assert_eq!(gateway.admin.metric("keygate_open_connections"), Some(300.0));
}

#[test]
fn who_may_not_open_enough_files_is_told_at_the_start() {
    let upstream = Upstream::start();
    let told = |connections: usize| {
        let builder = Builder::new(&upstream.url()).server(&format!("max_connections = {connections}"));
        let written = Program::start_limited(builder, &["-S -n 256", "-H -n 512"]).terminate();
        let lines: Vec<Value> = written.messages.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let line = |event: &str| lines.iter().find(|line| line["event"] == event).cloned();
        assert_eq!(line("serving").expect("it serves")["open_files"], 512);
        line("open_files").map(|line| (line["limit"].clone(), line["needed"].clone()))
    };
    // For two workers, each with two files a connection.
    assert_eq!(told(129), Some((512.into(), 516.into())));
    assert_eq!(told(128), None, "they are just enough");
}
