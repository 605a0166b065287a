//! The PROXY protocol: a balancer that passes on bytes says first, of each connection, whose they are.
//!
//! Whoever may say so chooses the address that it is known by. So only trusted proxies are heard, and
//! where a listener is for them alone, nobody else is served.

mod header;

use std::io;

use tokio::io::AsyncReadExt;

use super::listener::Plain;
use super::peer::Peer;
use super::provenance::TrustedProxies;
pub use header::{ProxyReading, read_proxy_header};

/// Whether a listener's connections begin with a header of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    Off,
    /// Those of trusted proxies may.
    Optional,
    /// All do, and come from trusted proxies.
    Required,
}

/// What a connection began with.
#[derive(Debug, PartialEq, Eq)]
pub struct Announced {
    /// Who is at its other end; the peer where nobody is announced.
    pub client: Peer,
    /// What was read and is not of the header: a few bytes at most.
    pub first: Vec<u8>,
}

/// As much as is looked at in one go.
const LOOK: usize = 512;

impl ProxyProtocol {
    /// Reads the header, and not a byte behind it. Fails where the connection is not to be served.
    pub async fn receive(self, stream: &mut Plain, peer: Peer, trusted: &TrustedProxies) -> io::Result<Announced> {
        let nobody = Announced { client: peer, first: Vec::new() };
        match (self, trusted.trusts(peer)) {
            (ProxyProtocol::Off, _) | (ProxyProtocol::Optional, false) => return Ok(nobody),
            (ProxyProtocol::Required, false) => {
                tracing::debug!(%peer, "a connection that comes from no trusted proxy is closed");
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            (ProxyProtocol::Optional | ProxyProtocol::Required, true) => {}
        }
        let mut head = Vec::new();
        let client = loop {
            // What belongs to the header is known only after a look at it, and what does not must stay
            // for TLS or HTTP.
            let taken = head.len();
            head.resize(taken + LOOK, 0);
            let seen = stream.peek(&mut head[taken..]).await?;
            head.truncate(taken + seen);
            let wanted = match read_proxy_header(&head) {
                _ if seen == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                ProxyReading::Incomplete => head.len(),
                ProxyReading::Header { length, .. } => length,
                ProxyReading::Other if self == ProxyProtocol::Optional => {
                    head.truncate(taken);
                    return Ok(Announced { first: head, ..nobody });
                }
                ProxyReading::Other => return Err(refused(peer, "it has none")),
                ProxyReading::Malformed(wrong) => return Err(refused(peer, wrong)),
            };
            stream.read_exact(&mut head[taken..wanted]).await?;
            if let ProxyReading::Header { client, .. } = read_proxy_header(&head) {
                break client.map_or(peer, Peer::from);
            }
        };
        Ok(Announced { client, ..nobody })
    }
}

/// A trusted proxy is set up otherwise than the listener: somebody has to know.
fn refused(peer: Peer, wrong: &str) -> io::Error {
    tracing::warn!(%peer, wrong, "a trusted proxy's connection has no valid PROXY header, and is closed");
    io::ErrorKind::InvalidData.into()
}
