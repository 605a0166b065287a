//! Whose signatures count: authorities, and what they have revoked, from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::parse_x509_crl;

use super::identity::certificates;
use crate::config::secret;
use crate::config::table::Mistake;
use crate::model::Timestamp;

/// The authorities of a file, at least one.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, Mistake> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            let what = format!("names a file with a certificate that cannot be trusted ({}): {error}", path.display());
            Mistake::new(what, "use the PEM file of the authority that signs the certificates of the other side")
        })?;
    }
    Ok(roots)
}

/// The lists of what was revoked in a file, at least one.
pub(super) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Mistake> {
    let pem = secret::public_file(path)?;
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    match lists {
        Ok(lists) if !lists.is_empty() && lists.iter().all(|list| parse_x509_crl(list).is_ok()) => Ok(lists),
        _ => {
            let what = format!("names a file without a list of revoked certificates in PEM ({})", path.display());
            Err(Mistake::new(what, "the file has to hold `-----BEGIN X509 CRL-----`"))
        }
    }
}

/// When the first of the lists runs out: from then on no certificate of its authority is accepted.
pub(super) fn run_out(lists: &[CertificateRevocationListDer<'_>]) -> Option<Timestamp> {
    let ends = lists.iter().filter_map(|list| parse_x509_crl(list).ok()?.1.next_update());
    ends.map(|end| Timestamp::from_millis(end.timestamp().saturating_mul(1000))).min()
}

/// Believes clients whom one of `roots` has signed. What is on a list of the revoked, what no list speaks of although
/// there are lists, and what only a list speaks of that has run out, is not believed.
pub(super) fn client_verifier(
    roots: RootCertStore,
    lists: Vec<CertificateRevocationListDer<'static>>,
    required: bool,
) -> Result<Arc<dyn ClientCertVerifier>, Mistake> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = builder.with_crls(lists).enforce_revocation_expiration();
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| {
        Mistake::new(format!("cannot be used: {error}"), "use the PEM files of the authority that signs for clients")
    })
}
