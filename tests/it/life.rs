//! Beginning and end: of the gateway, and of connections that take too long.

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Builder, Gateway, Origin, Upstream, Wire, eventually, h2, program::Program, request, timed};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Stops the gateway in a thread of its own; what is returned gets a word when it has stopped.
fn stopping(gateway: Gateway) -> mpsc::Receiver<Duration> {
    let (stopped, when) = mpsc::channel();
    std::thread::spawn(move || {
        let (_directory, took) = timed(|| gateway.stop());
        stopped.send(took).ok();
    });
    when
}

fn refuses(address: SocketAddr) -> Option<()> {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).err().map(drop)
}

fn ready(admin: SocketAddr) -> u16 {
    request(admin, "GET", "/readyz", None, b"").status
}

#[test]
fn a_gateway_that_stops_finishes_what_it_began() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let (proxy, admin) = (gateway.proxy, gateway.admin.address);
    assert_eq!(ready(admin), 200);
    let mut idle = Wire::connect(proxy);
    idle.send_head("GET /nowhere", &[]);
    idle.read_answer("GET");
    let silent = Wire::connect(proxy);
    let mut busy = Wire::connect(proxy);
    busy.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();

    let stopped = stopping(gateway);
    eventually("new connections are refused", || refuses(proxy));
    assert!(idle.read_rest().is_empty(), "an idle connection is closed");
    assert!({ silent }.read_rest().is_empty(), "and one that never said anything");
    assert_eq!(ready(admin), 503, "not ready, and still able to say so");
    assert!(stopped.try_recv().is_err(), "a request is in flight");
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    let head = busy.read_head();
    assert_eq!((head.status, head.header("connection")), (200, Some("close")), "{head:?}");
    upstream.send("ok");
    assert_eq!(busy.read_exactly(2), b"ok");
    assert!(busy.read_rest().is_empty());
    stopped.recv_timeout(Duration::from_secs(5)).expect("nothing is left to wait for");
    refuses(admin).expect("the management API has stopped too");
}

#[test]
fn a_request_that_never_ends_is_cut_at_the_deadline() {
    let origin = Origin::start();
    let gateway = Builder::new(&origin.url()).server("drain_timeout = \"1s\"").start();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    let took = stopping(gateway).recv_timeout(Duration::from_secs(10)).expect("the deadline passes");
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert!(client.read_rest().is_empty());
    upstream.read_rest();
}

#[test]
fn a_signal_ends_the_program_in_order() {
    for signal in ["TERM", "INT"] {
        let origin = Origin::start();
        let gateway = Program::start(Builder::new(&origin.url()));
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("GET /public/7", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        gateway.signal(signal);
        eventually("new connections are refused", || refuses(gateway.proxy));
        assert_eq!(ready(gateway.admin.address), 503);
        upstream.send(OK);
        assert_eq!(client.read_answer("GET").body, b"ok", "{signal}");
        gateway.wait();
    }
}

fn hurried() -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let server = "header_timeout = \"1s\"\nidle_timeout = \"2s\"";
    let gateway = Builder::new(&upstream.url()).server(server).start();
    (upstream, gateway)
}

#[track_caller]
fn closes_within(wire: &mut Wire, from: u64, to: u64, what: &str) {
    let (rest, took) = timed(|| wire.read_rest());
    let bounds = Duration::from_millis(from)..Duration::from_millis(to);
    assert!(bounds.contains(&took), "{what}: closed after {took:?}");
    assert!(!String::from_utf8_lossy(&rest).contains(" 200 "), "{what}");
}

