//! Clients that show certificates, and those that should have.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned, version};
use tokio_rustls::TlsConnector;

use crate::support::tls::{Authority, Identity, connect, connect_to, exchange};
use crate::support::{Builder, Gateway, Upstream, eventually, h2};

/// A gateway whose public listener asks for certificates of `clients`.
fn asking(upstream: &Upstream, authority: &Authority, clients: &Authority, how: &str) -> Gateway {
    let builder = Builder::new(&upstream.url());
    authority.issue(&["127.0.0.1", "a.example", "b.example"]).write(builder.directory());
    clients.write(&builder.directory().join("clients.pem"));
    let tls = format!(
        "tls = {{ certificate = \"certificate.pem\", key = \"key.pem\", client_ca = \"clients.pem\", client_auth = {how} }}"
    );
    builder.public(&tls).start()
}

/// By the address that the test connects to, which no handshake asks for.
const GET: &str = "GET /public/7 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";

/// The answer, or why there was none.
fn try_exchange(stream: &mut (impl Read + Write), request: &str) -> Result<String, String> {
    let mut answer = Vec::new();
    let sent = stream.write_all(request.as_bytes());
    let read = sent.and_then(|()| stream.read_to_end(&mut answer).map(drop));
    read.map(|()| String::from_utf8_lossy(&answer).into_owned()).map_err(|error| error.to_string())
}

#[test]
fn who_shows_no_certificate_or_a_strange_one_is_not_served() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let upstream = Upstream::start();
    let gateway = asking(&upstream, &authority, &clients, "\"required\"");
    let (good, expired) = (clients.issue(&["one"]), clients.issue_expired(&["old"]));
    let strange = strangers.issue(&["one"]);
    for version in [&version::TLS12, &version::TLS13] {
        for (what, shown) in
            [("none", None), ("a stranger's", Some(&strange)), ("one that has expired", Some(&expired))]
        {
            let mut client = connect(gateway.proxy, authority.client_as(shown, &[version], &[]));
            let answer = try_exchange(&mut client, GET);
            assert!(answer.is_err(), "{what} {version:?}: {answer:?}");
        }
        assert!(upstream.seen().is_empty(), "nothing came through");
        let answer = exchange(&mut connect(gateway.proxy, authority.client_as(Some(&good), &[version], &[])), GET);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let fingerprint: String =
            digest(&SHA256, &good.chain()[0]).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(upstream.last().header("x-keygate-client-certificate"), Some(fingerprint.as_str()));
        upstream.take_seen();
    }
}

#[test]
fn where_a_certificate_is_optional_the_api_is_told_whose_it_was() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let upstream = Upstream::start();
    let gateway = asking(&upstream, &authority, &clients, "\"optional\"");
    let forged = GET
        .replace("Connection", "X-Keygate-Client-Certificate: abc\r\nX_Keygate_Client_Certificate: abc\r\nConnection");
    let versions = [&version::TLS12, &version::TLS13];
    let answer = exchange(&mut connect(gateway.proxy, authority.client(&versions, &[])), &forged);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(upstream.last().header("x-keygate-client-certificate"), Some(""), "nobody's, whatever the client says");
    assert_eq!(upstream.last().header("x_keygate_client_certificate"), None);
    let good = clients.issue(&["one"]);
    exchange(&mut connect(gateway.proxy, authority.client_as(Some(&good), &versions, &[])), &forged);
    assert_eq!(upstream.last().header("x-keygate-client-certificate").map(str::len), Some(64));
    let strange = strangers.issue(&["one"]);
    let answer = try_exchange(&mut connect(gateway.proxy, authority.client_as(Some(&strange), &versions, &[])), GET);
    assert!(answer.is_err(), "one that is wrong is worse than none: {answer:?}");
}

fn to(address: SocketAddr, asked: &str, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    connect_to(asked, TcpStream::connect(address).expect("it listens"), Arc::clone(config))
}

