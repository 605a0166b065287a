//! The PROXY protocol in front of HTTP and TLS.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use proxy_header::{ProxiedAddress, ProxyHeader, Tlv};

use crate::support::tls::{Authority, connect_over, exchange};
use crate::support::{Builder, Gateway, Upstream, Wire};

const LINE: &str = "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n";
const GET: &str = "GET /public/logo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// The tests' own address is a balancer's; others of 127/8 are not.
fn builder(upstream: &Upstream, word: &str) -> Builder {
    let trusted = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]";
    Builder::new(&upstream.url()).forwarding(trusted).public(&format!("proxy_protocol = \"{word}\""))
}

fn gateway(upstream: &Upstream, word: &str) -> Gateway {
    builder(upstream, word).start()
}

fn binary(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().expect("an address");
    let target = SocketAddr::new(
        if client.is_ipv4() { [10, 0, 0, 1].into() } else { "fd00::1".parse().expect("an address") },
        443,
    );
    let mut header = ProxyHeader::with_address(ProxiedAddress::stream(client, target));
    header.append_tlv(Tlv::Authority("a".into()));
    let mut bytes = [0; 256];
    let length = header.encode_to_slice_v2(&mut bytes).expect("room enough");
    bytes[..length].to_vec()
}

/// A connection that comes from this address.
fn from(address: Ipv4Addr, to: SocketAddr) -> Wire {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("all of 127/8 is ours");
    socket.connect(&to.into()).expect("the gateway listens");
    Wire::over(socket.into())
}

/// Sends these bytes, and expects to be served as this client.
#[track_caller]
fn served_as(gateway: &Gateway, upstream: &Upstream, bytes: &[u8], client: &str) {
    let mut wire = Wire::connect(gateway.proxy);
    wire.send(bytes);
    let answer = wire.read_answer("GET");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.last().header("x-forwarded-for"), Some(client));
}

#[test]
fn a_client_is_who_the_balancer_says_it_is() {
    let upstream = Upstream::start();
    for word in ["optional", "required"] {
        let gateway = gateway(&upstream, word);
        for (header, client) in [
            (LINE.as_bytes().to_vec(), "192.0.2.7"),
            (b"PROXY TCP6 2001:db8::7 fd00::1 1 1\r\n".to_vec(), "2001:db8::7"),
            (binary("192.0.2.7:1"), "192.0.2.7"),
            (binary("[2001:db8::7]:1"), "2001:db8::7"),
            (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec(), "127.0.0.1"),
        ] {
            served_as(&gateway, &upstream, &[&header, GET.as_bytes()].concat(), client);
            let mut wire = Wire::connect(gateway.proxy);
            for byte in [&header, GET.as_bytes()].concat() {
                wire.send([byte]);
            }
            assert_eq!(wire.read_answer("GET").status, 200, "byte by byte");
            assert_eq!(upstream.last().header("x-forwarded-for"), Some(client));
        }
    }
}

#[test]
fn where_it_is_required_nobody_is_served_without() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "required");
    let broken = binary("192.0.2.7:1");
    for bytes in [
        GET.as_bytes(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\nGET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 evil 10.0.0.1 1 1\r\n\r\n",
        &[&broken[..13], b"\x12", &broken[14..]].concat(),
        &[b'P'; 200],
    ] {
        let mut wire = Wire::connect(gateway.proxy);
        wire.try_send(bytes);
        assert!(wire.read_rest().is_empty(), "no HTTP is spoken with it: {:?}", String::from_utf8_lossy(bytes));
    }
    let mut stranger = from(Ipv4Addr::new(127, 0, 0, 2), gateway.proxy);
    stranger.try_send(&[LINE, GET].concat().into_bytes());
    assert!(stranger.read_rest().is_empty(), "nor with who is not trusted");
    assert_eq!(upstream.seen().len(), 0);
    served_as(&gateway, &upstream, &[LINE, GET].concat().into_bytes(), "192.0.2.7");
}

