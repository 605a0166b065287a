//! Why a request has no single reading, wherever that was noticed, and what is told of it.

use super::headers::HeaderFault;
use super::sanitize::HostFault;
use super::websocket::UpgradeFault;
use crate::problem::code::{self, Code};
use crate::route::PathFault;
use crate::server::{Fault, Misdirected};

/// Why a request is refused before anybody asks who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadRequest {
    /// Its bytes.
    Bytes(Fault),
    Path(PathFault),
    Header(HeaderFault),
    Host(HostFault),
    /// A trailer that frames the message, or says who the client is.
    Trailer,
    /// CONNECT: this gateway opens no tunnels.
    Connect,
    /// It came through this gateway before.
    Loop,
    /// Its connection is for another host, or its client is believed no more.
    Misdirected(Misdirected),
    /// It asks for a WebSocket in a way that no client of one does.
    Upgrade(UpgradeFault),
}

/// hyper's own refusals, of what passed the inspection all the same.
pub(super) const UNPARSED: &str = "unparsed";

/// All values of `reject_reason`.
pub fn reject_reasons() -> Vec<&'static str> {
    let bytes = Fault::ALL.into_iter().map(BadRequest::Bytes);
    let paths = PathFault::ALL.into_iter().map(BadRequest::Path);
    let headers = HeaderFault::ALL.into_iter().map(BadRequest::Header);
    let hosts = HostFault::ALL.into_iter().map(BadRequest::Host);
    let upgrades = UpgradeFault::ALL.into_iter().map(BadRequest::Upgrade);
    let misdirected = [Misdirected::Host, Misdirected::Certificate].map(BadRequest::Misdirected);
    let single = [BadRequest::Trailer, BadRequest::Connect, BadRequest::Loop];
    let parsed = headers.chain(hosts).chain(single).chain(misdirected).chain(upgrades);
    let all = bytes.chain(paths).chain(parsed);
    all.map(BadRequest::label).chain([UNPARSED]).collect()
}

impl BadRequest {
    /// One word for logs and metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            BadRequest::Bytes(fault) => fault.label(),
            BadRequest::Path(fault) => fault.label(),
            BadRequest::Header(fault) => fault.label(),
            BadRequest::Host(fault) => fault.label(),
            BadRequest::Trailer => "trailer",
            BadRequest::Connect => "connect",
            BadRequest::Loop => "loop",
            BadRequest::Misdirected(Misdirected::Host) => "misdirected",
            BadRequest::Misdirected(Misdirected::Certificate) => "client_certificate",
            BadRequest::Upgrade(fault) => fault.label(),
        }
    }

    /// Whether the head was in order, so that the request was decided on before.
    pub(super) const fn is_of_body(self) -> bool {
        match self {
            BadRequest::Bytes(fault) => fault.is_of_body(),
            BadRequest::Trailer => true,
            BadRequest::Path(_)
            | BadRequest::Header(_)
            | BadRequest::Host(_)
            | BadRequest::Connect
            | BadRequest::Loop
            | BadRequest::Misdirected(_)
            | BadRequest::Upgrade(_) => false,
        }
    }

    /// Code and text for the client.
    pub(super) const fn told(self) -> (&'static Code, &'static str) {
        match self {
            BadRequest::Bytes(fault) => bytes(fault),
            BadRequest::Path(fault) => (&code::BAD_PATH, fault.text()),
            BadRequest::Header(fault) => header(fault),
            BadRequest::Host(fault) => host(fault),
            BadRequest::Trailer => (&code::BAD_TRAILER, "a trailer carries what only a header may carry"),
            BadRequest::Connect => (&code::CONNECT_REFUSED, "this gateway opens no tunnels"),
            BadRequest::Loop => (&code::LOOP_DETECTED, "the request came through this gateway before"),
            BadRequest::Misdirected(Misdirected::Host) => {
                (&code::MISDIRECTED, "the request is for another host than its connection was made for")
            }
            BadRequest::Misdirected(Misdirected::Certificate) => {
                (&code::MISDIRECTED, "the client's certificate is not accepted any more; connect anew")
            }
            BadRequest::Upgrade(fault) => (&code::BAD_UPGRADE, fault.text()),
        }
    }
}

