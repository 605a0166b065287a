//! One request and its answer, over a connection of its own.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, ETAG, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::address::{Reach, reach};
use crate::server::Duplex;

/// Where requests go, and what is believed there.
#[derive(Clone)]
pub struct Target {
    /// A host name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// With the query.
    pub path: String,
    /// `None`: plain HTTP.
    pub tls: Option<TargetTls>,
    /// Whether it may be this machine or one of a private network.
    pub allow_private: bool,
}

#[derive(Clone)]
pub struct TargetTls {
    pub config: Arc<ClientConfig>,
    /// The name that the certificate must have.
    pub name: ServerName<'static>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In seconds; a date is not read.
    pub retry_after: Option<Duration>,
    pub etag: Option<HeaderValue>,
    /// Its beginning, where it is longer than was to be read.
    pub body: Bytes,
    /// Whether `body` is all of it.
    pub is_whole: bool,
}

/// Why there is no answer. The texts are for operators, and hold nothing that was sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("the name cannot be resolved: {0}")]
    Name(io::Error),
    #[error("{0} is an address that is not to be connected to")]
    Forbidden(IpAddr),
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("TLS failed: {0}")]
    Tls(io::Error),
    #[error("the exchange broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// Sends the request, whose URI and `Host` are the target's, and reads at most `most` bytes of the answer.
/// All of it within `limit`.
pub async fn send(
    target: &Target,
    request: Request<Bytes>,
    most: usize,
    limit: Duration,
) -> Result<Answer, OutboundError> {
    let work = async {
        let stream = connect(target).await?;
        exchange(target, stream, request, most).await
    };
    tokio::time::timeout(limit, work).await.unwrap_or(Err(OutboundError::Timeout(limit)))
}

async fn connect(target: &Target) -> Result<Box<dyn Duplex>, OutboundError> {
    let stream = open(target).await?;
    stream.set_nodelay(true).map_err(OutboundError::Connect)?;
    match &target.tls {
        None => Ok(Box::new(stream)),
        Some(tls) => {
            let connecting = TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), stream);
            Ok(Box::new(connecting.await.map_err(OutboundError::Tls)?))
        }
    }
}

/// Tries the addresses of the name, each after it was looked at.
async fn open(target: &Target) -> Result<TcpStream, OutboundError> {
    let addresses = lookup_host((target.host.as_str(), target.port)).await.map_err(OutboundError::Name)?;
    let mut failed = OutboundError::Name(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    for address in addresses {
        if !is_allowed(address, target.allow_private) {
            failed = OutboundError::Forbidden(address.ip());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = OutboundError::Connect(error),
        }
    }
    Err(failed)
}

fn is_allowed(address: SocketAddr, allow_private: bool) -> bool {
    match reach(address.ip()) {
        Reach::Public => true,
        Reach::Private => allow_private,
        Reach::Never => false,
    }
}

async fn exchange(
    target: &Target,
    stream: Box<dyn Duplex>,
    request: Request<Bytes>,
    most: usize,
) -> Result<Answer, OutboundError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let conversation = async move {
        let response = sender.send_request(addressed(target, request)).await?;
        read(response, most).await
    };
    // The connection makes progress only while it is polled; how it ends is told to the conversation.
    let connection = async {
        drop(connection.await);
        std::future::pending::<()>().await;
    };
    let (mut conversation, mut connection) = (pin!(conversation), pin!(connection));
    tokio::select! {
        answer = &mut conversation => answer,
        () = &mut connection => conversation.await,
    }
}

fn addressed(target: &Target, request: Request<Bytes>) -> Request<Full<Bytes>> {
    let mut request = request.map(Full::new);
    *request.uri_mut() = target.path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::try_from(authority(target)) {
        headers.insert(HOST, host);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("keygate/", env!("CARGO_PKG_VERSION"))));
    request
}

fn authority(target: &Target) -> String {
    let usual = if target.tls.is_some() { 443 } else { 80 };
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    if target.port == usual { host } else { format!("{host}:{}", target.port) }
}

async fn read(response: http::Response<Incoming>, most: usize) -> Result<Answer, OutboundError> {
    let (head, mut body) = response.into_parts();
    let mut bytes = BytesMut::new();
    let mut is_whole = true;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = most - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            is_whole = false;
            break;
        }
    }
    let retry_after = seconds(&head.headers);
    let etag = head.headers.get(ETAG).cloned();
    Ok(Answer { status: head.status.as_u16(), retry_after, etag, body: bytes.freeze(), is_whole })
}

fn seconds(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