#[test]
fn where_it_is_optional_others_speak_for_themselves() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "optional");
    served_as(&gateway, &upstream, GET.as_bytes(), "127.0.0.1");
    // A method that begins as the header does, cut where they part.
    let mut wire = Wire::connect(gateway.proxy);
    wire.send("P");
    assert!(wire.is_silent_for(std::time::Duration::from_millis(50)));
    wire.send("OST /public/logo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(wire.read_answer("POST").status, 200);
    assert_eq!(upstream.last().line, "POST /public/logo HTTP/1.1");
    let mut stranger = from(Ipv4Addr::new(127, 0, 0, 2), gateway.proxy);
    stranger.send([LINE, GET].concat());
    let answer = stranger.read_answer("GET");
    assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_request_line"));
    let mut stranger = from(Ipv4Addr::new(127, 0, 0, 2), gateway.proxy);
    stranger.send(GET);
    assert_eq!(stranger.read_answer("GET").status, 200);
    assert_eq!(upstream.last().header("x-forwarded-for"), Some("127.0.0.2"));
}

#[test]
fn who_is_announced_may_be_a_proxy_itself() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "required");
    let asking = "GET /public/logo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.9\r\n\r\n";
    let through = b"PROXY TCP4 10.0.0.9 10.0.0.1 1 1\r\n";
    served_as(&gateway, &upstream, &[&through[..], asking.as_bytes()].concat(), "192.0.2.9, 10.0.0.9");
    served_as(&gateway, &upstream, &[LINE, asking].concat().into_bytes(), "192.0.2.7");
}

#[test]
fn tls_follows_the_header() {
    let upstream = Upstream::start();
    let authority = Authority::new();
    let builder = builder(&upstream, "required");
    let tls = authority.issue(&["127.0.0.1"]).write(builder.directory());
    let gateway = builder.public(&tls).start();
    for header in [LINE.as_bytes().to_vec(), binary("192.0.2.7:1")] {
        let mut socket = std::net::TcpStream::connect(gateway.proxy).expect("the gateway listens");
        socket.write_all(&header).expect("it takes bytes");
        let mut stream = connect_over(socket, authority.client(rustls::ALL_VERSIONS, &["http/1.1"]));
        assert!(exchange(&mut stream, GET).starts_with("HTTP/1.1 200 "));
        let seen = upstream.last();
        assert_eq!(seen.header("x-forwarded-for"), Some("192.0.2.7"));
        assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    }
}

#[test]
fn a_header_that_does_not_come_is_not_waited_for() {
    let upstream = Upstream::start();
    let gateway = builder(&upstream, "required").server("header_timeout = \"300ms\"").start();
    for begun in ["", "PROXY TCP4 192.0"] {
        let mut wire = Wire::connect(gateway.proxy);
        wire.send(begun);
        assert!(wire.read_rest().is_empty());
    }
    // A balancer that looks whether somebody is there, and says nothing.
    Wire::connect(gateway.proxy).hang_up();
    served_as(&gateway, &upstream, &[LINE, GET].concat().into_bytes(), "192.0.2.7");
}

#[test]
fn the_management_listener_takes_it_too() {
    let upstream = Upstream::start();
    let builder = Builder::new(&upstream.url()).forwarding("trusted_proxies = [\"127.0.0.1\"]");
    let gateway = builder.management("proxy_protocol = \"optional\"").start();
    let body = r#"{"name": "announced", "grants": {"devices": "read"}}"#;
    let call = format!(
        "POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        gateway.admin.token,
        body.len()
    );
    let mut wire = Wire::connect(gateway.admin.address);
    wire.send([LINE, &call].concat());
    assert_eq!(wire.read_answer("POST").status, 201);
    let entries = gateway.admin.call("GET", "/v1/audit?action=token.create", None).json();
    let entry =
        entries["items"].as_array().expect("a list").iter().find(|entry| entry.to_string().contains("announced"));
    assert!(entry.expect("an entry").to_string().contains("\"192.0.2.7\""), "{entries}");
    let mut slow = Wire::connect(gateway.admin.address);
    slow.send("P");
    assert!(slow.is_silent_for(std::time::Duration::from_millis(50)));
    slow.send(&call[1..]);
    assert_eq!(slow.read_answer("POST").status, 201, "what was read of it is not lost");
}
