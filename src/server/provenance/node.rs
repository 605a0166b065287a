//! An address with or without a port, as proxies write it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// As in `X-Forwarded-For`, which no standard describes: an IPv6 address stands with brackets or without.
pub(super) fn loosely_written(text: &[u8]) -> Option<IpAddr> {
    let text = text.trim_ascii();
    let bare = str::from_utf8(text).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
    bare.map(|address| IpAddr::from(address).to_canonical()).or_else(|| node(text))
}

/// The `node` of RFC 7239 section 6. What is hidden (`unknown`, `_name`) is no address.
pub(super) fn node(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let (address, port): (IpAddr, &str) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.into(), port)
        }
        None => {
            let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (address.parse::<Ipv4Addr>().ok()?.into(), port)
        }
    };
    is_port(port).then(|| address.to_canonical())
}

/// Nothing, or a colon and a port, which may be hidden as well.
fn is_port(port: &str) -> bool {
    let hidden = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match port.as_bytes() {
        [] => true,
        [b':', b'_', rest @ ..] => !rest.is_empty() && rest.iter().copied().all(hidden),
        [b':', digits @ ..] => (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}
