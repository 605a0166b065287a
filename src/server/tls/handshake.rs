//! What a handshake came to, as long as its connection lasts: which host the client asked for, and who it is.
//!
//! Looked at only where clients show certificates: there a connection is for one host, and a client that is believed
//! no more is turned away although its connection is still open.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderValue;
use rustls::ServerConnection;
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{Serving, Tls};

/// Why a request has no business on the connection that it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdirected {
    /// It is for another host than the handshake.
    Host,
    /// The client's certificate would not be accepted any more.
    Certificate,
}

/// What was agreed with a client that was asked for a certificate.
pub struct Handshake {
    tls: Arc<Tls>,
    /// The host that the client asked for, without a final dot.
    host: Option<Box<str>>,
    /// The client's certificate first; empty where it showed none and none was required.
    chain: Vec<CertificateDer<'static>>,
    fingerprint: HeaderValue,
    /// When the client was last believed, by the number of what was served with; and when it was last refused.
    believed: AtomicU64,
    refused: AtomicU64,
}

impl Handshake {
    /// `None`: the client was not asked for a certificate, and nothing is to be kept.
    pub(super) fn of(tls: &Arc<Tls>, serving: &Serving, session: &ServerConnection) -> Option<Self> {
        serving.clients.as_ref()?;
        let host = session.server_name().map(|name| name.strip_suffix('.').unwrap_or(name).into());
        let chain: Vec<_> =
            session.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned()).collect();
        let fingerprint = chain.first().map_or(HeaderValue::from_static(""), |own| fingerprint(own));
        let believed = AtomicU64::new(serving.number);
        Some(Self { tls: Arc::clone(tls), host, chain, fingerprint, believed, refused: AtomicU64::new(u64::MAX) })
    }

    /// Whether a request for `host` belongs here: a host name or an address in lower case, without a port and a final
    /// dot, an IPv6 address in brackets; empty where the request names none.
    pub fn admits(&self, host: &str) -> Result<(), Misdirected> {
        // Addresses are not asked for in handshakes (RFC 6066 section 3).
        let is_the_one = self.host.as_deref().map_or_else(|| is_address(host), |asked| asked == host);
        if !is_the_one {
            return Err(Misdirected::Host);
        }
        let serving = self.tls.serving.load();
        if serving.number == self.believed.load(Ordering::Relaxed) {
            return Ok(());
        }
        if serving.number == self.refused.load(Ordering::Relaxed) {
            return Err(Misdirected::Certificate);
        }
        let is_believed = self.is_believed_by(&serving);
        if is_believed { &self.believed } else { &self.refused }.store(serving.number, Ordering::Relaxed);
        if is_believed { Ok(()) } else { Err(Misdirected::Certificate) }
    }

    /// The SHA-256 of the certificate that the client has shown, in hexadecimal digits; empty where it has shown none.
    pub fn fingerprint(&self) -> &HeaderValue {
        &self.fingerprint
    }

    /// Authorities or their lists may have changed since the handshake. What proved the possession of the key still
    /// does: only whether the certificate counts is asked again.
    fn is_believed_by(&self, serving: &Serving) -> bool {
        let Some(verifier) = &serving.clients else { return true };
        match self.chain.split_first() {
            Some((own, rest)) => verifier.verify_client_cert(own, rest, UnixTime::now()).is_ok(),
            None => !verifier.client_auth_mandatory(),
        }
    }
}

fn is_address(host: &str) -> bool {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.map_or_else(|| host.parse::<Ipv4Addr>().is_ok(), |inside| inside.parse::<Ipv6Addr>().is_ok())
}

fn fingerprint(certificate: &CertificateDer<'_>) -> HeaderValue {
    let digest = digest(&SHA256, certificate);
    let text: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(text).expect("hexadecimal digits")
}
