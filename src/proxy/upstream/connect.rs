//! Opening a connection: name, TCP, TLS, and which HTTP is spoken then.

use std::io;
use std::sync::Arc;

use rustls::ProtocolVersion;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{UpstreamOptions, UpstreamVersion};
use crate::server::Duplex;

/// A fresh byte stream, and the HTTP to speak over it.
pub(super) struct Transport {
    pub(super) stream: Box<dyn Duplex>,
    pub(super) http2: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("no connection within {0:?}")]
    Timeout(std::time::Duration),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the upstream does not speak HTTP/2 over TLS, and `http = \"2\"` demands it")]
    NoHttp2,
}

/// `for_upgrade`: a connection that may become a tunnel, which HTTP/2's cannot.
pub(super) async fn connect(upstream: &UpstreamOptions, for_upgrade: bool) -> Result<Transport, ConnectError> {
    timeout(upstream.connect_timeout, open(upstream, for_upgrade))
        .await
        .unwrap_or(Err(ConnectError::Timeout(upstream.connect_timeout)))
}

async fn open(upstream: &UpstreamOptions, for_upgrade: bool) -> Result<Transport, ConnectError> {
    if let Some(path) = &upstream.socket {
        let stream = UnixStream::connect(path).await?;
        return Ok(Transport { stream: Box::new(stream), http2: upstream.version == UpstreamVersion::Http2 });
    }
    let stream = TcpStream::connect((upstream.host.as_str(), upstream.port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &upstream.tls else {
        let http2 = upstream.version == UpstreamVersion::Http2;
        return Ok(Transport { stream: Box::new(stream), http2 });
    };
    let mut config = tls.config.load_full();
    if for_upgrade {
        Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    let stream = TlsConnector::from(config).connect(tls.name.clone(), stream).await?;
    let session = stream.get_ref().1;
    debug_assert!(matches!(session.protocol_version(), Some(ProtocolVersion::TLSv1_2 | ProtocolVersion::TLSv1_3)));
    let http2 = session.alpn_protocol() == Some(b"h2");
    if upstream.version == UpstreamVersion::Http2 && !http2 {
        return Err(ConnectError::NoHttp2);
    }
    Ok(Transport { stream: Box::new(stream), http2 })
}
