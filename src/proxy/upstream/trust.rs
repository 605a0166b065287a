//! Whom we believe when an upstream shows a certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::UpstreamVersion;

/// Why there is nobody to believe.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{path}: {problem}")]
    File { path: PathBuf, problem: String },
    #[error(
        "this machine has no trusted root certificates; install ca-certificates, or name a `ca` file for the upstream"
    )]
    NoRoots,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Verification on, always: the machine's roots, or only those of `ca` where one is given.
pub fn client_config(ca: Option<&Path>, version: UpstreamVersion) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = match ca {
        Some(path) => from_file(path)?,
        None => of_this_machine()?,
    };
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::ALL_VERSIONS)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = match version {
        UpstreamVersion::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        UpstreamVersion::Http1 => vec![b"http/1.1".to_vec()],
        UpstreamVersion::Http2 => vec![b"h2".to_vec()],
    };
    Ok(Arc::new(config))
}

fn from_file(path: &Path) -> Result<RootCertStore, TrustError> {
    let unusable = |problem: String| TrustError::File { path: path.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unusable("has no PEM certificate".to_owned())) } else { Ok(roots) }
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
