//! TLS for a listener: certificate and key from PEM files, TLS 1.2 and 1.3, no early data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why a pair of files makes no TLS listener.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {problem}")]
    File { path: PathBuf, problem: String },
    #[error("certificate {certificate} and key {key} do not go together: {problem}")]
    Pair { certificate: PathBuf, key: PathBuf, problem: String },
}

/// The configuration of a listener that offers `protocols` by ALPN, the first one first.
pub fn server_config(certificate: &Path, key: &Path, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls_pki_types::pem::Error| TlsError::File { path, problem: error.to_string() }
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(unusable(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::File { path: certificate.to_owned(), problem: "has no PEM certificate".to_owned() });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(unusable(key))?;
    let pair = |problem: rustls::Error| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        problem: problem.to_string(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(pair)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
