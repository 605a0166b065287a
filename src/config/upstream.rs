//! `[[upstream]]`: the services behind the gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;

use super::problem::Place;
use super::secret::Surroundings;
use super::settings::{HostHeader, Scheme, Upstream, UpstreamVersion};
use super::socket;
use super::table::{Mistake, Reader};
use super::tls;
use super::tree::Node;
use super::value::{self, DAY};

const VERSIONS: &[(&str, UpstreamVersion)] =
    &[("auto", UpstreamVersion::Auto), ("1.1", UpstreamVersion::Http1), ("2", UpstreamVersion::Http2)];

const URL_HELP: &str = "write scheme, host and port, such as \"http://127.0.0.1:3000\", or a socket's path, such as \"unix:/run/app.sock\"";

/// Every upstream that is right, and the names of all that have one.
pub(super) struct Upstreams {
    pub good: Vec<Upstream>,
    pub names: Vec<String>,
}

pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>) -> Upstreams {
    let mut all = Upstreams { good: Vec::new(), names: Vec::new() };
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    for mut table in root.tables("upstream") {
        let help = "write `name = \"api\"`: routes refer to it";
        let name = table.required("name", help, name);
        if let Some(name) = &name {
            if let Some(first) = seen.get(&name.value) {
                let message =
                    format!("there is another upstream named `{}` ({})", name.value, table.findings().where_is(first));
                table.findings().report(&name.place, message, "give each upstream a name of its own");
            } else {
                seen.insert(name.value.clone(), name.place.clone());
                all.names.push(name.value.clone());
            }
        }
        let upstream = one(&mut table, name.map(|name| name.value), around);
        table.finish();
        all.good.extend(upstream);
    }
    all
}

fn one(table: &mut Reader<'_>, name: Option<String>, around: &Surroundings<'_>) -> Option<Upstream> {
    let url = table.required("url", URL_HELP, |node| url(node, around));
    let version = table.field("http", value::choice(VERSIONS)).or(UpstreamVersion::Auto);
    let host_header = table.field("host_header", host_header).or(HostHeader::Preserve);
    let connect_timeout = table.field("connect_timeout", value::duration(DAY)).or(Duration::from_secs(5));
    let response_timeout = table.field("response_timeout", value::duration(DAY)).or(Duration::from_secs(60));
    let max_idle = table.field("max_idle", value::count_usize(1..=1_000_000)).or(256);
    let idle_timeout = table.field("idle_timeout", value::duration(DAY)).or(Duration::from_secs(60));
    let plain = url.as_ref().and_then(|url| url.value.plain());
    let tls = tls::upstream(table, plain, around);
    let url = url?.value;
    Some(Upstream {
        name: name?,
        scheme: url.scheme,
        host: url.host,
        port: url.port,
        socket: url.socket,
        version: version?,
        host_header: host_header?,
        connect_timeout: connect_timeout?,
        response_timeout: response_timeout?,
        max_idle: max_idle?,
        idle_timeout: idle_timeout?,
        tls: tls?,
    })
}

/// In URLs of metrics, in variables' names and in logs, so no odd characters.
pub(super) fn name(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(Mistake::new("is no name", "write 1 to 64 of letters, digits, `_`, `-` and `.`"))
}

struct Url {
    scheme: Scheme,
    host: String,
    port: u16,
    socket: Option<PathBuf>,
}

impl Url {
    /// What it is where it is none of TLS.
    fn plain(&self) -> Option<tls::Plain> {
        match (self.scheme, &self.socket) {
            (Scheme::Https, _) => None,
            (Scheme::Http, None) => Some(tls::Plain::Http),
            (Scheme::Http, Some(_)) => Some(tls::Plain::Unix),
        }
    }
}

fn url(node: &Node, around: &Surroundings<'_>) -> Result<Url, Mistake> {
    let text = value::text(node)?;
    if let Some(path) = socket::path(&text, around) {
        // Nothing of them is connected to; they are what the upstream is called where it has to be called something.
        return Ok(Url { scheme: Scheme::Http, host: "localhost".to_owned(), port: 80, socket: Some(path?) });
    }
    let wrong = |what: &str| Mistake::new(what, URL_HELP);
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        _ => return Err(wrong("must start with http://, https:// or unix:")),
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    if authority.contains('@') {
        return Err(wrong("must not hold a user or a password"));
    }
    if !matches!(path, "" | "/") {
        let help = "the path of a request is forwarded as it is; write scheme, host and port alone";
        return Err(Mistake::new("must not have a path, a query or a fragment", help));
    }
    // `Uri` checks the whole once more, as the client that connects will.
    let uri: Uri = text.parse().map_err(|_| wrong("is no URL"))?;
    let authority: &Authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    if host.is_empty() {
        return Err(wrong("names no host"));
    }
    let port = port(authority, scheme).ok_or_else(|| wrong("has no port from 1 to 65535"))?;
    Ok(Url { scheme, host, port, socket: None })
}

/// As written, or else the scheme's own. `None` for a port that is none.
pub(super) fn port(authority: &Authority, scheme: Scheme) -> Option<u16> {
    let after_host = &authority.as_str()[authority.host().len()..];
    match (after_host, scheme) {
        ("", Scheme::Http) => Some(80),
        ("", Scheme::Https) => Some(443),
        (written, _) => written.strip_prefix(':')?.parse().ok().filter(|&port| port != 0),
    }
}

fn host_header(node: &Node) -> Result<HostHeader, Mistake> {
    let text = value::text(node)?;
    match text.as_str() {
        "preserve" => Ok(HostHeader::Preserve),
        "upstream" => Ok(HostHeader::Upstream),
        fixed => match fixed.parse::<Authority>() {
            Ok(authority) if !authority.host().is_empty() && !fixed.contains('@') => Ok(HostHeader::Fixed(text)),
            _ => Err(Mistake::new(
                "is no Host header",
                "write \"preserve\", \"upstream\", or a host name with or without a port",
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::Value;

    fn read(text: &str) -> Result<(Scheme, String, u16), String> {
        let node = Node { value: Value::Text(text.to_owned()), place: Place::File };
        let env = BTreeMap::new();
        let around = Surroundings { directory: std::path::Path::new("/etc/keygate"), env: &env };
        url(&node, &around).map(|url| (url.scheme, url.host, url.port)).map_err(|mistake| mistake.what)
    }

    #[test]
    fn urls() {
        assert_eq!(read("http://127.0.0.1:3000"), Ok((Scheme::Http, "127.0.0.1".to_owned(), 3000)));
        assert_eq!(read("https://API.example.com/"), Ok((Scheme::Https, "api.example.com".to_owned(), 443)));
        assert_eq!(read("http://[::1]:81"), Ok((Scheme::Http, "::1".to_owned(), 81)));
        for (text, what) in [
            ("127.0.0.1:3000", "must start with http://, https:// or unix:"),
            ("ftp://host", "must start with http://, https:// or unix:"),
            ("http://user:password@host", "must not hold a user or a password"),
            ("http://host/base", "must not have a path, a query or a fragment"),
            ("http://host?x=1", "must not have a path, a query or a fragment"),
            ("http://host:0", "has no port from 1 to 65535"),
            ("http://host:99999", "has no port from 1 to 65535"),
            ("http://host:", "has no port from 1 to 65535"),
            ("http://", "is no URL"),
            ("http://ho st", "is no URL"),
        ] {
            assert_eq!(read(text), Err(what.to_owned()), "{text}");
        }
    }
}
