//! TLS files: there, in PEM, and going together. [`super::ListenerTls::read`] and [`super::UpstreamTls::read`] give
//! what is in them, at the start and whenever they change; the checks of the configuration are the same.

mod authorities;
mod fingerprint;
mod identity;
mod listener;
mod material;
mod upstream;

use std::path::{Path, PathBuf};

pub use fingerprint::Fingerprint;
pub use identity::Identity;
pub use material::{ListenerMaterial, TlsFault, UpstreamMaterial, read_authorities};

use super::secret::Surroundings;
use super::settings::CertificateFiles;
use super::table::{Located, Mistake, Reader};
use super::tree::Node;
use super::value;
use crate::model::{Clock, Timestamp};

pub(super) use listener::read as listener;
pub(super) use upstream::{Plain, read as upstream};

/// `ca = …`: a PEM file with at least one usable certificate.
pub(super) fn authorities(node: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Mistake> {
    let path = path(node, around)?;
    authorities::authorities(&path)?;
    Ok(path)
}

fn path(node: &Node, around: &Surroundings<'_>) -> Result<PathBuf, Mistake> {
    value::text(node).map(|text| around.resolve(&text))
}

/// A certificate and its key under these two keys of a table. Says which dates are wrong, which is no mistake: the
/// other side may not look at them, and a start must not depend on the day.
fn pair(
    table: &mut Reader<'_>,
    around: &Surroundings<'_>,
    (certificate_key, key_key): (&'static str, &'static str),
) -> Option<Located<(CertificateFiles, Identity)>> {
    let chain = table.required(certificate_key, "name the PEM file of the certificate and its chain", |node| {
        let path = path(node, around)?;
        Ok((identity::certificates(&path)?, path))
    });
    let key = table.required(key_key, "name the PEM file of the private key", |node| {
        let path = path(node, around)?;
        Ok((identity::private_key(&path)?, path))
    });
    let (chain, key) = (chain?, key?);
    let (place, (chain, certificate), (key_der, key_path)) = (chain.place, chain.value, key.value);
    let files = CertificateFiles { certificate, key: key_path };
    match identity::of(chain, key_der, &files) {
        Ok(identity) => {
            if let Some(outdated) = identity.outdated() {
                let (name, line) = (table.name_of(certificate_key), table.findings().where_is(&place));
                let path = files.certificate.display();
                table.findings().warn(format!("the certificate of `{name}` ({path}, {line}) {outdated}"));
            }
            Some(Located { value: (files, identity), place })
        }
        Err(mistake) => {
            let name = table.name_of(key_key);
            table.findings().report(&key.place, format!("`{name}` {}", mistake.what), mistake.help);
            None
        }
    }
}

/// The machine's own time: a certificate's dates are about nothing else.
fn now() -> Timestamp {
    Clock::system().wall()
}

/// A path in a message.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
