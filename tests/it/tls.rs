//! TLS on the listeners, and to upstreams.

mod clients;
mod greetings;
mod names;
mod posture;
mod reload;
mod sessions;
mod upstreams;

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ProtocolVersion, version};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::tls::{Authority, TlsUpstream, connect, exchange};
use crate::support::{Builder, Gateway, Upstream, Wire, h2, timed};

pub(crate) const GET: &str = "GET /public/7 HTTP/1.1\r\nHost: gateway.localhost\r\nConnection: close\r\n\r\n";
pub(crate) const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A gateway whose public listener has a certificate for 127.0.0.1.
pub(crate) fn behind_tls(upstream: &str, authority: &Authority, server: &str) -> Gateway {
    let builder = Builder::new(upstream).server(server);
    let line = authority.issue(&["127.0.0.1"]).write(builder.directory());
    builder.public(&line).start()
}

#[test]
fn both_versions_and_protocols_are_served() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let gateway = behind_tls(&upstream.url(), &authority, "");
    for (offered, spoken) in [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        for (protocols, agreed) in [(&[][..], None), (&["http/1.1"][..], Some("http/1.1"))] {
            let mut client = connect(gateway.proxy, authority.client(&[offered], protocols));
            let answer = exchange(&mut client, GET);
            assert!(answer.starts_with("HTTP/1.1 200"), "{spoken:?} {protocols:?}: {answer}");
            assert_eq!(client.conn.protocol_version(), Some(spoken));
            assert_eq!(client.conn.alpn_protocol(), agreed.map(str::as_bytes));
            assert_eq!(upstream.last().header("x-forwarded-proto"), Some("https"));
        }
    }
}

#[test]
fn a_protocol_that_we_do_not_speak_ends_the_handshake() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let gateway = behind_tls(&upstream.url(), &authority, "");
    let mut client = connect(gateway.proxy, authority.client(&[&version::TLS13], &["spdy/3"]));
    let failed = client.write_all(GET.as_bytes()).and_then(|()| client.read(&mut [0; 100]).map(drop));
    assert!(failed.is_err_and(|error| error.to_string().contains("NoApplicationProtocol")));
    assert!(upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_negotiated() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let url = upstream.url();
    let started = tokio::task::spawn_blocking(move || (behind_tls(&url, &authority, ""), authority));
    let (gateway, authority) = started.await.expect("it starts");
    for offered in [&version::TLS12, &version::TLS13] {
        let connector = TlsConnector::from(authority.client(&[offered], &["h2", "http/1.1"]));
        let socket = tokio::net::TcpStream::connect(gateway.proxy).await.expect("it listens");
        let name = ServerName::try_from("127.0.0.1").expect("an address");
        let stream = connector.connect(name, socket).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "what we like best comes first");
        let mut client = h2::over(stream).await;
        let response = client.send_request(h2::get("/public/7")).await.expect("a response");
        assert_eq!(response.status(), 200);
        assert_eq!(upstream.last().header("x-forwarded-proto"), Some("https"));
    }
    tokio::task::spawn_blocking(|| drop(gateway)).await.expect("it stops");
}

#[test]
fn plain_text_gets_no_answer_from_a_tls_listener() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let gateway = behind_tls(&upstream.url(), &authority, "");
    for text in [GET, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut client = Wire::connect(gateway.proxy);
        client.send(text);
        let rest = String::from_utf8_lossy(&client.read_rest()).into_owned();
        assert!(!rest.contains("HTTP"), "{rest}");
    }
    assert!(upstream.seen().is_empty());
}

#[test]
fn a_handshake_must_end_in_time_and_may_come_byte_by_byte() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let gateway = behind_tls(&upstream.url(), &authority, "header_timeout = \"1s\"");
    let mut silent = Wire::connect(gateway.proxy);
    let (_, took) = timed(|| silent.read_rest());
    assert!((Duration::from_millis(900)..Duration::from_secs(3)).contains(&took), "{took:?}");

    let mut client = authority.connect(gateway.proxy);
    let mut hello = Vec::new();
    client.conn.write_tls(&mut hello).expect("a greeting");
    client.sock.set_nodelay(true).expect("a socket option");
    for byte in hello {
        client.sock.write_all(&[byte]).expect("it is read");
    }
    assert!(exchange(&mut client, GET).starts_with("HTTP/1.1 200"));
}

