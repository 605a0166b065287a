//! TLS to the admin API: whom to trust, and the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::exit::Exit;
use super::super::failure::Failure;

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub(in crate::cli) enum Trust {
    /// What the operating system trusts.
    System,
    /// Those in this PEM file, and no others.
    Authorities(PathBuf),
    /// The first one in this PEM file itself, under whatever name: for a gateway that is spoken to by
    /// its loopback address, which its certificate does not name.
    Exactly(PathBuf),
}

pub(super) async fn secure(stream: TcpStream, host: &str, trust: &Trust) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Failure::usage(format!("`{host}` is no name that a certificate could carry")))?;
    let connector = TlsConnector::from(Arc::new(config(trust)?));
    connector.connect(name, stream).await.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("TLS: {error}"))
            .hint("--ca FILE trusts the authority that signed the gateway's certificate")
    })
}

fn config(trust: &Trust) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::failed(format!("TLS cannot be set up: {error}")))?;
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::System => {
            let native = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(native.certs);
            if roots.is_empty() {
                return Err(Failure::failed("the system has no trusted certificates")
                    .hint("install ca-certificates, or name the authority with --ca FILE"));
            }
        }
        Trust::Authorities(path) => {
            for certificate in read(path)? {
                roots.add(certificate).map_err(|error| {
                    Failure::failed(format!("a certificate in {} cannot be trusted: {error}", path.display()))
                })?;
            }
        }
        Trust::Exactly(path) => {
            let certificate = read(path)?.swap_remove(0);
            let verifier = Arc::new(Pinned { certificate, provider });
            return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
        }
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Failure::failed(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_webpki_verifier(verifier).with_no_client_auth())
}

/// The certificates of a PEM file, at least one.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let refused = |why: String| {
        Failure::failed(format!("cannot read certificates from {}: {why}", path.display()))
            .hint("the file holds PEM blocks, `-----BEGIN CERTIFICATE-----` and so on")
    };
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(error.to_string()))?;
    if found.is_empty() { Err(refused("there is none".to_owned())) } else { Ok(found) }
}

/// Accepts one certificate, whose key the peer must prove to hold as always.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if end_entity.as_ref() == self.certificate.as_ref() {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