#[test]
fn slow_who_sends_no_whole_head_in_time_is_closed() {
    let (upstream, gateway) = hurried();
    let begun = |text: &str| {
        let mut wire = Wire::connect(gateway.proxy);
        wire.send(text);
        wire
    };
    for text in ["", "G", "GET /public/7 HTTP/1.1\r\nHost: a\r\n", "PRI * HTTP/2.0\r\n"] {
        closes_within(&mut begun(text), 900, 3_000, text);
    }
    let mut dripping = begun("GET /public/7 HTTP/1.1\r\n");
    let mut drops = dripping.stream().try_clone().expect("a second handle");
    std::thread::spawn(move || {
        use std::io::Write;
        while drops.write_all(b"X: 1\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    closes_within(&mut dripping, 900, 3_000, "a head that comes line by line");
    let mut second = begun("GET /public/7 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(second.read_answer("GET").status, 200);
    second.send("GET /public/8 HT");
    closes_within(&mut second, 900, 3_000, "a second head");
    assert_eq!(upstream.seen().len(), 1);
}

#[test]
fn slow_an_idle_connection_is_closed_after_its_time() {
    let (_upstream, gateway) = hurried();
    let mut client = Wire::connect(gateway.proxy);
    for _ in 0..2 {
        client.send_head("GET /public/7", &[]);
        assert_eq!(client.read_answer("GET").status, 200);
        assert!(client.is_silent_for(Duration::from_millis(1_300)), "longer than a head may take, and not too long");
    }
    closes_within(&mut client, 300, 2_500, "an idle connection");
}

#[test]
fn slow_the_management_api_waits_for_a_first_request_and_not_for_ever() {
    let (_upstream, gateway) = hurried();
    let mut clients = ["", "G", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"].map(|begun| {
        let mut wire = Wire::connect(gateway.admin.address);
        wire.send(begun);
        wire
    });
    let (_, took) = timed(|| clients.iter_mut().for_each(|wire| drop(wire.read_rest())));
    assert!((Duration::from_secs(8)..Duration::from_secs(15)).contains(&took), "closed after {took:?}");
}

#[test]
fn slow_a_client_that_reads_slowly_gets_all_of_it() {
    const ALL: usize = 12 << 20;
    let origin = Origin::start();
    let gateway = Builder::new(&origin.url()).server("stall_timeout = \"1s\"").start();
    let stream = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    // Small, so that the gateway and not the kernel holds what is not read yet.
    stream.set_recv_buffer_size(4096).expect("a socket option");
    stream.connect(&gateway.proxy.into()).expect("the gateway listens");
    let mut client = Wire::over(stream.into());
    client.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n"));
    std::thread::scope(|scope| {
        scope.spawn(|| upstream.send(vec![7; ALL]));
        assert_eq!(client.read_head().status, 200);
        client.read_exactly(ALL - (6 << 20));
        // In steps that are shorter than the time-out, over a time that is longer.
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(600));
            client.read_exactly(1 << 20);
        }
    });
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).server("max_connections = 1").start();
    let mut waiting: Vec<Wire> = (0..8)
        .map(|_| {
            let mut client = Wire::connect(gateway.proxy);
            client.send_head("GET /public/7", &[]);
            client
        })
        .collect();
    let mut rounds = 0;
    while !waiting.is_empty() {
        rounds += 1;
        let served = eventually("somebody's turn comes", || {
            let served: Vec<_> =
                (0..waiting.len()).filter(|&at| !waiting[at].is_silent_for(Duration::from_millis(20))).collect();
            (!served.is_empty()).then_some(served)
        });
        assert!(served.len() <= 2, "two workers with one connection each, and {} were served", served.len());
        for at in served.into_iter().rev() {
            let mut client = waiting.remove(at);
            assert_eq!(client.read_answer("GET").status, 200);
        }
    }
    assert!(rounds >= 4);
}

/// Which protocol is spoken is read off the first bytes, however they are cut.
#[test]
fn a_request_may_come_byte_by_byte() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    for line in ["POST /public/P", "PUT /public/PRI", "GET /public/7", "PATCH /public/7"] {
        let mut client = Wire::connect(gateway.proxy);
        for byte in format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").bytes() {
            client.send([byte]);
        }
        assert_eq!(client.read_answer("GET").status, 200, "{line}");
        let seen = upstream.last();
        assert_eq!((seen.line, seen.body), (format!("{line} HTTP/1.1"), b"abc".to_vec()));
    }
    let mut nonsense = Wire::connect(gateway.proxy);
    nonsense.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
    let rest = String::from_utf8_lossy(&nonsense.read_rest()).into_owned();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400"), "{rest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_preface_may_come_byte_by_byte() {
    use tokio::io::AsyncWriteExt;
    let upstream = Upstream::start();
    let gateway = h2::start(Builder::new(&upstream.url())).await;
    let (near, far) = tokio::io::duplex(1024);
    let mut socket = tokio::net::TcpStream::connect(gateway.proxy).await.expect("it listens");
    socket.set_nodelay(true).expect("a socket option");
    tokio::spawn(async move {
        let (mut from_client, mut to_client) = tokio::io::split(far);
        let (mut from_gateway, mut to_gateway) = socket.split();
        let drip = async {
            use tokio::io::AsyncReadExt;
            let mut sent = 0;
            while let Ok(byte) = from_client.read_u8().await {
                to_gateway.write_u8(byte).await.expect("it is read");
                sent += 1;
                if sent < 40 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        };
        tokio::join!(drip, async { tokio::io::copy(&mut from_gateway, &mut to_client).await.ok() });
    });
    let mut client = h2::over(near).await;
    let response = client.send_request(h2::get("/public/7")).await.expect("a response");
    assert_eq!(response.status(), 200);
    drop(client);
    h2::end(gateway).await;
}
