//! Where the gateway itself sends requests: a whole URL, with path and query.

use std::path::PathBuf;

use http::Uri;

use super::secret::Surroundings;
use super::settings::{Scheme, WebUrl};
use super::table::{Field, Mistake, Reader};
use super::tls;
use super::tree::Node;
use super::upstream;
use super::value;

const HELP: &str = "write a URL such as \"https://hooks.example.com/keygate\"";

/// A URL in the text of a value.
pub(super) fn url(node: &Node) -> Result<WebUrl, Mistake> {
    parse(&value::text(node)?)
}

pub(super) fn parse(text: &str) -> Result<WebUrl, Mistake> {
    let wrong = |what: &str| Mistake::new(what, HELP);
    let scheme = match text.split_once("://") {
        Some(("http", _)) => Scheme::Http,
        Some(("https", _)) => Scheme::Https,
        _ => return Err(wrong("must start with http:// or https://")),
    };
    if text.contains('#') {
        return Err(wrong("must not have a fragment"));
    }
    let uri: Uri = text.parse().map_err(|_| wrong("is no URL"))?;
    let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("must not hold a user or a password"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    if host.is_empty() {
        return Err(wrong("names no host"));
    }
    let port = upstream::port(authority, scheme).ok_or_else(|| wrong("has no port from 1 to 65535"))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if scheme == Scheme::Https && rustls::pki_types::ServerName::try_from(host.as_str()).is_err() {
        return Err(wrong("names a host that no certificate can have"));
    }
    Ok(WebUrl { scheme, host, port, path })
}

/// `ca` and `allow_private`, which stand beside a URL. Plain HTTP is for networks of one's own.
pub(super) fn trust(
    table: &mut Reader<'_>,
    url: Option<&WebUrl>,
    key: &'static str,
    around: &Surroundings<'_>,
) -> Option<(Option<PathBuf>, bool)> {
    let ca = table.field("ca", |node| tls::authorities(node, around));
    let allow_private = table.field("allow_private", value::boolean).or(false);
    let is_plain = url.is_some_and(|url| url.scheme == Scheme::Http);
    if let (Field::Good(ca), true) = (&ca, is_plain) {
        table.findings().report(&ca.place, "`ca` means nothing with an http:// URL", "write https://, or remove `ca`");
        return None;
    }
    if let (true, Some(false), Some(node)) = (is_plain, allow_private, table.node(key)) {
        let help = "write https://; or, for this machine or a network of your own, `allow_private = true`";
        table.mistake(key, node, Mistake::new("goes over the Internet in the clear", help));
        return None;
    }
    Some((ca.optional()?, allow_private?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_whole_or_refused() {
        let url = parse("https://Hooks.example.com/a/b?c=d").ok().expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("hooks.example.com", 443, "/a/b?c=d"));
        let url = parse("http://[::1]:81").ok().expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("::1", 81, "/"));
        for (text, what) in [
            ("hooks.example.com", "must start with http:// or https://"),
            ("https://user:password@host/", "must not hold a user or a password"),
            ("https://host/#x", "must not have a fragment"),
            ("https://host:0/", "has no port from 1 to 65535"),
            ("https://ho st/", "is no URL"),
        ] {
            let refused = parse(text).err().map(|mistake| mistake.what);
            assert_eq!(refused.as_deref(), Some(what), "{text}");
        }
    }
}
