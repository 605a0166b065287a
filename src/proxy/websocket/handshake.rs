//! The opening handshake (RFC 6455 section 4, and RFC 8441 for HTTP/2): what a client asks for, and what an
//! upstream must answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use hyper::ext::Protocol;

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The key from which the upstream's answer follows: the client's, or one of ours where the client has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proxy) struct Key {
    text: HeaderValue,
    is_ours: bool,
}

/// What is wrong with a request for a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum UpgradeFault {
    Method,
    Body,
    Key,
    Version,
    /// A stream is asked for where none is given.
    Route,
}

impl UpgradeFault {
    pub(in crate::proxy) const ALL: [UpgradeFault; 5] =
        [UpgradeFault::Method, UpgradeFault::Body, UpgradeFault::Key, UpgradeFault::Version, UpgradeFault::Route];

    /// One word for logs and metrics.
    pub(in crate::proxy) const fn label(self) -> &'static str {
        match self {
            UpgradeFault::Method => "websocket_method",
            UpgradeFault::Body => "websocket_body",
            UpgradeFault::Key => "websocket_key",
            UpgradeFault::Version => "websocket_version",
            UpgradeFault::Route => "websocket_route",
        }
    }

    pub(in crate::proxy) const fn text(self) -> &'static str {
        match self {
            UpgradeFault::Method => "a WebSocket is asked for with GET",
            UpgradeFault::Body => "a request for a WebSocket has no body",
            UpgradeFault::Key => "Sec-WebSocket-Key must stand once, and be 16 bytes in base64",
            UpgradeFault::Version => "Sec-WebSocket-Version must stand once, and be 13",
            UpgradeFault::Route => "no WebSocket is to be had here",
        }
    }
}

/// Whether a request asks for a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proxy) enum Ask {
    /// It does not, or it asks for something else as well, which nobody has to follow
    /// (RFC 9110 section 7.8).
    Nothing,
    WebSocket(Result<Key, UpgradeFault>),
    /// It asks for one over a stream of HTTP/2, which has no key (RFC 8441 section 5); this is ours.
    Stream(Result<Key, UpgradeFault>),
}

/// To be asked before the headers of this hop are removed.
pub(in crate::proxy) fn ask<B>(request: &Request<B>) -> Ask {
    let headers = request.headers();
    // Other protocols stay what they are, a CONNECT that is refused.
    let protocol = request.extensions().get::<Protocol>();
    if request.method() == Method::CONNECT && protocol.is_some_and(|protocol| protocol.as_str() == "websocket") {
        return Ask::Stream(version(headers).map(|()| Key::fresh()));
    }
    let is_asked = headers.contains_key(UPGRADE)
        && request.version() == Version::HTTP_11
        && only(headers, &UPGRADE).is_some_and(is_websocket)
        && names_upgrade(headers);
    if is_asked { Ask::WebSocket(key(request.method(), headers)) } else { Ask::Nothing }
}

fn key(method: &Method, headers: &HeaderMap) -> Result<Key, UpgradeFault> {
    if method != Method::GET {
        return Err(UpgradeFault::Method);
    }
    let empty = headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) {
        return Err(UpgradeFault::Body);
    }
    version(headers)?;
    let key = only(headers, &SEC_WEBSOCKET_KEY).ok_or(UpgradeFault::Key)?;
    match STANDARD.decode(key) {
        Ok(bytes) if bytes.len() == 16 => Ok(Key { text: key.clone(), is_ours: false }),
        Ok(_) | Err(_) => Err(UpgradeFault::Key),
    }
}

fn version(headers: &HeaderMap) -> Result<(), UpgradeFault> {
    match only(headers, &SEC_WEBSOCKET_VERSION) {
        Some(version) if version == "13" => Ok(()),
        Some(_) | None => Err(UpgradeFault::Version),
    }
}

/// Asks the upstream, in the one spelling.
pub(in crate::proxy) fn demand(headers: &mut HeaderMap, key: &Key) {
    headers.insert(SEC_WEBSOCKET_KEY, key.text.clone());
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, WEBSOCKET);
}

/// What is wrong with a 101, which must answer this very request (RFC 6455 section 4.1).
pub(in crate::proxy) fn fault_of_switch(headers: &HeaderMap, key: &Key) -> Option<&'static str> {
    if !only(headers, &UPGRADE).is_some_and(is_websocket) || !names_upgrade(headers) {
        return Some("it switches to something else than WebSocket");
    }
    let accept = only(headers, &SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes().trim_ascii() != key.accept().as_bytes()) {
        return Some("its Sec-WebSocket-Accept does not answer the request's key");
    }
    None
}

impl Key {
    /// Nothing is kept secret by it: it tells an answer from one that was kept (RFC 6455 section 1.3).
    fn fresh() -> Self {
        let text = STANDARD.encode(fastrand::u128(..).to_be_bytes());
        Self { text: HeaderValue::try_from(text).expect("base64 is ASCII"), is_ours: true }
    }

    /// Whether the client has none, and so knows no answer to it.
    pub(in crate::proxy) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// RFC 6455 section 4.2.2, 5.4. SHA-1 proves nothing here but that the request was read.
    fn accept(&self) -> String {
        let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(self.text.as_bytes());
        hash.update(GUID);
        STANDARD.encode(hash.finish())
    }
}

