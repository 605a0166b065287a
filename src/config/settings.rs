//! The resolved configuration: every value checked, every default filled in, every name looked up.

mod route;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use super::notices::{Events, KeySource, Leaks, WebUrl, Webhook};
use crate::model::{Pepper, Policies, Quota, Roles, TokenPrefix};

pub use route::*;
pub use tls::*;

/// A whole configuration that may be run.
#[derive(Debug)]
pub struct Settings {
    pub public: Listener,
    pub admin: Listener,
    /// What the latter may be called besides `localhost` and addresses, in lower case.
    pub admin_hosts: Vec<String>,
    pub server: Server,
    pub forwarding: Forwarding,
    pub store: StoreSettings,
    pub audit: AuditSettings,
    pub management: AdminSettings,
    pub tokens: Tokens,
    /// The built-in ones and those of `[role.NAME]`.
    pub roles: Roles,
    /// Those of `[policy.NAME]`, and the one that holds where none of them is named.
    pub policies: Policies,
    pub cache: Cache,
    pub upstreams: Vec<Upstream>,
    pub routes: Vec<Route>,
    pub webhooks: Vec<Webhook>,
    pub events: Events,
    pub leaks: Leaks,
    pub log: Log,
}

/// `[listen.public]`, `[listen.admin]`.
#[derive(Debug, Clone)]
pub struct Listener {
    pub address: ListenAddress,
    /// `None`: plain text.
    pub tls: Option<ListenerTls>,
    /// `proxy_protocol = "off" | "optional" | "required"` (default off).
    pub proxy_protocol: ProxyProtocol,
}

/// `address = "127.0.0.1:8080"`, or `"unix:/run/keygate.sock"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    Tcp(SocketAddr),
    /// With `mode = "0660"` (default 0600).
    Unix {
        path: PathBuf,
        mode: u32,
    },
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Whether a listener's connections begin by saying whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    Off,
    Optional,
    Required,
}

/// `[server]`.
#[derive(Debug, Clone)]
pub struct Server {
    /// Data-path threads; `None` (`"auto"`, the default): one for each processor that the process may use.
    pub workers: Option<usize>,
    /// Binds each worker to a processor. Default true where `workers` is `"auto"`.
    pub pin_workers: bool,
    /// How long a client may take for a TLS handshake and for a request's head (default 10 s).
    pub header_timeout: Duration,
    /// How long a client's connection may be idle (default 75 s).
    pub idle_timeout: Duration,
    /// How long a client may keep a request waiting, by sending nothing of its body or taking nothing of the
    /// answer (default 30 s).
    pub stall_timeout: Duration,
    /// Bytes a second that such a client sends or takes at least (default 100); `None`: `"off"`.
    pub min_rate: Option<u64>,
    /// How long nothing may pass through a WebSocket, or of an answer that has begun (default 5 minutes);
    /// `None`: `"unlimited"`.
    pub stream_idle_timeout: Option<Duration>,
    /// How long requests in flight may go on after a signal to stop (default 30 s).
    pub drain_timeout: Duration,
    /// Connections that one worker holds at a time (default 16,384).
    pub max_connections: usize,
    /// How often an address may send tokens that are none, before it is told to wait (default 100 in 60 s);
    /// `None` (`"unlimited"`): as often as it likes.
    pub failure_limit: Option<Quota>,
    /// Connections of one address at a time, over all workers (default 1,024); `None`: `"unlimited"`.
    pub max_connections_per_address: Option<usize>,
    /// TLS handshakes that one worker has under way at a time (default 1,024).
    pub max_handshakes: usize,
    /// The realm of `WWW-Authenticate` (default `keygate`).
    pub realm: String,
}

/// `[forwarding]`.
#[derive(Debug, Clone)]
pub struct Forwarding {
    /// Whose word is taken for where requests come from (default: nobody's).
    pub trusted_proxies: Trusted,
    /// Where they say it (default `X-Forwarded-…`).
    pub trusted_header: TrustedHeader,
    /// What upstreams are told (default `X-Forwarded-…`).
    pub emit: Emit,
    pub via: Via,
}

/// `trusted_proxies = ["10.0.0.0/8", "unix"]`.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    pub networks: Vec<IpNet>,
    /// Whoever connects to a Unix socket of the gateway's.
    pub unix: bool,
}

/// `via = "<a name>" | "off"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A name that is made at the start (the default).
    Made,
    Named(String),
    Off,
}

/// `trusted_header = "x-forwarded" | "forwarded"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedHeader {
    XForwarded,
    Forwarded,
}

