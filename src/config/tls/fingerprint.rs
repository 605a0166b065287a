//! Whether files have changed: what they hold, and whether they can be read. Not their names or times: who exchanges
//! a symbolic link changes neither, and who writes the same again changes nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::secret;
use crate::config::settings::{ListenerTls, UpstreamTls};

/// Of a set of files, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(blake3::Hash);

impl Fingerprint {
    fn of<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for path in paths {
            // A key that others may read is refused, so the mode counts too.
            let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
            hasher.update(&mode.to_le_bytes());
            match secret::public_file(path) {
                Ok(bytes) => hasher.update(&bytes.len().to_le_bytes()).update(&bytes),
                Err(mistake) => hasher.update(mistake.what.as_bytes()),
            };
        }
        Self(hasher.finalize())
    }
}

impl ListenerTls {
    pub fn fingerprint(&self) -> Fingerprint {
        let pairs =
            std::iter::once(&self.default).chain(&self.others).flat_map(|files| [&files.certificate, &files.key]);
        let clients = self.clients.iter().flat_map(|clients| std::iter::once(&clients.ca).chain(&clients.crl));
        Fingerprint::of(pairs.chain(clients).map(AsRef::as_ref))
    }
}

impl UpstreamTls {
    pub fn fingerprint(&self) -> Fingerprint {
        let client = self.client.iter().flat_map(|files| [&files.certificate, &files.key]);
        Fingerprint::of(self.ca.iter().chain(client).map(AsRef::as_ref))
    }

    /// Whether it names any file, so that something can change.
    pub fn names_files(&self) -> bool {
        self.ca.is_some() || self.client.is_some()
    }
}
