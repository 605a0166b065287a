//! Where a request comes from, when it came by way of proxies that are trusted to tell.
//!
//! What proxies tell is a chain of addresses, to which each appends the one that it was asked from. Its
//! beginning is whatever the client liked to write. So the chain is walked from its end, as long as who
//! told of the next address is trusted: the first address that is not trusted is the client. Where the
//! walk meets what is no address, nothing of the chain is believed.

mod element;
mod node;

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::peer::Peer;
use element::Element;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whose word is taken: that of these networks, and of whoever may connect to a Unix socket of ours. The
/// default trusts nobody.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Box<[IpNet]>,
    unix: bool,
}

/// Which of the two headers the trusted proxies write. The other one is the client's own, so it is never
/// read, not even where the first is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host` beside it.
    XForwarded,
    /// RFC 7239.
    Forwarded,
}

/// What trusted proxies tell of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The first that is not trusted; where all are, the one that is farthest away.
    pub client: Peer,
    /// Those behind it, from the one that the client asked to the one that asks here.
    pub proxies: Vec<Peer>,
    /// Whether the client's own connection is one of TLS.
    pub is_tls: Option<bool>,
    /// The host that the client asked for; not looked at.
    pub host: Option<HeaderValue>,
}

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>, unix: bool) -> Self {
        Self { networks: networks.into(), unix }
    }

    pub fn trusts(&self, peer: Peer) -> bool {
        match peer {
            Peer::Ip(address) => self.networks.iter().any(|network| network.contains(&address)),
            Peer::Unix => self.unix,
        }
    }

    /// What is to be believed of a request that `peer` sends. `None`: only that `peer` sends it.
    pub fn provenance(&self, header: TrustedHeader, headers: &HeaderMap, peer: Peer) -> Option<Provenance> {
        if !self.trusts(peer) {
            return None;
        }
        let told = match header {
            TrustedHeader::XForwarded => self.walk(peer, x_forwarded(headers).map(|address| (address, ())))?,
            TrustedHeader::Forwarded => return self.forwarded(headers, peer),
        };
        let (client, proxies, _) = told;
        let is_tls = only(headers, &FORWARDED_PROTO).and_then(|scheme| scheme_is_tls(scheme.as_bytes()));
        let host = only(headers, &FORWARDED_HOST).cloned();
        Some(Provenance { client, proxies, is_tls, host })
    }

    fn forwarded(&self, headers: &HeaderMap, peer: Peer) -> Option<Provenance> {
        let hops = elements(headers).map(|element| {
            let address = element.as_ref().and_then(|element| element.source);
            (address, element)
        });
        let (client, proxies, element) = self.walk(peer, hops)?;
        let element = element.flatten();
        let is_tls = element.as_ref().and_then(|element| scheme_is_tls(element.scheme.as_deref()?));
        let host = element.and_then(|element| HeaderValue::from_bytes(&element.host?).ok());
        Some(Provenance { client, proxies, is_tls, host })
    }

    /// From the nearest hop on: the client, the proxies behind it, and what came with the client's address.
    fn walk<T>(
        &self,
        peer: Peer,
        hops: impl Iterator<Item = (Option<IpAddr>, T)>,
    ) -> Option<(Peer, Vec<Peer>, Option<T>)> {
        let (mut client, mut proxies, mut told) = (peer, Vec::new(), None);
        for (address, more) in hops {
            proxies.push(client);
            client = address?.into();
            told = Some(more);
            if !self.trusts(client) {
                break;
            }
        }
        proxies.reverse();
        Some((client, proxies, told))
    }
}

/// The addresses of all lines as one list, from its end.
fn x_forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let lines = lines.filter(|line| !line.as_bytes().trim_ascii().is_empty());
    lines.flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b',').map(node::loosely_written))
}

/// The elements of all lines as one list, from its end. `None` stands for a whole line that is malformed.
fn elements(headers: &HeaderMap) -> impl Iterator<Item = Option<Element>> {
    let lines = headers.get_all(FORWARDED).iter().rev();
    lines.flat_map(|line| {
        element::parse(line.as_bytes()).map_or_else(
            || vec![None],
            |mut elements| {
                elements.reverse();
                elements.into_iter().map(Some).collect()
            },
        )
    })
}

/// The value of a header that stands there exactly once.
fn only<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