const fn bytes(fault: Fault) -> (&'static Code, &'static str) {
    match fault {
        Fault::LineEnd => {
            (&code::BAD_LINE, "a line of the head ends with LF or CR alone, or has a CR within; lines end with CR LF")
        }
        Fault::BlankLines => (&code::BAD_LINE, "more than two empty lines stand before the request line"),
        Fault::Folded => (&code::BAD_LINE, "a header line begins with a blank; headers are not folded any more"),
        Fault::RequestLine => {
            (&code::BAD_REQUEST_LINE, "the request line is not method, target and version with one space between them")
        }
        Fault::Method => (&code::BAD_REQUEST_LINE, "the method is not a word of up to 32 characters"),
        Fault::Version => (&code::BAD_REQUEST_LINE, "the version is neither HTTP/1.1 nor HTTP/1.0"),
        Fault::TargetForm => (
            &code::BAD_TARGET,
            "the request target is neither a path that starts with `/` nor an address with a scheme",
        ),
        Fault::TargetCharacter => {
            (&code::BAD_TARGET, "the request target has a character that must be percent-encoded, or a fragment (`#`)")
        }
        Fault::TargetLength => (&code::TARGET_TOO_LONG, "the request line is longer than this gateway reads"),
        Fault::HeadLength => (&code::HEAD_TOO_LARGE, "the headers have more bytes than this gateway reads"),
        Fault::HeadLines => (&code::HEAD_TOO_LARGE, "there are more header lines than this gateway reads"),
        Fault::HeaderName => {
            (&code::BAD_HEADER, "a header line has no name, no colon, or a character in its name that no name has")
        }
        Fault::HeaderValue => (&code::BAD_HEADER, "a header's value has a control character"),
        Fault::ContentLength => (&code::BAD_FRAMING, "Content-Length must stand once, as a plain number"),
        Fault::TwoFramings => (&code::BAD_FRAMING, "Content-Length and Transfer-Encoding exclude each other"),
        Fault::TransferEncoding => (&code::BAD_FRAMING, "Transfer-Encoding must be `chunked`, once"),
        Fault::TransferEncodingOfOld => (&code::BAD_FRAMING, "HTTP/1.0 does not know Transfer-Encoding"),
        Fault::TransferCoding => (&code::UNKNOWN_CODING, "the only transfer coding that is understood is `chunked`"),
        Fault::ChunkSize => (&code::BAD_CHUNK, "a chunk's size is not a plain hexadecimal number and CR LF"),
        Fault::ChunkExtension => (&code::BAD_CHUNK, "a chunk extension is malformed, or they are over 4 KiB together"),
        Fault::ChunkEnd => (&code::BAD_CHUNK, "a chunk does not end where its size says"),
        Fault::TrailerLine => (&code::BAD_TRAILER, "a trailer line is malformed, or there are too many of them"),
        Fault::OutOfStep => (&code::BAD_FRAMING, "it is not clear where this request begins"),
    }
}

const fn header(fault: HeaderFault) -> (&'static Code, &'static str) {
    match fault {
        HeaderFault::ConnectionNamesProtected => {
            (&code::BAD_HEADER, "the Connection header names a header that may not be removed")
        }
        HeaderFault::SpelledOddly => {
            (&code::BAD_HEADER, "a header is spelled with another character where its meaning needs `-`")
        }
        HeaderFault::ContentLength => (&code::BAD_FRAMING, "content-length must stand once, as a plain number"),
        HeaderFault::Expectation => {
            (&code::EXPECTATION_FAILED, "the only expectation that is understood is `100-continue`")
        }
    }
}

const fn host(fault: HostFault) -> (&'static Code, &'static str) {
    match fault {
        HostFault::Missing => (&code::BAD_HOST, "the request names no host"),
        HostFault::Several => (&code::BAD_HOST, "the request names more than one host"),
        HostFault::Invalid => (&code::BAD_HOST, "the host is not a name or an address with an optional port"),
        HostFault::Differs => (&code::BAD_HOST, "the request target and the Host header name different hosts"),
        HostFault::Scheme => (&code::BAD_TARGET, "the request target has a scheme other than http and https"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_page_for_operators_has_each_reason() {
        let page = include_str!("../../docs/rejected-inputs.md");
        let missing: Vec<_> =
            reject_reasons().into_iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn each_reason_has_a_word_of_its_own() {
        let reasons = reject_reasons();
        let distinct: BTreeSet<_> = reasons.iter().collect();
        assert_eq!(distinct.len(), reasons.len(), "{reasons:?}");
        assert!(
            reasons.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
    }
}
