//! A certificate with its key, as PEM files have it: read, matched, and understood as far as it has to be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::config::secret;
use crate::config::settings::CertificateFiles;
use crate::config::table::Mistake;
use crate::model::{Clock, Timestamp};

/// A certificate that goes with its key.
#[derive(Debug, Clone)]
pub struct Identity {
    pub key: Arc<CertifiedKey>,
    /// The hosts that it is for, in lower case, of which the first label may be `*`.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl Identity {
    /// What is wrong with its dates at present, by the machine's own time: they are about nothing else.
    pub fn outdated(&self) -> Option<String> {
        let now = Clock::system().wall();
        if now.millis() > self.not_after.millis() {
            Some(format!("has expired at {}", self.not_after))
        } else if now.millis() < self.not_before.millis() {
            Some(format!("is not valid before {}", self.not_before))
        } else {
            None
        }
    }
}

/// What both files hold, if they go together.
pub(super) fn of(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: &CertificateFiles,
) -> Result<Identity, Mistake> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| mismatch(&error, files))?;
    let unreadable = |what: String| {
        let what =
            format!("names a file with a certificate that cannot be read ({}): {what}", files.certificate.display());
        Mistake::new(what, "use an X.509 certificate")
    };
    let first = key.cert.first().map(AsRef::as_ref).unwrap_or_default();
    let (_, parsed) = parse_x509_certificate(first).map_err(|error| unreadable(error.to_string()))?;
    let names = parsed.subject_alternative_name().map_err(|error| unreadable(error.to_string()))?;
    let names = names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => host_name(name),
        _ => None,
    });
    let mut names: Vec<String> = names.collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let moment = |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp().saturating_mul(1000));
    let (not_before, not_after) = (moment(parsed.validity().not_before), moment(parsed.validity().not_after));
    Ok(Identity { names, not_before, not_after, key: Arc::new(key) })
}

/// The name in the form in which clients' names are looked up. `None`: no client could ask for it.
fn host_name(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let host = name.strip_prefix("*.").unwrap_or(&name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!host.is_empty() && host.bytes().all(plain)).then_some(name)
}

fn mismatch(error: &rustls::Error, files: &CertificateFiles) -> Mistake {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    match error {
        rustls::Error::InconsistentKeys(_) => Mistake::new(
            format!("names a key ({key}) that is not that of the certificate ({certificate})"),
            "name the two files that were made together; the server's own certificate comes first in its file",
        ),
        error => Mistake::new(
            format!("names a key ({key}) that cannot be used with the certificate ({certificate}): {error}"),
            "use an X.509 certificate and an RSA, ECDSA or Ed25519 key in PEM",
        ),
    }
}

/// A name that two of these certificates have: the places of both, and the name.
pub(super) fn conflict(identities: &[&Identity]) -> Option<(usize, usize, String)> {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, identity) in identities.iter().enumerate() {
        for name in &identity.names {
            if let Some(first) = owners.insert(name, at) {
                return Some((first, at, name.clone()));
            }
        }
    }
    None
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Mistake> {
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

pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Mistake> {
    let pem = secret::private_file(path)?;
    // The parser's error may quote the file, so it is not passed on.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        let what = format!("names a file without a private key in PEM ({})", path.display());
        Mistake::new(what, "the file has to hold `-----BEGIN PRIVATE KEY-----`, and without a passphrase")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_a_client_can_ask_for() {
        assert_eq!(host_name("API.Example.com").as_deref(), Some("api.example.com"));
        assert_eq!(host_name("*.example.com").as_deref(), Some("*.example.com"));
        for odd in ["", "*", "*.", "a*.example.com", "a.*.com", "exämple.com", "a b"] {
            assert_eq!(host_name(odd), None, "{odd}");
        }
    }
}
