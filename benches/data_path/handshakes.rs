//! Connections over TLS that say nothing: opened, agreed upon, and closed by the client.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use keygate::model::Clock;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group::X25519};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName};
use socket2::{Domain, Socket, Type};

use crate::Outcome;
use crate::identity;
use crate::load::Served;

/// Clients, each of which begins again when it has ended.
const CLIENTS: u32 = 8;
/// Connections of one address of 127/8, lest the ports that were used are used again too soon.
const OF_AN_ADDRESS: u32 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Handshakes {
    /// Each is a whole one.
    Full,
    /// Each resumes the session of the one before it, with its ticket.
    Resumed,
}

impl Handshakes {
    pub fn text(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        }
    }

    /// Makes them one after the other for so long, a few at a time. Each must be of this kind.
    pub fn run(self, port: u16, certificate: &CertificateDer<'static>, seconds: u32) -> Outcome<Served> {
        let clock = Clock::system();
        let begun = clock.mono();
        let end = begun + Duration::from_secs(seconds.into());
        let number = AtomicU32::new(0);
        let client = || -> Outcome<u64> {
            let config = self.config(certificate)?;
            if self == Self::Resumed {
                // What is resumed first.
                connect(port, &config, number.fetch_add(1, Ordering::Relaxed))?;
            }
            let mut made = 0;
            while clock.mono() < end {
                let kind = connect(port, &config, number.fetch_add(1, Ordering::Relaxed))?;
                if kind != self.kind() {
                    return Err(format!("a handshake that is {kind:?} and not {:?}", self.kind()).into());
                }
                made += 1;
            }
            Ok(made)
        };
        let made = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
            let made = clients.into_iter().map(|client| client.join().map_err(|_| "a client panicked")?);
            made.sum::<Outcome<u64>>()
        })?;
        let per_second = made as f64 / (clock.mono() - begun).as_secs_f64();
        Ok(Served { requests: made, per_second, p99: "–".to_owned() })
    }

    fn kind(self) -> HandshakeKind {
        match self {
            Self::Full => HandshakeKind::Full,
            Self::Resumed => HandshakeKind::Resumed,
        }
    }

    /// With one key exchange, which all targets have.
    fn config(self, certificate: &CertificateDer<'static>) -> Outcome<Arc<ClientConfig>> {
        let provider = CryptoProvider { kx_groups: vec![X25519], ..default_provider() };
        let mut config = identity::client_with(provider, certificate)?;
        config.resumption = match self {
            Self::Full => Resumption::disabled(),
            Self::Resumed => Resumption::in_memory_sessions(8),
        };
        Ok(Arc::new(config))
    }
}

/// One connection, from its beginning until the other side has closed it as well: tickets come behind the handshake.
fn connect(port: u16, config: &Arc<ClientConfig>, number: u32) -> Outcome<HandshakeKind> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let source = Ipv4Addr::from_bits(0x7f01_0002 + number / OF_AN_ADDRESS);
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    let mut socket = std::net::TcpStream::from(socket);
    let mut connection = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    let kind = connection.handshake_kind().ok_or("a handshake of no kind")?;
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Err("a connection that is not TLS 1.3".into());
    }
    connection.send_close_notify();
    while connection.wants_write() {
        connection.write_tls(&mut socket)?;
    }
    while connection.read_tls(&mut socket)? > 0 {
        connection.process_new_packets()?;
    }
    Ok(kind)
}
