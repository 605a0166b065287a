//! What the upstream is told of the way that a request came: by whom it was sent, over which scheme, to
//! which host.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::FORWARDED;
use http::{HeaderName, HeaderValue};

use super::client::Client;
use super::introduction::Put;
use crate::server::{Peer, Provenance, TrustedHeader, TrustedProxies};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whom to believe, and what to tell.
#[derive(Debug, Clone)]
pub struct Forwarding {
    pub trusted: Arc<TrustedProxies>,
    pub header: TrustedHeader,
    pub emit: Emit,
    /// What the gateway calls itself in `Via`; `None`: it does not say that requests came through it.
    pub via: Option<String>,
}

/// In which headers upstreams are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emit {
    XForwarded,
    Forwarded,
    Both,
    Nothing,
}

impl Emit {
    fn is_x_forwarded(self) -> bool {
        matches!(self, Emit::XForwarded | Emit::Both)
    }

    fn is_forwarded(self) -> bool {
        matches!(self, Emit::Forwarded | Emit::Both)
    }
}

/// From where one request comes. Boxed: most come from nobody who is trusted.
pub(super) type Origin = Option<Box<Provenance>>;

/// Tells what is true as far as this gateway knows: of a chain that was told, only the part that was
/// believed, so that its beginning is the client and nothing that the client wrote.
///
/// `host`: what the client asked for.
pub(super) fn tell(client: &Client, origin: &Origin, host: Option<&HeaderValue>, put: &mut Put<'_>) {
    let emit = client.worker.proxy().forwarding.emit;
    let told = origin.as_deref();
    let is_tls = told.and_then(|told| told.is_tls).unwrap_or(client.connection.is_tls());
    let scheme = if is_tls { "https" } else { "http" };
    let host = told.and_then(|told| told.host.as_ref()).or(host);
    if emit.is_forwarded() {
        let chain = told.map_or(&[][..], |told| &told.proxies);
        put(&FORWARDED, &forwarded(client.source(origin), chain, scheme, host));
    }
    if emit.is_x_forwarded() {
        match told {
            None => client.address.iter().for_each(|address| put(&FORWARDED_FOR, address)),
            Some(told) => x_forwarded_for(told).iter().for_each(|addresses| put(&FORWARDED_FOR, addresses)),
        }
        put(&FORWARDED_PROTO, &HeaderValue::from_static(scheme));
        host.into_iter().for_each(|host| put(&FORWARDED_HOST, host));
    }
}

pub(super) fn address(address: IpAddr) -> HeaderValue {
    HeaderValue::try_from(address.to_string()).expect("an address is ASCII")
}

/// Who has no address is left out, and where nobody has one, so is the header.
fn x_forwarded_for(told: &Provenance) -> Option<HeaderValue> {
    let mut text = told.client.address()?.to_string();
    for proxy in told.proxies.iter().filter_map(|proxy| proxy.address()) {
        let written = write!(text, ", {proxy}");
        debug_assert!(written.is_ok(), "a string takes any text");
    }
    Some(HeaderValue::try_from(text).expect("addresses are ASCII"))
}

/// RFC 7239: scheme and host stand with the client, whose they are.
fn forwarded(client: Peer, proxies: &[Peer], scheme: &str, host: Option<&HeaderValue>) -> HeaderValue {
    let mut text = format!("for={}", Node(client));
    if let Some(host) = host.and_then(|host| host.to_str().ok()) {
        // A host that was found valid has no character that would need an escape.
        let quote = if host.contains([':', '[']) { "\"" } else { "" };
        text.extend([";host=", quote, host, quote]);
    }
    text.extend([";proto=", scheme]);
    // One without an address would be `unknown`, with which whoever reads the chain stops believing it.
    for proxy in proxies.iter().filter_map(|proxy| proxy.address()) {
        let written = write!(text, ", for={}", Node(proxy.into()));
        debug_assert!(written.is_ok(), "a string takes any text");
    }
    HeaderValue::try_from(text).expect("hosts and addresses are ASCII")
}

/// An address as a value of a pair (RFC 7239 section 6).
struct Node(Peer);

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Peer::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Peer::Ip(IpAddr::V6(address)) => write!(f, "\"[{address}]\""),
            Peer::Unix => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The next gateway, which trusts this one, reads the same of it.
        #[test]
        fn what_is_written_is_what_is_read(
            client in any::<IpAddr>(),
            proxies in proptest::collection::vec(any::<[u8; 3]>(), 1..4),
            host in "[a-z0-9.-]{1,20}(:[0-9]{1,5})?",
            is_tls in any::<bool>(),
        ) {
            let trusted = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")], false);
            let client = Peer::from(client);
            prop_assume!(!trusted.trusts(client));
            let proxies: Vec<_> = proxies.into_iter().map(|[a, b, c]| Peer::Ip([10, a, b, c].into())).collect();
            let peer = Peer::Ip([10, 0, 0, 1].into());
            let host = HeaderValue::try_from(host).expect("ASCII");
            let expected = Provenance {
                client,
                proxies: [&proxies[..], &[peer]].concat(),
                is_tls: Some(is_tls),
                host: Some(host.clone()),
            };
            let scheme = if is_tls { "https" } else { "http" };
            let told = Provenance { proxies: proxies.clone(), ..expected.clone() };
            let plain = HeaderMap::from_iter([
                (FORWARDED_FOR, x_forwarded_for(&told).expect("a client with an address")),
                (FORWARDED_PROTO, HeaderValue::from_static(scheme)),
                (FORWARDED_HOST, host.clone()),
            ]);
            prop_assert_eq!(trusted.provenance(TrustedHeader::XForwarded, &plain, peer), Some(expected.clone()));
            let one = HeaderMap::from_iter([(FORWARDED, forwarded(client, &proxies, scheme, Some(&host)))]);
            prop_assert_eq!(trusted.provenance(TrustedHeader::Forwarded, &one, peer), Some(expected));
        }
    }
}
