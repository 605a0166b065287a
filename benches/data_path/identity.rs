//! A certificate that signs itself, for `localhost` and the loopback address: ECDSA on P-256. Other benches use it too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::Outcome;

#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    /// Where the certificate and its key are, as PEM.
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl Identity {
    pub fn write(folder: &Path) -> Outcome<Self> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names)?;
        let (certificate_file, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
        fs::write(&certificate_file, cert.pem())?;
        fs::write(&key_file, signing_key.serialize_pem())?;
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600))?;
        Ok(Self { certificate: cert.der().clone(), certificate_file, key_file })
    }

    /// Lines of a configuration of Keygate whose public listener shows it.
    pub fn listener(&self) -> String {
        let (certificate, key) = (self.certificate_file.display(), self.key_file.display());
        format!("\n[listen.public.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\n")
    }
}

/// A client that believes this certificate alone, and resumes sessions as is usual.
pub fn client(certificate: &CertificateDer<'static>) -> Outcome<ClientConfig> {
    client_with(rustls::crypto::aws_lc_rs::default_provider(), certificate)
}

pub fn client_with(provider: CryptoProvider, certificate: &CertificateDer<'static>) -> Outcome<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
