//! Greetings in pieces, of old, and none at all.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::version;

use super::{GET, behind_tls};
use crate::support::tls::{Authority, connect_to, exchange};
use crate::support::{Builder, Upstream, Wire};

/// The records of a greeting again, each cut into records of so many bytes.
fn cut(hello: &[u8], size: usize) -> Vec<u8> {
    let mut records = Vec::new();
    let mut rest = hello;
    while let [kind, major, minor, high, low, after @ ..] = rest {
        let length = usize::from(*high) << 8 | usize::from(*low);
        for piece in after[..length].chunks(size) {
            records.extend_from_slice(&[*kind, *major, *minor, 0, u8::try_from(piece.len()).expect("a short piece")]);
            records.extend_from_slice(piece);
        }
        rest = &after[length..];
    }
    records
}

/// Traefik read the host of the first record alone, and took a greeting in two for one without a host.
#[test]
fn a_greeting_in_pieces_is_the_same_greeting() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    authority.issue(&["own.example"]).write(builder.directory());
    authority.issue(&["a.example"]).write_as(builder.directory(), "a.pem", "a.key");
    authority.write(&builder.directory().join("clients.pem"));
    let tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\", client_ca = \"clients.pem\", client_auth = \"required\", \
               certificates = [{ certificate = \"a.pem\", key = \"a.key\" }] }";
    let gateway = builder.public(tls).start();
    let own = authority.issue(&["one"]);
    let get = GET.replace("gateway.localhost", "a.example");
    for (size, bytewise) in [(1, false), (7, false), (100, false), (1, true)] {
        for identity in [Some(&own), None] {
            let config = authority.client_as(identity, &[&version::TLS13, &version::TLS12], &[]);
            let mut socket = TcpStream::connect(gateway.proxy).expect("it listens");
            socket.set_nodelay(true).expect("a socket option");
            let mut client = connect_to("a.example", socket.try_clone().expect("a socket"), config);
            let mut hello = Vec::new();
            client.conn.write_tls(&mut hello).expect("a greeting");
            let records = cut(&hello, size);
            let step = if bytewise { 1 } else { records.len() };
            records.chunks(step).for_each(|piece| socket.write_all(piece).expect("it is read"));
            // The client verifies that it is shown the certificate of `a.example`.
            if identity.is_some() {
                assert!(exchange(&mut client, &get).starts_with("HTTP/1.1 200"), "{size}");
            } else {
                let sent = client.write_all(get.as_bytes());
                let read = sent.and_then(|()| client.read_to_end(&mut Vec::new()).map(drop));
                assert!(read.is_err(), "no greeting is a way around the certificate: {size}");
            }
        }
    }
    assert_eq!(upstream.seen().len(), 4);
}

/// A greeting in a version of TLS, with suites that were usual then.
fn greeting(version: [u8; 2]) -> Vec<u8> {
    let suites = [0xc0, 0x14, 0xc0, 0x13, 0x00, 0x39, 0x00, 0x35, 0x00, 0x2f, 0x00, 0x0a, 0x00, 0x05];
    let mut body = vec![version[0], version[1]];
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    body.extend_from_slice(&[0, suites.len() as u8]);
    body.extend_from_slice(&suites);
    // Compression by deflate, or none.
    body.extend_from_slice(&[2, 1, 0]);
    let mut hello = vec![0x16, 3, version[1].min(1), 0, (body.len() + 4) as u8, 1, 0, 0, body.len() as u8];
    hello.append(&mut body);
    hello
}

#[test]
fn what_is_no_greeting_of_today_ends_the_connection() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let gateway = behind_tls(&upstream.url(), &authority, "");
    let mut empty = Vec::new();
    (0..1000).for_each(|_| empty.extend_from_slice(&[0x16, 3, 1, 0, 0]));
    let ssl2 = [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10].into_iter().chain([5; 37]).collect();
    for (what, bytes) in [
        ("garbage", vec![0xff; 600]),
        ("zeros", vec![0; 600]),
        ("SSL 2", ssl2),
        ("SSL 3", greeting([3, 0])),
        ("TLS 1.0", greeting([3, 1])),
        ("TLS 1.1", greeting([3, 2])),
        ("TLS 1.2 with old suites", greeting([3, 3])),
        ("a record that is too long", vec![0x16, 3, 1, 0xff, 0xff]),
        ("data before a handshake", vec![0x17, 3, 3, 0, 5, b'G', b'E', b'T', b' ', b'/']),
        ("an alert", vec![0x15, 3, 1, 0, 2, 2, 40]),
        ("a heartbeat", vec![0x18, 3, 2, 0, 3, 1, 0x40, 0]),
        ("a greeting that says it is 16 MB long", vec![0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]),
        ("records without anything", empty),
    ] {
        let mut client = Wire::connect(gateway.proxy);
        // It may be closed while it is still being written to.
        client.try_send(&bytes);
        client.stream().shutdown(Shutdown::Write).ok();
        let rest = client.read_rest();
        assert!(rest.len() <= 7, "{what}: at most an alert: {rest:?}");
        assert!(rest.is_empty() || rest[0] == 0x15, "{what}: {rest:?}");
    }
    assert!(upstream.seen().is_empty());
    // It serves on.
    assert!(exchange(&mut authority.connect(gateway.proxy), GET).starts_with("HTTP/1.1 200"));
}
