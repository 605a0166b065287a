//! Connections to upstreams, and single exchanges over them.
//!
//! Each worker keeps its own connections; nothing is shared between threads. An HTTP/1.1 connection
//! is polled by the request that uses it, and by nobody while it is idle: no task is spawned for it.

mod connect;
mod http1;
mod http2;
mod pool;
mod trust;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderValue, Request};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::introduction::Introduction;
use super::request_body::RequestBody;
use super::websocket::Key;
pub(super) use http1::Relay;
pub use http1::{Fault, WholeAnswer, read_answer};
pub(super) use pool::{Exchanged, Pool};
pub use trust::{TrustError, client_config};

/// Which HTTP an upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamVersion {
    /// What TLS negotiates; without TLS, 1.1.
    Auto,
    Http1,
    /// Without TLS by prior knowledge (RFC 9113 section 3.3).
    Http2,
}

/// What an upstream is sent as `Host`.
#[derive(Debug, Clone)]
pub enum HostHeader {
    /// What the client sent.
    Preserve,
    Fixed(HeaderValue),
}

/// TLS to an upstream.
#[derive(Clone)]
pub struct UpstreamTls {
    /// For connections that are opened from now on; it may be replaced.
    pub config: Arc<ArcSwap<ClientConfig>>,
    /// The name that its certificate must have.
    pub name: ServerName<'static>,
}

/// A request on its way.
pub(super) struct Outgoing<'r> {
    /// Taken when it is sent, and put back where nothing of it was.
    pub(super) request: Option<Request<RequestBody>>,
    pub(super) introduction: Introduction<'r>,
    /// The introduction is among the headers.
    pub(super) is_introduced: bool,
    /// The client sent `TE: trailers`.
    pub(super) takes_trailers: bool,
    /// It asks for a WebSocket with this key.
    pub(super) websocket: Option<Key>,
}

/// An upstream, and how to speak to it.
#[derive(Clone)]
pub struct UpstreamOptions {
    pub name: String,
    /// A host name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// A Unix socket in place of host and port, which then stand in headers alone.
    pub socket: Option<PathBuf>,
    pub tls: Option<UpstreamTls>,
    pub version: UpstreamVersion,
    pub host_header: HostHeader,
    pub connect_timeout: Duration,
    /// Connections kept while idle, for each worker.
    pub max_idle: usize,
    pub idle_timeout: Duration,
}
