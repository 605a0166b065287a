//! TLS files: there, in PEM, and matching each other. What is loaded here is only checked; the server
//! reads the files again when it starts.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::secret::{self, Surroundings};
use super::settings::TlsFiles;
use super::table::{Mistake, Reader};
use super::tree::Node;
use super::value;

/// `tls = { certificate = …, key = … }` of a listener. `None`: reported; `Some(None)`: plain text.
pub(super) fn listener(listener: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Option<TlsFiles>> {
    let Some(node) = listener.node("tls") else { return Some(None) };
    let mut table = listener.table_in("tls", node)?;
    let chain = table.required("certificate", "name the PEM file of the certificate and its chain", |node| {
        let path = path(node, around)?;
        Ok((certificates(&path)?, path))
    });
    let key = table.required("key", "name the PEM file of the private key", |node| {
        let path = path(node, around)?;
        Ok((private_key(&path)?, path))
    });
    let findings = table.findings();
    table.finish();
    let (chain, key) = (chain?, key?);
    let ((chain, certificate), (key_der, key_path)) = (chain.value, key.value);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if let Err(error) = CertifiedKey::from_der(chain, key_der, &provider) {
        let (message, help) = mismatch(&error, &certificate, &key_path);
        findings.report(&key.place, message, help);
        return None;
    }
    Some(Some(TlsFiles { certificate, key: key_path }))
}

fn mismatch(error: &rustls::Error, certificate: &Path, key: &Path) -> (String, &'static str) {
    match error {
        rustls::Error::InconsistentKeys(_) => (
            format!("the key ({}) is not that of the certificate ({})", key.display(), certificate.display()),
            "name the two files that were made together; the server's own certificate comes first in its file",
        ),
        error => (
            format!(
                "the key ({}) and the certificate ({}) cannot be used: {error}",
                key.display(),
                certificate.display()
            ),
            "use an X.509 certificate and an RSA, ECDSA or Ed25519 key in PEM",
        ),
    }
}

/// `ca = …` of an upstream: a PEM file with at least one usable certificate.
pub(super) fn authorities(node: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Mistake> {
    let path = path(node, around)?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(&path)? {
        roots.add(certificate).map_err(|error| {
            let what = format!("names a file with a certificate that cannot be trusted ({}): {error}", path.display());
            Mistake::new(what, "use the PEM file of the authority that signed the upstream's certificate")
        })?;
    }
    Ok(path)
}

fn path(node: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Mistake> {
    value::text(node).map(|text| around.resolve(&text))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Mistake> {
    let pem = secret::public_file(path)?;
    let chain: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => {
            let what = format!("names a file without a certificate in PEM ({})", path.display());
            Err(Mistake::new(what, "the file has to hold `-----BEGIN CERTIFICATE-----`"))
        }
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Mistake> {
    let pem = secret::private_file(path)?;
    // The parser's error may quote the file, so it is not passed on.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let what = format!("names a file without a private key in PEM ({})", path.display());
        Mistake::new(what, "the file has to hold `-----BEGIN PRIVATE KEY-----`, and without a passphrase")
    })
}
