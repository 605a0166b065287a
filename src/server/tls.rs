//! TLS of a listener: TLS 1.2 and 1.3, certificates by the host that is asked for, clients' certificates, and all of
//! it replaced while it serves.
//!
//! A [`Tls`] holds one configuration of rustls at a time, with tickets and remembered sessions of its own: a ticket of
//! one listener, or of the time before a change, is nothing to another. There is no early data. Where clients show
//! certificates, no session is resumed at all, so that each connection is verified anew.

mod handshake;
mod names;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use handshake::{Handshake, Misdirected};
use names::ByName;

/// What both listeners speak, the first one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a listener shows, and whom it believes.
pub struct TlsMaterial {
    /// For clients that name no host, or one that is not below.
    pub default: Arc<CertifiedKey>,
    /// Hosts in lower case, of which the first label may be `*`.
    pub named: Vec<(String, Arc<CertifiedKey>)>,
    /// `None`: clients are not asked for certificates.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// TLS of one listener, whatever it serves with at present.
pub struct Tls {
    serving: ArcSwap<Serving>,
    count: AtomicU64,
}

/// What is served with between two changes.
struct Serving {
    /// Of the changes so far, and of the times that clients were to be verified again.
    number: u64,
    config: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Tls {
    pub fn new(material: TlsMaterial) -> Result<Self, rustls::Error> {
        let serving = Serving::new(0, material)?;
        Ok(Self { serving: ArcSwap::from_pointee(serving), count: AtomicU64::new(0) })
    }

    /// Handshakes that begin from now on are made with `material`; those under way go on with what they began with.
    pub fn replace(&self, material: TlsMaterial) -> Result<(), rustls::Error> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.serving.store(Arc::new(Serving::new(number, material)?));
        Ok(())
    }

    /// Has clients verified again at their next requests, by what is in force: time goes on, for their certificates and
    /// for the lists of what is revoked. Not at the same time as [`Tls::replace`].
    pub fn verify_again(&self) {
        let serving = self.serving.load();
        if serving.clients.is_some() {
            let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            let (config, clients) = (Arc::clone(&serving.config), serving.clients.clone());
            self.serving.store(Arc::new(Serving { number, config, clients }));
        }
    }

    /// The stream behind a handshake, and what was agreed where clients are asked for certificates.
    pub async fn accept<S>(self: &Arc<Self>, stream: S) -> io::Result<(TlsStream<S>, Option<Handshake>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let serving = self.serving.load_full();
        let stream = TlsAcceptor::from(Arc::clone(&serving.config)).accept(stream).await?;
        let handshake = Handshake::of(self, &serving, stream.get_ref().1);
        Ok((stream, handshake))
    }
}

impl Serving {
    fn new(number: u64, material: TlsMaterial) -> Result<Self, rustls::Error> {
        let TlsMaterial { default, named, clients } = material;
        let verifier = clients.clone().unwrap_or_else(WebPkiClientVerifier::no_client_auth);
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(rustls::ALL_VERSIONS)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(ByName::new(default, named)));
        config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
        config.max_early_data_size = 0;
        if clients.is_some() {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        } else {
            config.ticketer = Ticketer::new()?;
        }
        Ok(Self { number, config: Arc::new(config), clients })
    }
}
