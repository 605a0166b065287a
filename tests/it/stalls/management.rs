//! Clients of the management API that take nothing of what they asked for.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, SockRef, Socket, Type};

use crate::support::frames::{DATA, Frames, INITIAL_WINDOW};
use crate::support::{Builder, Gateway, Upstream, Wire, eventually};

const BACKUP: &str = "/v1/store/backup";

/// With a backup of more than what waits on the way.
fn start(upstream: &Upstream) -> Gateway {
    let gateway = Builder::new(&upstream.url()).server("stall_timeout = \"1s\"").start();
    let labels: serde_json::Map<_, _> = (0..14).map(|at| (format!("label-{at}"), json!("x".repeat(63)))).collect();
    let body = json!({"name": "one of many", "grants": {"*": "read"}, "labels": labels});
    (0..400).for_each(|_| drop(gateway.admin.create(body.clone())));
    gateway
}

fn authorization(gateway: &Gateway) -> String {
    format!("Bearer {}", gateway.admin.token)
}

/// A client of HTTP/2 that asked for the backup, in its first stream.
fn without_a_window(gateway: &Gateway) -> Frames {
    let mut client = Frames::connect(gateway.admin.address, &[(INITIAL_WINDOW, 0)]);
    client.get(1, BACKUP, &[("authorization", &authorization(gateway))]);
    client
}

#[test]
fn slow_a_client_that_does_not_read_its_backup_is_cut_off() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket option");
    socket.connect(&gateway.admin.address.into()).expect("the gateway listens");
    let mut client = Wire::over(TcpStream::from(socket));
    client.send_head(&format!("GET {BACKUP}"), &[("Authorization", &authorization(&gateway))]);
    // Nothing is read: it is seen at the socket.
    let error = eventually("it is cut off", || SockRef::from(client.stream()).take_error().expect("a socket option"));
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "and no proper end");
}

#[test]
fn slow_a_client_of_http2_without_a_window_for_its_backup_is_cut_off() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let mut client = without_a_window(&gateway);
    assert!(client.read_until(|frame| frame.kind == DATA).is_none(), "the connection ends with nothing of it");
}

#[test]
fn slow_a_client_that_takes_its_time_gets_its_whole_backup() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let mut client = without_a_window(&gateway);
    client.open_window(0, 1 << 30);
    let mut got = Vec::new();
    // In more than the time in which a client that takes nothing is cut off.
    for _ in 0..6 {
        client.open_window(1, 32 * 1024);
        let wanted = got.len() + 32 * 1024;
        while got.len() < wanted {
            got.extend(client.read_until(|frame| frame.kind == DATA).expect("it goes on").payload);
        }
        std::thread::sleep(Duration::from_millis(400));
    }
    client.open_window(1, 1 << 30);
    let rest = client.read_answer(1).expect("the connection goes on").expect("and the answer");
    got.extend(rest);
    let whole = gateway.admin.call("GET", BACKUP, None);
    let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines(&got), lines(&whole.body));
}
