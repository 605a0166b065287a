//! Whom we believe when an upstream shows a certificate.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use super::UpstreamVersion;

/// Why there is nobody to believe.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error(
        "this machine has no trusted root certificates; install ca-certificates, or name a `ca` file for the upstream"
    )]
    NoRoots,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Verification on, always: by `roots`, or by the machine's where there are none. `client`: what is shown to an
/// upstream that asks for a certificate.
pub fn client_config(
    roots: Option<RootCertStore>,
    client: Option<Arc<CertifiedKey>>,
    version: UpstreamVersion,
) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = roots.map_or_else(of_this_machine, Ok)?;
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::ALL_VERSIONS)?;
    let builder = builder.with_root_certificates(roots);
    let mut config = match client {
        Some(key) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)) as Arc<dyn ResolvesClientCert>)
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = match version {
        UpstreamVersion::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        UpstreamVersion::Http1 => vec![b"http/1.1".to_vec()],
        UpstreamVersion::Http2 => vec![b"h2".to_vec()],
    };
    Ok(Arc::new(config))
}

fn of_this_machine() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a root certificate of this machine cannot be used");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err(TrustError::NoRoots) } else { Ok(roots) }
}