fn get(host: &str) -> String {
    format!("GET /public/7 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

#[test]
fn a_request_for_another_host_than_the_handshake_is_misdirected() {
    let (authority, clients, upstream) = (Authority::new(), Authority::new(), Upstream::start());
    let gateway = asking(&upstream, &authority, &clients, "\"required\"");
    let own = clients.issue(&["one"]);
    let config = authority.client_as(Some(&own), &[&version::TLS13], &[]);
    for (asked, host, status) in [
        ("a.example", "a.example", 200),
        ("a.example", "A.Example.:8443", 200),
        ("127.0.0.1", "127.0.0.1:8443", 200),
        ("127.0.0.1", "[::1]", 200),
        ("a.example", "b.example", 421),
        ("a.example", "a.example.evil.example", 421),
        ("a.example", "127.0.0.1", 421),
        ("127.0.0.1", "a.example", 421),
    ] {
        upstream.take_seen();
        let answer = exchange(&mut to(gateway.proxy, asked, &config), &get(host));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{asked} {host}: {answer}");
        assert_eq!(answer.contains("\"misdirected\""), status == 421, "{asked} {host}: {answer}");
        assert_eq!(upstream.seen().is_empty(), status == 421, "{asked} {host}");
    }
    let answer = exchange(&mut to(gateway.proxy, "a.example", &config), "GET /public/7 HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 421 ") || answer.starts_with("HTTP/1.0 421 "), "{answer}");

    // Where no certificate is asked for, a connection may be used for what the certificate names.
    let builder = Builder::new(&upstream.url());
    let line = authority.issue(&["a.example"]).write(builder.directory());
    let gateway = builder.public(&line).start();
    let config = authority.client(&[&version::TLS13], &[]);
    let answer = exchange(&mut to(gateway.proxy, "a.example", &config), &get("b.example"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_http2_connection_are_each_for_its_host() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (gateway, authority, own, _upstream) = tokio::task::spawn_blocking(move || {
        let upstream = Upstream::start();
        let gateway = asking(&upstream, &authority, &clients, "\"optional\"");
        (gateway, authority, clients.issue(&["one"]), upstream)
    })
    .await
    .expect("it starts");
    let connector = TlsConnector::from(authority.client_as(Some(&own), &[&version::TLS13], &["h2"]));
    let socket = tokio::net::TcpStream::connect(gateway.proxy).await.expect("it listens");
    let stream = connector.connect(ServerName::try_from("a.example").expect("a name"), socket).await.expect("TLS");
    let mut client = h2::over(stream).await;
    for (host, status) in [("a.example", 200), ("b.example", 421), ("a.example", 200)] {
        let mut request = h2::get("/public/7");
        *request.uri_mut() = format!("https://{host}/public/7").parse().expect("a URI");
        let response = client.send_request(request).await.expect("a response");
        assert_eq!(response.status(), status, "{host}");
    }
    h2::end(gateway).await;
}

#[test]
fn the_management_api_asks_too() {
    let (authority, clients, upstream) = (Authority::new(), Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    authority.issue(&["127.0.0.1", "a.example"]).write(builder.directory());
    clients.write(&builder.directory().join("clients.pem"));
    let tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\", client_ca = \"clients.pem\", client_auth = \"required\" }";
    let gateway = builder.management(tls).start();
    let live = |host: &str| format!("GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let without = authority.client(&[&version::TLS13], &[]);
    assert!(try_exchange(&mut to(gateway.admin.address, "a.example", &without), &live("a.example")).is_err());
    let with = authority.client_as(Some(&clients.issue(&["one"])), &[&version::TLS13], &[]);
    for (asked, host, status) in
        [("a.example", "a.example", 200), ("127.0.0.1", "127.0.0.1:1", 200), ("a.example", "b.example", 421)]
    {
        let answer = exchange(&mut to(gateway.admin.address, asked, &with), &live(host));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{asked} {host}: {answer}");
        assert_eq!(answer.contains("misdirected"), status == 421, "{answer}");
    }
}

/// A gateway that asks for certificates, and looks whether they are revoked.
fn revoking(upstream: &Upstream, authority: &Authority, list: &str) -> Gateway {
    let builder = Builder::new(&upstream.url());
    authority.issue(&["127.0.0.1"]).write(builder.directory());
    authority.write(&builder.directory().join("clients.pem"));
    fs::write(builder.directory().join("revoked.pem"), list).expect("a writable directory");
    let tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\", client_ca = \"clients.pem\", \
               client_crl = \"revoked.pem\", client_auth = \"required\" }";
    builder.public(tls).start()
}

/// One request over a connection that is kept.
fn ask(client: &mut StreamOwned<ClientConnection, TcpStream>) -> String {
    client.write_all(b"GET /public/7 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").expect("it is open");
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = client.read(&mut buffer).expect("an answer");
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_revoked_client_is_turned_away_even_over_an_open_connection() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let mut gateway = revoking(&upstream, &authority, &authority.revoked(&[], 2090));
    let (one, other) = (authority.issue_numbered(&["one"], 7001), authority.issue_numbered(&["other"], 7002));
    let config = |who: &Identity| authority.client_as(Some(who), &[&version::TLS13], &[]);
    let (mut revoked, mut kept) = (connect(gateway.proxy, config(&one)), connect(gateway.proxy, config(&other)));
    assert!(ask(&mut revoked).starts_with("HTTP/1.1 200") && ask(&mut kept).starts_with("HTTP/1.1 200"));
    fs::write(gateway.directory.path().join("revoked.pem"), authority.revoked(&[7001], 2090)).expect("a list");
    let faults = gateway.inner().as_ref().expect("it runs").reload_certificates();
    assert_eq!(faults, []);
    upstream.take_seen();
    let answer = ask(&mut revoked);
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    assert!(upstream.seen().is_empty());
    assert!(ask(&mut kept).starts_with("HTTP/1.1 200"), "nobody else notices");
    let answer = try_exchange(&mut connect(gateway.proxy, config(&one)), GET);
    assert!(answer.is_err_and(|error| error.to_lowercase().contains("revoked")));
}

/// The certificate of a connection that stays open runs out.
#[test]
fn slow_a_client_whose_time_is_over_is_turned_away() {
    let (authority, clients, upstream) = (Authority::new(), Authority::new(), Upstream::start());
    let mut gateway = asking(&upstream, &authority, &clients, "\"required\"");
    let seconds = u64::try_from(gateway.clock.wall().secs()).expect("after 1970");
    let short = clients.issue_with(&["one"], |params| {
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds + 8);
    });
    let config = |who: &Identity| authority.client_as(Some(who), &[&version::TLS13], &[]);
    let mut client = connect(gateway.proxy, config(&short));
    let mut other = connect(gateway.proxy, config(&clients.issue(&["other"])));
    assert!(ask(&mut client).starts_with("HTTP/1.1 200") && ask(&mut other).starts_with("HTTP/1.1 200"));
    eventually("it is turned away", || {
        gateway.inner().as_ref().expect("it runs").verify_clients();
        assert!(ask(&mut other).starts_with("HTTP/1.1 200"), "nobody else is");
        ask(&mut client).starts_with("HTTP/1.1 421").then_some(())
    });
}

#[test]
fn a_list_that_has_run_out_proves_nothing() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let gateway = revoking(&upstream, &authority, &authority.revoked(&[], 2022));
    let config = authority.client_as(Some(&authority.issue(&["one"])), &[&version::TLS13], &[]);
    assert!(try_exchange(&mut connect(gateway.proxy, config), GET).is_err());
    assert!(upstream.seen().is_empty());
}