/// `emit = "x-forwarded" | "forwarded" | "both" | "none"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    XForwarded,
    Forwarded,
    Both,
    Nothing,
}

/// `[store]`.
#[derive(Debug, Clone)]
pub enum StoreSettings {
    /// `kind = "sled"`: `anchor` is the file that says what was acknowledged last (default: `path` with
    /// `.anchor` behind it), `cache` what sled may keep in memory, in bytes (default 64 MiB).
    Sled { path: PathBuf, anchor: PathBuf, cache: u64 },
    /// `kind = "memory"`: all is gone at the end of the process.
    Memory,
}

/// `[admin]`.
#[derive(Debug, Clone, Copy)]
pub struct AdminSettings {
    /// Calls of the management API by one token (default 30,000 in 60 s); `None`: `"unlimited"`.
    pub rate_limit: Option<Quota>,
    /// By one address without a token that is known (default 3,000 in 60 s).
    pub address_rate_limit: Option<Quota>,
}

/// `[audit]`.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// `None` where the store is in memory: the log is, too.
    pub files: Option<AuditFiles>,
    /// How long entries are kept at least; `None` (`"forever"`, the default): for good.
    pub retention: Option<Duration>,
    /// When a new file is begun, in bytes (default 16 MiB).
    pub segment_size: u64,
}

/// Where the log lies.
#[derive(Debug, Clone)]
pub struct AuditFiles {
    /// A directory (default: `store.path` with `.audit` behind it).
    pub path: PathBuf,
    /// The file that says what was written last (default: `path` with `.anchor` behind it).
    pub anchor: PathBuf,
}

/// `[tokens]`.
#[derive(Debug)]
pub struct Tokens {
    pub prefix: TokenPrefix,
    pub pepper: Pepper,
    /// What encrypts the copies of tokens that policies keep retrievable; `None`: no policy does.
    pub reveal_key: Option<Pepper>,
    /// For a creation that names no expiry (default 90 days); `None` (`"never"`): it does not expire.
    pub default_expiry: Option<Duration>,
    /// `None` (`"unlimited"`, the default): any expiry, and never, may be chosen.
    pub max_expiry: Option<Duration>,
    /// For tokens that have no limit of their own; `None` (`"unlimited"`, the default): none.
    pub rate_limit: Option<Quota>,
    /// Tells clients of an expiry that is near; `None` (`"off"`): nothing does.
    pub expires_header: Option<ExpiresHeader>,
}

/// `expires_header`, `expires_header_within`.
#[derive(Debug, Clone)]
pub struct ExpiresHeader {
    /// In lower case (default `keygate-token-expires`).
    pub name: String,
    /// How near (default 7 days).
    pub within: Duration,
}

/// `[cache]`.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Verified tokens held (default 100,000).
    pub tokens: u64,
    /// Digests known to be unknown, held apart from the former (default 100,000).
    pub unknown: u64,
    /// How long an unknown digest is remembered (default 30 s).
    pub unknown_ttl: Duration,
}

/// `[[upstream]]`.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub name: String,
    pub scheme: Scheme,
    /// A host name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// `url = "unix:/run/app.sock"`: in place of host and port, which are then `localhost` and 80.
    pub socket: Option<PathBuf>,
    /// `http = "1.1" | "2" | "auto"`; `auto` (the default): what TLS negotiates, else 1.1.
    pub version: UpstreamVersion,
    /// What the upstream is sent as `Host`.
    pub host_header: HostHeader,
    /// For name, TCP and TLS together (default 5 s).
    pub connect_timeout: Duration,
    /// From the request's end to the response's head (default 60 s).
    pub response_timeout: Duration,
    /// Connections kept open while idle, for each worker (default 256).
    pub max_idle: usize,
    /// How long each of them is kept (default 60 s).
    pub idle_timeout: Duration,
    /// `tls = { … }`; with an `http://` URL, nothing is in it.
    pub tls: UpstreamTls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamVersion {
    Auto,
    Http1,
    Http2,
}

/// `host_header = "preserve" | "upstream" | "<a name>"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostHeader {
    /// As the client sent it (the default).
    Preserve,
    /// The upstream's own host and port.
    Upstream,
    Fixed(String),
}

/// `[log]`.
#[derive(Debug, Clone)]
pub struct Log {
    /// `access = "stdout" | "stderr" | "off"`.
    pub access: AccessLog,
    /// `level = "error" | "warn" | "info" | "debug" | "trace"`; messages go to standard error.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    Stderr,
    Off,
}