#[test]
fn the_management_api_can_be_behind_tls_too() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let builder = Builder::new(&upstream.url());
    let line = authority.issue(&["127.0.0.1"]).write(builder.directory());
    let gateway = builder.management(&line).start();
    let request = "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let answer = exchange(&mut authority.connect(gateway.admin.address), request);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut plain = Wire::connect(gateway.admin.address);
    plain.send(request);
    assert!(!String::from_utf8_lossy(&plain.read_rest()).contains("HTTP"));
}

/// A gateway that trusts `authority` in an upstream at `url`, with more in the `tls` table.
pub(crate) fn in_front_of(url: &str, authority: &Authority, more: &str) -> Gateway {
    trusting(Builder::new(url), authority, more)
}

pub(crate) fn trusting(builder: Builder, authority: &Authority, more: &str) -> Gateway {
    authority.write(&builder.directory().join("authority.pem"));
    builder.upstream(&format!("tls = {{ ca = \"authority.pem\"{more} }}")).start()
}

#[test]
fn an_upstream_is_who_its_certificate_says() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (what, issuer, name, more, status) in [
        ("its address", &authority, "127.0.0.1", "", 200),
        ("a name that is asked for", &authority, "api.internal", ", server_name = \"api.internal\"", 200),
        ("another name", &authority, "api.internal", "", 502),
        ("another name than is asked for", &authority, "127.0.0.1", ", server_name = \"api.internal\"", 502),
        ("an authority that nobody knows", &stranger, "127.0.0.1", "", 502),
    ] {
        let upstream = TlsUpstream::start(issuer.issue(&[name]).server(&["http/1.1"]), ANSWER, true);
        let gateway = in_front_of(&upstream.url(), &authority, more);
        let answer = gateway.request("GET", "/public/7", None);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        if status == 200 {
            assert!(
                upstream.seen().starts_with("GET /public/7 HTTP/1.1\r\nhost: gateway.localhost\r\n"),
                "{}",
                upstream.seen()
            );
        } else {
            assert_eq!(answer.problem(), "upstream_unreachable");
            assert_eq!(upstream.seen(), "", "{what}: nothing was said to it");
        }
    }
}

#[test]
fn an_upstream_that_speaks_plain_text_behind_https_is_told_nothing() {
    let authority = Authority::new();
    let upstream = Upstream::start();
    let gateway = in_front_of(&upstream.url().replace("http", "https"), &authority, "");
    let answer = gateway.request("GET", "/public/7", None);
    assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_unreachable"));
    assert!(upstream.seen().is_empty());
}

/// Whoever cuts a TLS connection cannot say where a body ends.
#[test]
fn a_body_that_ends_with_the_connection_must_end_in_order() {
    const OPEN_END: &str = "HTTP/1.1 200 OK\r\n\r\nthe first half";
    let authority = Authority::new();
    for (orderly, whole) in [(true, true), (false, false)] {
        let upstream = TlsUpstream::start(authority.issue(&["127.0.0.1"]).server(&["http/1.1"]), OPEN_END, orderly);
        let gateway = in_front_of(&upstream.url(), &authority, "");
        let mut client = Wire::connect(gateway.proxy);
        client.send(GET);
        let rest = String::from_utf8_lossy(&client.read_rest()).into_owned();
        assert_eq!(rest.ends_with("\r\n0\r\n\r\n"), whole, "{rest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_spoken_to_an_upstream_that_offers_it() {
    let authority = Arc::new(Authority::new());
    let acceptor = TlsAcceptor::from(authority.issue(&["127.0.0.1"]).server(&["h2", "http/1.1"]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let seen: Arc<Mutex<Vec<http::request::Parts>>> = Arc::default();
    let record = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let stream = acceptor.accept(stream).await.expect("a handshake");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            tokio::spawn(h2::serve(stream, Arc::clone(&record)));
        }
    });
    for version in ["", "http = \"2\""] {
        let (url, authority) = (url.clone(), Arc::clone(&authority));
        let answer = tokio::task::spawn_blocking(move || {
            let gateway = trusting(Builder::new(&url).upstream(version), &authority, "");
            gateway.request("POST", "/public/7", None)
        });
        let answer = answer.await.expect("it answers");
        assert_eq!((answer.status, answer.header("x-upstream")), (200, Some("echo")), "{version:?}");
        let parts = seen.lock().expect("no panic holds it").pop().expect("a request");
        assert_eq!((parts.version, parts.uri.scheme_str()), (http::Version::HTTP_2, Some("https")));
    }
}
