//! What is remembered of a handshake: for the next one at the same listener, and for nothing else.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned, version};

use super::{GET, behind_tls};
use crate::support::tls::{Authority, connect, connect_over, exchange};
use crate::support::{Builder, Upstream};

/// How the handshake was made of an exchange that succeeded.
fn kind(address: SocketAddr, config: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let mut stream: StreamOwned<ClientConnection, TcpStream> = connect(address, Arc::clone(config));
    assert!(exchange(&mut stream, GET).starts_with("HTTP/1.1 "));
    stream.conn.handshake_kind()
}

#[test]
fn a_session_is_resumed_where_it_was_made_and_nowhere_else() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    let line = authority.issue(&["127.0.0.1"]).write(builder.directory());
    let mut gateway = builder.public(&line).management(&line).start();
    for version in [&version::TLS12, &version::TLS13] {
        let config = authority.client(&[version], &[]);
        assert_eq!(kind(gateway.proxy, &config), Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(kind(gateway.proxy, &config), Some(HandshakeKind::Resumed), "{version:?}");
        assert_eq!(kind(gateway.admin.address, &config), Some(HandshakeKind::Full), "another listener: {version:?}");
        kind(gateway.proxy, &config);
        assert_eq!(gateway.inner().as_ref().expect("it runs").reload_certificates(), []);
        assert_eq!(kind(gateway.proxy, &config), Some(HandshakeKind::Full), "before a change: {version:?}");
    }
}

#[test]
fn where_clients_show_certificates_no_session_is_resumed() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let own = authority.issue(&["one"]);
    for how in ["optional", "required"] {
        let builder = Builder::new(&upstream.url());
        authority.issue(&["127.0.0.1"]).write(builder.directory());
        authority.write(&builder.directory().join("clients.pem"));
        let tls = format!(
            "tls = {{ certificate = \"certificate.pem\", key = \"key.pem\", client_ca = \"clients.pem\", client_auth = \"{how}\" }}"
        );
        let gateway = builder.public(&tls).start();
        for version in [&version::TLS12, &version::TLS13] {
            let config = authority.client_as(Some(&own), &[version], &[]);
            for _ in 0..3 {
                assert_eq!(kind(gateway.proxy, &config), Some(HandshakeKind::Full), "{how} {version:?}");
            }
        }
    }
}

#[test]
fn nothing_is_taken_before_the_handshake_ends() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let gateway = behind_tls(&upstream.url(), &authority, "");
    let mut config = (*authority.client(&[&version::TLS13], &[])).clone();
    config.enable_early_data = true;
    let config = Arc::new(config);
    assert_eq!(kind(gateway.proxy, &config), Some(HandshakeKind::Full));
    let socket = TcpStream::connect(gateway.proxy).expect("it listens");
    let mut client = connect_over(socket, Arc::clone(&config));
    let early = client.conn.early_data().map(|mut early| early.write(GET.as_bytes()));
    assert!(early.is_none(), "the ticket allows none: {early:?}");
    assert!(exchange(&mut client, GET).starts_with("HTTP/1.1 200"));
    assert!(!client.conn.is_early_data_accepted());
    assert_eq!(client.conn.handshake_kind(), Some(HandshakeKind::Resumed), "so it had a ticket to try with");
}
