//! Which certificate is shown to a client that asks for a host.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// By the whole name, then by `*` in the place of its first label, then the default. Built once, and never changed.
pub(super) struct ByName {
    named: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl ByName {
    pub(super) fn new(default: Arc<CertifiedKey>, named: Vec<(String, Arc<CertifiedKey>)>) -> Self {
        Self { named: named.into_iter().collect(), default }
    }

    fn find(&self, asked: Option<&str>) -> &Arc<CertifiedKey> {
        let Some(asked) = asked.filter(|_| !self.named.is_empty()) else { return &self.default };
        // rustls has it in lower case; a final dot means the same host.
        let host = asked.strip_suffix('.').unwrap_or(asked);
        let wildcard = || self.named.get(&format!("*.{}", host.split_once('.')?.1));
        self.named.get(host).or_else(wildcard).unwrap_or(&self.default)
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.named.keys()).finish()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.find(hello.server_name())))
    }
}
