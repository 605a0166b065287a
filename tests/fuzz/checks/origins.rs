//! Who is told to be at the other end: by the headers of proxies, and by the first bytes of a balancer.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use keygate::server::{Peer, Provenance, ProxyReading, TrustedHeader, TrustedProxies, read_proxy_header};
use proxy_header::{ParseConfig, ProxyHeader};

const PEER: [u8; 4] = [10, 0, 0, 1];

fn trusted() -> TrustedProxies {
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
    TrustedProxies::new(networks.to_vec(), false)
}

/// `f` (the lines are of `Forwarded`) or anything else (of `X-Forwarded-For`), what the client typed, and in the
/// lines behind it what came of the proxies. What the client types changes nothing of what is believed, a chain says
/// the same in one line as in several, and a plain reader finds the same addresses.
pub fn forwarded(bytes: &[u8]) {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let chain = Chain::of(choice);
    let mut lines = bytes.split(|&byte| byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let Some(typed) = lines.next() else { return };
    let lines: Vec<HeaderValue> = lines.collect();
    let peer = Peer::Ip(PEER.into());
    let told = chain.told(&lines);
    assert_eq!(TrustedProxies::default().provenance(chain.header, &chain.headers(&lines), peer), None);
    let with_typed = chain.told(&[&[typed.clone()][..], &lines].concat());
    match &told {
        None => assert_eq!(with_typed, None, "what the client typed mends a chain that is broken"),
        Some(told) => {
            let nearest = told.proxies.last().unwrap_or(&told.client);
            assert_eq!(*nearest, peer, "the chain does not begin here");
            assert!(told.proxies.iter().all(|&proxy| trusted().trusts(proxy)), "{told:?} believes a stranger");
        }
    }
    if let Some(told) = told.as_ref().filter(|told| !trusted().trusts(told.client)) {
        assert_eq!(with_typed.as_ref(), Some(told), "a line in front changes who is believed");
        let joined = joined(&[typed, lines[0].clone()]);
        let in_line = chain.told(&[&[joined][..], &lines[1..]].concat());
        // On one line with what is no list of elements, nothing of it is believed.
        let is_broken = in_line.is_none() && chain.header == TrustedHeader::Forwarded;
        assert!(is_broken || in_line.as_ref() == Some(told), "a beginning of the line makes {in_line:?} of {told:?}");
    }
    let filled: Vec<_> = lines.iter().filter(|line| !line.as_bytes().trim_ascii().is_empty()).cloned().collect();
    let in_one = chain.told(&[joined(&filled)]);
    match chain.header {
        TrustedHeader::XForwarded => {
            assert_eq!(in_one, told, "one line says something else than several");
            check_addresses(&filled, told.as_ref());
        }
        TrustedHeader::Forwarded => {
            assert!(
                in_one.is_none() || told.is_none() || in_one == told,
                "{in_one:?} in one line, {told:?} in several"
            );
        }
    }
}

struct Chain {
    header: TrustedHeader,
    name: HeaderName,
}

impl Chain {
    fn of(choice: u8) -> Self {
        match choice {
            b'f' => Self { header: TrustedHeader::Forwarded, name: HeaderName::from_static("forwarded") },
            _ => Self { header: TrustedHeader::XForwarded, name: HeaderName::from_static("x-forwarded-for") },
        }
    }

    /// The lines, and beside them the header that is not the one to believe.
    fn headers(&self, lines: &[HeaderValue]) -> HeaderMap {
        let other = match self.header {
            TrustedHeader::Forwarded => ("x-forwarded-for", "192.0.2.66"),
            TrustedHeader::XForwarded => ("forwarded", "for=192.0.2.66"),
        };
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static(other.0), HeaderValue::from_static(other.1))]);
        headers.extend(lines.iter().map(|line| (self.name.clone(), line.clone())));
        headers
    }

    fn told(&self, lines: &[HeaderValue]) -> Option<Provenance> {
        trusted().provenance(self.header, &self.headers(lines), Peer::Ip(PEER.into()))
    }
}

fn joined(lines: &[HeaderValue]) -> HeaderValue {
    let lines: Vec<&[u8]> = lines.iter().map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&lines.join(&b", "[..])).expect("of values")
}

/// The walk along `X-Forwarded-For` once more, with what the standard library reads as addresses. Where that reads
/// none there may be one all the same (with a hidden port), so the walk ends there.
fn check_addresses(lines: &[HeaderValue], told: Option<&Provenance>) {
    let all = joined(lines);
    let mut way = vec![Peer::Ip(PEER.into())];
    for text in all.as_bytes().rsplit(|&byte| byte == b',').take_while(|_| !lines.is_empty()) {
        let Ok(text) = str::from_utf8(text.trim_ascii()) else {
            return assert_eq!(told, None, "what is not even text is believed");
        };
        let socket = || text.parse::<SocketAddr>().ok().filter(|_| !text.contains('%')).map(|socket| socket.ip());
        let Some(address) = text.parse().ok().or_else(socket).map(|address: IpAddr| address.to_canonical()) else {
            return;
        };
        way.insert(0, address.into());
        if !trusted().trusts(address.into()) {
            break;
        }
    }
    let told = told.map(|told| [&[told.client][..], &told.proxies].concat());
    assert_eq!(told, Some(way));
}

/// The first byte says in what pieces the others arrive. Whatever is said of a beginning is said of the whole; a
/// header has an end, before which there is none and behind which nothing counts; and another reader finds the same
/// client in it.
pub fn proxy_protocol(bytes: &[u8]) {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let whole = read_proxy_header(bytes);
    let ends = (0..bytes.len()).step_by(usize::from(piece).max(1)).chain([bytes.len()]);
    let mut readings = ends.map(|end| read_proxy_header(&bytes[..end]));
    let first = readings.find(|reading| *reading != ProxyReading::Incomplete);
    assert_eq!(first.unwrap_or(ProxyReading::Incomplete), whole, "how the bytes arrive makes a difference");
    match whole {
        ProxyReading::Header { client, length } => {
            let header = bytes.get(..length).expect("a header is no longer than what there is");
            assert_eq!(read_proxy_header(header), whole, "what follows the header counts");
            assert_eq!(read_proxy_header(&header[..length - 1]), ProxyReading::Incomplete, "it ends before its end");
            check_header(header, client);
        }
        ProxyReading::Other => {
            let begins = bytes.starts_with(b"PROXY ") || bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n");
            assert!(!begins, "a header is passed on as a request");
        }
        ProxyReading::Incomplete => assert!(bytes.len() < 5000, "it never ends"),
        ProxyReading::Malformed(wrong) => assert!(!wrong.is_empty()),
    }
}

/// The other reader takes more than this one does, and never less, but for a carriage return within what is to be
/// ignored behind `UNKNOWN`.
fn check_header(header: &[u8], client: Option<SocketAddr>) {
    if header.starts_with(b"PROXY UNKNOWN") && header[..header.len() - 2].contains(&b'\r') {
        return assert_eq!(client, None);
    }
    let (other, length) = ProxyHeader::parse(header, ParseConfig::default()).expect("a header for another reader too");
    assert_eq!(length, header.len(), "another reader sees another end");
    assert_eq!(client, other.proxied_address().map(|address| address.source), "another reader sees another client");
}
