//! `tls = { … }` of an upstream.

use super::{authorities, pair};
use crate::config::secret::Surroundings;
use crate::config::settings::{Scheme, UpstreamTls};
use crate::config::table::{Mistake, Reader};
use crate::config::tree::Node;
use crate::config::value;

/// `None`: reported.
pub(in crate::config) fn read(
    table: &mut Reader<'_>,
    scheme: Option<Scheme>,
    around: &Surroundings<'_>,
) -> Option<UpstreamTls> {
    let Some(node) = table.node("tls") else { return Some(UpstreamTls::default()) };
    if scheme == Some(Scheme::Http) {
        let mistake = Mistake::new("means nothing with an http:// url", "write https:// in `url`, or remove `tls`");
        table.mistake("tls", node, mistake);
    }
    let mut inner = table.table_in("tls", node)?;
    let ca = inner.field("ca", |node| authorities(node, around)).optional();
    let server_name = inner.field("server_name", server_name).optional();
    // Both are named before `finish`, so that neither is taken for an unknown key.
    let shows = [inner.node("client_certificate"), inner.node("client_key")].iter().any(Option::is_some);
    let client = match shows {
        false => Some(None),
        true => pair(&mut inner, around, ("client_certificate", "client_key")).map(|located| Some(located.value.0)),
    };
    inner.finish();
    Some(UpstreamTls { ca: ca?, server_name: server_name?, client: client? })
}

fn server_name(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?;
    match rustls::pki_types::ServerName::try_from(text.as_str()) {
        Ok(_) => Ok(text),
        Err(_) => Err(Mistake::new(
            "is no name that a certificate can have",
            "write a host name or an IP address, without a port",
        )),
    }
}
