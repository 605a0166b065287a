//! What listeners and upstreams say of TLS: files, by their paths. `config::tls` reads what is in them.

use std::path::PathBuf;

/// `tls = { … }` of a listener.
#[derive(Debug, Clone)]
pub struct ListenerTls {
    /// `certificate`, `key`: shown to clients that name no host, or one that no other certificate is for.
    pub default: CertificateFiles,
    /// `certificates`: each shown to the clients that name one of its hosts.
    pub others: Vec<CertificateFiles>,
    /// `client_auth`, `client_ca`, `client_crl`; `None` (`"off"`, the default): no certificate is asked for.
    pub clients: Option<ClientCertificates>,
}

/// A certificate with its chain, and its key: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Whose certificates clients have to show, or may show.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// `"required"`, or else `"optional"`.
    pub required: bool,
    /// The authorities that sign them (PEM).
    pub ca: PathBuf,
    /// Those authorities' lists of what they have revoked (PEM).
    pub crl: Option<PathBuf>,
}

/// `tls = { … }` of an upstream.
#[derive(Debug, Clone, Default)]
pub struct UpstreamTls {
    /// Trusted roots (PEM) in place of the system's.
    pub ca: Option<PathBuf>,
    /// The name to ask for and to verify, in place of the URL's host.
    pub server_name: Option<String>,
    /// `client_certificate`, `client_key`: what is shown to an upstream that asks.
    pub client: Option<CertificateFiles>,
}
