//! `tls = { … }` of an upstream.

use super::{authorities, pair};
use crate::config::secret::Surroundings;
use crate::config::settings::UpstreamTls;
use crate::config::table::{Mistake, Reader};
use crate::config::tree::Node;
use crate::config::value;

/// An upstream's URL that TLS does not go with.
#[derive(Clone, Copy)]
pub(in crate::config) enum Plain {
    Http,
    Unix,
}

/// `None`: reported.
pub(in crate::config) fn read(
    table: &mut Reader<'_>,
    plain: Option<Plain>,
    around: &Surroundings<'_>,
) -> Option<UpstreamTls> {
    let Some(node) = table.node("tls") else { return Some(UpstreamTls::default()) };
    if let Some(plain) = plain {
        let (what, help) = match plain {
            Plain::Http => ("means nothing with an http:// url", "write https:// in `url`, or remove `tls`"),
            Plain::Unix => (
                "means nothing with a unix: url",
                "nothing is encrypted that does not leave the machine; remove `tls`, or write https://, host and port in `url`",
            ),
        };
        table.mistake("tls", node, Mistake::new(what, help));
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