fn scheme_is_tls(scheme: &[u8]) -> Option<bool> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case(b"https") => Some(true),
        _ if scheme.eq_ignore_ascii_case(b"http") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn ip(text: &str) -> Peer {
        text.parse::<IpAddr>().expect("an address").into()
    }

    fn trusted() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
        TrustedProxies::new(networks.into(), false)
    }

    fn told(header: TrustedHeader, lines: &[(&str, &str)]) -> Option<Provenance> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        trusted().provenance(header, &headers, ip(PEER))
    }

    fn way(header: TrustedHeader, name: &str, lines: &[&str]) -> Option<String> {
        let lines: Vec<_> = lines.iter().map(|line| (name, *line)).collect();
        told(header, &lines).map(|told| {
            let addresses: Vec<_> =
                std::iter::once(&told.client).chain(&told.proxies).map(ToString::to_string).collect();
            addresses.join(" ")
        })
    }

    #[test]
    fn the_first_address_from_the_end_that_is_not_trusted_is_the_client() {
        let way = |lines: &[&str]| way(TrustedHeader::XForwarded, "x-forwarded-for", lines);
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1 10.0.0.1"),
            (&["6.6.6.6, 192.0.2.1"], "192.0.2.1 10.0.0.1"),
            (&["<script>, 192.0.2.1"], "192.0.2.1 10.0.0.1"),
            (&["10.6.6.6, 192.0.2.1, 10.0.0.2"], "192.0.2.1 10.0.0.2 10.0.0.1"),
            (&["6.6.6.6", "192.0.2.1", "10.0.0.2"], "192.0.2.1 10.0.0.2 10.0.0.1"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3 10.0.0.2 10.0.0.1"),
            (&["2001:db8::1"], "2001:db8::1 10.0.0.1"),
            (&["[2001:DB8::1]:4711 , fd00::2"], "2001:db8::1 fd00::2 10.0.0.1"),
            (&["192.0.2.1:4711"], "192.0.2.1 10.0.0.1"),
            (&["::ffff:192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1 10.0.0.2 10.0.0.1"),
            (&[], "10.0.0.1"),
            (&[""], "10.0.0.1"),
        ] {
            assert_eq!(way(lines).as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn a_chain_that_breaks_off_is_not_believed() {
        let way = |lines: &[&str]| way(TrustedHeader::XForwarded, "x-forwarded-for", lines);
        for lines in [
            &["unknown"][..],
            &["192.0.2.1, "],
            &["192.0.2.1,,10.0.0.2"],
            &["192.0.2.1, unknown, 10.0.0.2"],
            &["192.0.2.256"],
            &["192.0.2.01"],
            &["192.0.2.1:"],
            &["192.0.2.1:x"],
            &["[192.0.2.1]"],
            &["[::1"],
            &["fe80::1%eth0"],
            &["192.0.2.1 10.0.0.2"],
            &["\"192.0.2.1\""],
            &["3232235777"],
        ] {
            assert_eq!(way(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_by_its_grammar() {
        let way = |lines: &[&str]| way(TrustedHeader::Forwarded, "forwarded", lines);
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], Some("192.0.2.1 10.0.0.1")),
            (&["FOR=192.0.2.1;Proto=https;by=10.0.0.1"], Some("192.0.2.1 10.0.0.1")),
            (&["for=\"[2001:db8::1]:4711\""], Some("2001:db8::1 10.0.0.1")),
            (&["for=\"192.0.2.1:4711\", for=10.0.0.2"], Some("192.0.2.1 10.0.0.2 10.0.0.1")),
            (&["for=6.6.6.6", "for=192.0.2.1,for=10.0.0.2"], Some("192.0.2.1 10.0.0.2 10.0.0.1")),
            (&["for=\"6.6.6.6", "for=192.0.2.1"], Some("192.0.2.1 10.0.0.1")),
            (&["for=\"a, for=192.0.2.1;\\\"b\", for=192.0.2.9"], Some("192.0.2.9 10.0.0.1")),
            (&["for=_hidden, for=192.0.2.1"], Some("192.0.2.1 10.0.0.1")),
            (&[""], Some("10.0.0.1")),
            (&["for=unknown"], None),
            (&["for=_hidden"], None),
            (&["proto=https"], None),
            (&["for=\"6.6.6.6, for=192.0.2.1"], None),
            (&["for=2001:db8::1"], None),
            (&["for=[2001:db8::1]"], None),
            (&["for=\"2001:db8::1\""], None),
            (&["for=192.0.2.1:80"], None),
            (&["for = 192.0.2.1"], None),
            (&["for=192.0.2.1;for=192.0.2.2"], None),
            (&["192.0.2.1"], None),
        ] {
            assert_eq!(way(lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn scheme_and_host_are_those_of_the_client() {
        let told_by = |header, lines: &[(&str, &str)]| {
            let told = told(header, lines).expect("a chain");
            (told.is_tls, told.host.map(|host| host.to_str().expect("ASCII").to_owned()))
        };
        let element =
            "for=6.6.6.6;proto=http;host=evil, for=192.0.2.1;proto=HTTPS;host=\"a:8443\", for=10.0.0.2;host=b";
        assert_eq!(
            told_by(TrustedHeader::Forwarded, &[("forwarded", element)]),
            (Some(true), Some("a:8443".to_owned()))
        );
        let lines = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a")];
        assert_eq!(told_by(TrustedHeader::XForwarded, &lines), (Some(true), Some("a".to_owned())));
        for odd in [&[("x-forwarded-proto", "https, http")][..], &[("x-forwarded-proto", "wss")]] {
            assert_eq!(told_by(TrustedHeader::XForwarded, odd), (None, None));
        }
        let twice = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a")];
        assert_eq!(told_by(TrustedHeader::XForwarded, &twice), (None, Some("a".to_owned())));
    }

    #[test]
    fn only_the_header_that_was_chosen_is_read_and_only_from_who_is_trusted() {
        let lines = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")];
        let client = |header| told(header, &lines).map(|told| told.client.to_string());
        assert_eq!(client(TrustedHeader::XForwarded).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(TrustedHeader::Forwarded).as_deref(), Some("192.0.2.2"));
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        let stranger = ip("192.0.2.7");
        assert_eq!(trusted().provenance(TrustedHeader::XForwarded, &headers, stranger), None);
        let peer = ip("10.0.0.1");
        assert_eq!(TrustedProxies::default().provenance(TrustedHeader::XForwarded, &headers, peer), None);
        let mapped = ip("::ffff:10.0.0.1");
        assert!(trusted().provenance(TrustedHeader::XForwarded, &headers, mapped).is_some());
    }

    #[test]
    fn who_connects_to_a_unix_socket_is_believed_where_that_is_said_and_has_no_address() {
        let headers = HeaderMap::from_iter([
            (FORWARDED_FOR, HeaderValue::from_static("192.0.2.1")),
            (FORWARDED_PROTO, HeaderValue::from_static("https")),
        ]);
        let told =
            |trusted: TrustedProxies, headers| trusted.provenance(TrustedHeader::XForwarded, headers, Peer::Unix);
        assert_eq!(told(trusted(), &headers), None);
        let by_unix = || TrustedProxies::new(Vec::new(), true);
        let found = told(by_unix(), &headers).expect("it is believed");
        assert_eq!((found.client, found.proxies, found.is_tls), (ip("192.0.2.1"), vec![Peer::Unix], Some(true)));
        let found = told(by_unix(), &HeaderMap::new()).expect("it is believed");
        assert_eq!((found.client, found.proxies), (Peer::Unix, vec![]));
        let found = by_unix().provenance(TrustedHeader::XForwarded, &headers, ip("10.0.0.1"));
        assert_eq!(found, None, "that is no word about networks");
    }

    proptest! {
        /// Whatever the client wrote in front, the result is what the proxies appended.
        #[test]
        fn no_beginning_changes_the_end(
            typed in "[ -~]{0,60}",
            client in any::<std::net::Ipv4Addr>(),
            hops in proptest::collection::vec(any::<[u8; 3]>(), 0..4),
            in_lines in any::<bool>(),
        ) {
            prop_assume!(!trusted().trusts(IpAddr::from(client).into()));
            let hops: Vec<_> = hops.into_iter().map(|[a, b, c]| IpAddr::from([10, a, b, c])).collect();
            let honest: Vec<_> = std::iter::once(IpAddr::from(client)).chain(hops.iter().copied()).collect();
            let mut expected: Vec<Peer> = honest.iter().copied().map(Peer::from).collect();
            expected.push(ip(PEER));
            let texts = |write: &dyn Fn(&IpAddr) -> String| {
                let honest: Vec<_> = honest.iter().map(write).collect();
                match in_lines {
                    true => vec![typed.clone(), honest.join(", ")],
                    false => vec![format!("{typed}, {}", honest.join(", "))],
                }
            };
            let found = |header, name: &str, texts: Vec<String>| {
                let lines: Vec<_> = texts.iter().map(|text| (name, text.as_str())).collect();
                told(header, &lines).map(|told| [vec![told.client], told.proxies].concat())
            };
            let plain = found(TrustedHeader::XForwarded, "x-forwarded-for", texts(&|ip| ip.to_string()));
            prop_assert_eq!(plain.as_ref(), Some(&expected));
            let elements = found(TrustedHeader::Forwarded, "forwarded", texts(&|ip| format!("for={ip}")));
            // On one line with what is no list of elements, nothing of it is believed.
            prop_assert!(elements.is_none() && !in_lines || elements.as_ref() == Some(&expected), "{:?}", elements);
        }

        #[test]
        fn nothing_panics(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                for (name, header) in
                    [(FORWARDED_FOR, TrustedHeader::XForwarded), (FORWARDED, TrustedHeader::Forwarded)]
                {
                    let headers = HeaderMap::from_iter([(name, value.clone())]);
                    let told = trusted().provenance(header, &headers, ip(PEER));
                    // Nobody who is trusted is the client while there is somebody farther away.
                    let Some(told) = told else { continue };
                    prop_assert!(told.proxies.iter().all(|&proxy| trusted().trusts(proxy)));
                }
            }
        }
    }
}
