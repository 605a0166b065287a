//! What the files hold, for whoever serves and connects with it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::danger::ClientCertVerifier;

use super::authorities::{authorities, client_verifier, revocations};
use super::identity::{self, Identity};
use crate::config::settings::{CertificateFiles, ListenerTls, UpstreamTls};
use crate::config::table::Mistake;

/// What a listener serves with.
pub struct ListenerMaterial {
    pub default: Identity,
    pub others: Vec<Identity>,
    /// `None`: no certificate is asked for.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// What an upstream is connected to with.
pub struct UpstreamMaterial {
    /// `None`: those of this machine.
    pub roots: Option<RootCertStore>,
    /// What it is shown if it asks.
    pub client: Option<Identity>,
}

/// Why files cannot be used that could be when the configuration was checked, or that are not those any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFault {
    key: &'static str,
    what: String,
    help: String,
}

impl TlsFault {
    fn of(key: &'static str) -> impl Fn(Mistake) -> Self {
        move |Mistake { what, help }| Self { key, what, help }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}; {}", self.key, self.what, self.help)
    }
}

impl std::error::Error for TlsFault {}

impl ListenerTls {
    pub fn read(&self) -> Result<ListenerMaterial, TlsFault> {
        let default = pair(&self.default, ("certificate", "key"))?;
        let others: Vec<Identity> =
            self.others.iter().map(|files| pair(files, ("certificate", "key"))).collect::<Result<_, _>>()?;
        let all: Vec<&Identity> = std::iter::once(&default).chain(&others).collect();
        if let Some((first, second, name)) = identity::conflict(&all) {
            let path = |at: usize| {
                let files = if at == 0 { &self.default } else { &self.others[at - 1] };
                files.certificate.display().to_string()
            };
            let what = format!("is for `{name}` in two files ({} and {})", path(first), path(second));
            return Err(TlsFault::of("certificate")(Mistake::new(what, "leave one of the two out")));
        }
        if let Some((files, _)) = self.others.iter().zip(&others).find(|(_, other)| other.names.is_empty()) {
            let what = format!("names no host ({})", files.certificate.display());
            return Err(TlsFault::of("certificate")(Mistake::new(what, "use one with a DNS name")));
        }
        let clients = self.clients.as_ref().map(|clients| {
            let roots = authorities(&clients.ca).map_err(TlsFault::of("client_ca"))?;
            let lists = clients.crl.as_deref().map(revocations).transpose().map_err(TlsFault::of("client_crl"))?;
            client_verifier(roots, lists.unwrap_or_default(), clients.required).map_err(TlsFault::of("client_ca"))
        });
        Ok(ListenerMaterial { default, others, clients: clients.transpose()? })
    }
}

impl UpstreamTls {
    pub fn read(&self) -> Result<UpstreamMaterial, TlsFault> {
        let roots = self.ca.as_deref().map(read_authorities).transpose()?;
        let client = self.client.as_ref().map(|files| pair(files, ("client_certificate", "client_key"))).transpose()?;
        Ok(UpstreamMaterial { roots, client })
    }
}

/// The authorities of a PEM file, of which there is at least one.
pub fn read_authorities(path: &Path) -> Result<RootCertStore, TlsFault> {
    authorities(path).map_err(TlsFault::of("ca"))
}

fn pair(files: &CertificateFiles, (chain_name, key_name): (&'static str, &'static str)) -> Result<Identity, TlsFault> {
    let chain = identity::certificates(&files.certificate).map_err(TlsFault::of(chain_name))?;
    let key = identity::private_key(&files.key).map_err(TlsFault::of(key_name))?;
    identity::of(chain, key, files).map_err(TlsFault::of(key_name))
}