/// The value of a header that stands there exactly once.
fn only<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

fn is_websocket(value: &HeaderValue) -> bool {
    value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket")
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    let mut words = headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn request(change: impl FnOnce(&mut Request<()>)) -> Ask {
        let mut request = Request::builder()
            .uri("/")
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-key", KEY)
            .header("sec-websocket-version", "13")
            .body(())
            .expect("a request");
        change(&mut request);
        ask(&request)
    }

    fn set(name: &'static str, value: &'static str) -> impl FnOnce(&mut Request<()>) {
        move |request| drop(request.headers_mut().insert(name, HeaderValue::from_static(value)))
    }

    fn add(name: &'static str, value: &'static str) -> impl FnOnce(&mut Request<()>) {
        move |request| assert!(request.headers_mut().append(name, HeaderValue::from_static(value)))
    }

    #[test]
    fn a_proper_request_is_one() {
        let expected = Key { text: HeaderValue::from_static(KEY), is_ours: false };
        assert_eq!(request(|_| {}), Ask::WebSocket(Ok(expected)));
        assert!(matches!(request(set("content-length", "0")), Ask::WebSocket(Ok(_))));
    }

    #[test]
    fn what_asks_for_another_protocol_or_not_properly_asks_for_nothing() {
        for value in ["h2c", "foo", "websocket, h2c", "websocket/13", ""] {
            assert_eq!(request(set("upgrade", value)), Ask::Nothing, "{value}");
        }
        assert_eq!(request(add("upgrade", "h2c")), Ask::Nothing);
        assert_eq!(request(set("connection", "keep-alive")), Ask::Nothing);
        assert_eq!(request(|request| *request.version_mut() = Version::HTTP_10), Ask::Nothing);
        assert_eq!(request(|request| drop(request.headers_mut().remove("upgrade"))), Ask::Nothing);
    }

    #[test]
    fn each_part_of_the_request_must_be_right() {
        let fault = |ask| match ask {
            Ask::WebSocket(Err(fault)) => Some(fault),
            _ => None,
        };
        assert_eq!(fault(request(|r| *r.method_mut() = Method::POST)), Some(UpgradeFault::Method));
        assert_eq!(fault(request(set("content-length", "1"))), Some(UpgradeFault::Body));
        assert_eq!(fault(request(set("transfer-encoding", "chunked"))), Some(UpgradeFault::Body));
        for key in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZXM="] {
            assert_eq!(fault(request(set("sec-websocket-key", key))), Some(UpgradeFault::Key), "{key}");
        }
        assert_eq!(fault(request(add("sec-websocket-key", KEY))), Some(UpgradeFault::Key));
        for version in ["8", "", "13, 8"] {
            assert_eq!(fault(request(set("sec-websocket-version", version))), Some(UpgradeFault::Version));
        }
        assert_eq!(fault(request(add("sec-websocket-version", "13"))), Some(UpgradeFault::Version));
    }

    #[test]
    fn a_stream_is_asked_for_by_a_protocol_and_gets_a_key_of_its_own() {
        let ask_for = |method: Method, protocol: Option<&'static str>, version: &str| {
            let mut request = Request::builder().method(method).uri("https://a/x").version(Version::HTTP_2);
            request = request.header("sec-websocket-version", version).header("sec-websocket-key", KEY);
            if let Some(protocol) = protocol {
                request = request.extension(Protocol::from_static(protocol));
            }
            ask(&request.body(()).expect("a request"))
        };
        let key = |ask| match ask {
            Ask::Stream(Ok(Key { text, is_ours: true })) => text,
            other => panic!("{other:?}"),
        };
        let keys = [(); 2].map(|()| key(ask_for(Method::CONNECT, Some("websocket"), "13")));
        assert!(keys[0] != keys[1] && keys[0] != KEY, "{keys:?}");
        assert!(keys.iter().all(|key| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)), "{keys:?}");
        let wrong = ask_for(Method::CONNECT, Some("websocket"), "8");
        assert_eq!(wrong, Ask::Stream(Err(UpgradeFault::Version)));
        for protocol in [None, Some("connect-udp"), Some("WebSocket"), Some("")] {
            assert_eq!(ask_for(Method::CONNECT, protocol, "13"), Ask::Nothing, "{protocol:?}");
        }
        assert_eq!(ask_for(Method::GET, Some("websocket"), "13"), Ask::Nothing);
    }

    #[test]
    fn only_the_answer_to_this_key_switches() {
        let key = Key { text: HeaderValue::from_static(KEY), is_ours: false };
        let answer = |accept: &'static str, upgrade: &'static str, connection: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static(accept));
            headers.insert(UPGRADE, HeaderValue::from_static(upgrade));
            headers.insert(CONNECTION, HeaderValue::from_static(connection));
            fault_of_switch(&headers, &key)
        };
        assert_eq!(answer(ACCEPT, "websocket", "Upgrade"), None);
        assert!(answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOO=", "websocket", "Upgrade").is_some());
        assert!(answer(ACCEPT, "h2c", "Upgrade").is_some());
        assert!(answer(ACCEPT, "websocket", "close").is_some());
        assert!(fault_of_switch(&HeaderMap::new(), &key).is_some());
    }
}
