//! Connections by the thousand, from many addresses: an address has a limited number of them, as it should.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::Outcome;
use crate::identity;

/// Connections of one address; the gateway's limit is a little higher.
const OF_AN_ADDRESS: u64 = 1_000;
/// Connections that are opened at the same time.
const AT_A_TIME: u64 = 32;

/// An open connection.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// The address that the connection with this number comes from. All of 127/8 is this machine.
pub fn source(number: u64) -> SocketAddr {
    let host = u32::try_from(number / OF_AN_ADDRESS).unwrap_or_default() + 2;
    SocketAddr::from((Ipv4Addr::from_bits(0x7f01_0000 + host), 0))
}

/// A connection to a port of this machine, from an address of its own.
pub async fn connect(port: u16, number: u64) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(source(number))?;
    let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where a crowd goes, and what it is told there.
#[derive(Debug, Clone)]
pub struct Entrance {
    pub port: u16,
    pub token: String,
    /// That of the other side, where it speaks TLS.
    pub certificate: Option<CertificateDer<'static>>,
    /// The body of every answer.
    pub body: String,
}

/// Opens a crowd over which one request each is answered.
pub async fn open(entrance: &Entrance, count: u64) -> Outcome<Vec<Box<dyn Connection>>> {
    let tls = entrance.certificate.clone().map(connector).transpose()?;
    let mut openers = JoinSet::new();
    for first in 0..AT_A_TIME {
        let (tls, entrance) = (tls.clone(), entrance.clone());
        openers.spawn(async move {
            let mut open = Vec::new();
            for number in (first..count).step_by(AT_A_TIME as usize) {
                let mut connection = begin(entrance.port, number, tls.as_ref()).await?;
                ask(&mut connection, &entrance).await?;
                open.push(connection);
            }
            Outcome::Ok(open)
        });
    }
    let mut all = Vec::new();
    while let Some(opened) = openers.join_next().await {
        all.extend(opened??);
    }
    Ok(all)
}

async fn begin(port: u16, number: u64, tls: Option<&TlsConnector>) -> Outcome<Box<dyn Connection>> {
    let stream = connect(port, number).await?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    Ok(Box::new(tls.connect(ServerName::try_from("localhost")?, stream).await?))
}

/// One request, and its whole answer.
pub async fn ask(connection: &mut (impl AsyncRead + AsyncWrite + Unpin), entrance: &Entrance) -> Outcome<()> {
    let Entrance { token, body, .. } = entrance;
    let request = format!("GET /v1/devices/7 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    connection.flush().await?;
    let mut answer = Vec::new();
    while !answer.ends_with(body.as_bytes()) {
        if connection.read_buf(&mut answer).await? == 0 {
            return Err(format!("no answer but {:?}", String::from_utf8_lossy(&answer)).into());
        }
    }
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err("an answer that is no 200".into()) }
}

/// Each handshake is a whole one.
fn connector(certificate: CertificateDer<'static>) -> Outcome<TlsConnector> {
    let mut config = identity::client(&certificate)?;
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}
