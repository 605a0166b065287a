//! Which headers pass, which are removed, and which make a request be refused.

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, TE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::server::plain_length;

/// What is ambiguous about a request's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// `Connection` names a header that must reach the upstream or must not be removed by a client.
    ConnectionNamesProtected,
    /// `content_length` or another twin of a header that frames or authenticates.
    SpelledOddly,
    /// More than one `content-length` over HTTP/2, or one that is not a plain decimal number.
    ContentLength,
    /// `Expect` with anything but `100-continue`.
    Expectation,
}

impl HeaderFault {
    pub(super) const ALL: [HeaderFault; 4] = [
        HeaderFault::ConnectionNamesProtected,
        HeaderFault::SpelledOddly,
        HeaderFault::ContentLength,
        HeaderFault::Expectation,
    ];

    /// One word for logs and metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            HeaderFault::ConnectionNamesProtected => "connection",
            HeaderFault::SpelledOddly => "header_twin",
            HeaderFault::ContentLength => "http2_content_length",
            HeaderFault::Expectation => "expectation",
        }
    }
}

/// What becomes of a header on the way to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    /// Says who the client is or how it came here; we say that.
    Ours,
    /// Means only the hop that is behind us (RFC 9110 section 7.6.1).
    Hop,
    /// `Connection` itself.
    Connection,
    /// Frames the message or carries the credential.
    Vital,
}

/// Removes what must not reach the upstream. Says whether the client takes trailers.
///
/// One pass over the names, and a look-up only for what is there: most requests have little of it.
pub(super) fn clean_request(headers: &mut HeaderMap, version: Version) -> Result<TakesTrailers, HeaderFault> {
    let mut remove: Vec<HeaderName> = Vec::new();
    let (mut framing, mut te, mut expect) = (false, false, false);
    for name in headers.keys() {
        match fate(name) {
            Fate::Pass => {}
            Fate::Vital => framing |= *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING,
            Fate::Ours | Fate::Hop => {
                te |= *name == TE;
                expect |= *name == EXPECT;
                remove.push(name.clone());
            }
            Fate::Connection => {
                remove.push(CONNECTION);
                connection_names(headers, &mut remove)?;
            }
        }
        if is_spelled_oddly(name) {
            match fate_of_text(&folded(name)) {
                Fate::Pass => {}
                Fate::Vital | Fate::Connection => return Err(HeaderFault::SpelledOddly),
                Fate::Ours | Fate::Hop => remove.push(name.clone()),
            }
        }
    }
    let takes_trailers = te && headers.get(TE).is_some_and(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    // HTTP/1.0 knows no expectations (RFC 9110 section 10.1.1).
    let expect = expect && version != Version::HTTP_10;
    if expect && headers.get_all(EXPECT).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(HeaderFault::Expectation);
    }
    if framing {
        settle_framing(headers, version)?;
    }
    for name in remove {
        headers.remove(name);
    }
    Ok(TakesTrailers(takes_trailers))
}

/// The value of a header that may stand once: `None` where it is absent, `Some(None)` where there are
/// several, or one in a spelling that some upstreams take for it. Such a request has no one meaning.
pub(super) fn only_value<'headers>(
    headers: &'headers HeaderMap,
    name: &HeaderName,
) -> Option<Option<&'headers HeaderValue>> {
    let twin = |have: &HeaderName| is_spelled_oddly(have) && folded(have) == folded(name);
    let mut lines = headers.iter().filter(|(have, _)| *have == name || twin(have));
    let (first, value) = lines.next()?;
    Some((lines.next().is_none() && first == name).then_some(value))
}

/// Removes a header in every spelling that some upstreams take for it.
pub(super) fn remove_all_spellings(headers: &mut HeaderMap, name: &HeaderName) {
    let is_it = |have: &&HeaderName| *have == name || is_spelled_oddly(have) && folded(have) == folded(name);
    let spellings: Vec<HeaderName> = headers.keys().filter(is_it).cloned().collect();
    for spelling in spellings {
        headers.remove(spelling);
    }
}

/// Whether the client sent `TE: trailers`, which gRPC servers insist on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TakesTrailers(pub(super) bool);

/// HTTP/2 may cut `Cookie` into several lines, which HTTP/1.1 does not know (RFC 9113 section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let mut whole = [first.as_bytes(), b"; ", second.as_bytes()].concat();
    for crumb in crumbs {
        whole.extend_from_slice(b"; ");
        whole.extend_from_slice(crumb.as_bytes());
    }
    let whole = HeaderValue::from_bytes(&whole).expect("parts of values with a semicolon and a blank between them");
    headers.insert(COOKIE, whole);
}

/// Removes what a response must not carry past us.
pub(super) fn clean_response(headers: &mut HeaderMap) {
    let mut remove: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        match name.as_str() {
            "transfer-encoding" => remove.push(name.clone()),
            other if is_about_the_connection(other) => remove.push(name.clone()),
            "connection" => {
                let named = headers.get_all(CONNECTION).iter().flat_map(tokens);
                // A name that is none removes nothing, and the length is ours to tell.
                let named =
                    named.filter_map(|token| HeaderName::from_bytes(token).ok()).filter(|name| *name != CONTENT_LENGTH);
                remove.push(CONNECTION);
                remove.extend(named);
            }
            _ => {}
        }
    }
    for name in remove {
        headers.remove(name);
    }
}

/// Whether a response's header is about the connection that it came over, and about nothing else (RFC 9110 section
/// 7.6.1). `Connection` and `Transfer-Encoding` are too, and have to be read before they go. `name` in lower case.
pub(super) fn is_about_the_connection(name: &str) -> bool {
    matches!(name, "keep-alive" | "proxy-connection" | "proxy-authenticate" | "te" | "upgrade")
}

/// Whether a request's trailers say nothing that only its head may say (RFC 9110 section 6.5.1): how it
/// is framed, where it goes, who sends it. `reserved` are further names that mean something here.
pub(super) fn are_lawful_trailers(trailers: &HeaderMap, reserved: &[HeaderName]) -> bool {
    let is_reserved = |name: &HeaderName| reserved.iter().any(|ours| folded(ours) == folded(name));
    trailers.keys().all(|name| !is_forbidden_trailer(name) && !is_reserved(name))
}

/// Removes from a response's trailers what has no business there.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    let forbidden: Vec<HeaderName> = trailers.keys().filter(|name| is_forbidden_trailer(name)).cloned().collect();
    for name in forbidden {
        trailers.remove(name);
    }
}

fn is_forbidden_trailer(name: &HeaderName) -> bool {
    fate(name) != Fate::Pass || fate_of_text(&folded(name)) != Fate::Pass
}

/// Framing in its one spelling. What HTTP/1 says of it was judged when its bytes were inspected; over
/// HTTP/2 the frames say where a body ends, and a length must only be one that can be passed on.
fn settle_framing(headers: &mut HeaderMap, version: Version) -> Result<(), HeaderFault> {
    if version == Version::HTTP_2 {
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let is_plain = lengths.next().is_none_or(|length| plain_length(length.as_bytes()).is_some());
        return if is_plain && lengths.next().is_none() { Ok(()) } else { Err(HeaderFault::ContentLength) };
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(())
}

/// Adds the headers that `Connection` names to those to be removed; refuses where one is not the
/// client's to remove.
fn connection_names(headers: &HeaderMap, remove: &mut Vec<HeaderName>) -> Result<(), HeaderFault> {
    for value in headers.get_all(CONNECTION) {
        for token in tokens(value) {
            let name = HeaderName::from_bytes(token).map_err(|_| HeaderFault::ConnectionNamesProtected)?;
            match fate_of_text(&folded(&name)) {
                Fate::Hop | Fate::Pass if name != "cookie" => remove.push(name),
                _ => return Err(HeaderFault::ConnectionNamesProtected),
            }
        }
    }
    Ok(())
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

fn fate(name: &HeaderName) -> Fate {
    fate_of_text(name.as_str())
}

/// `name` in lower case. The list is short and the names differ early: a comparison by length and
/// bytes is cheaper than a hash of the name.
fn fate_of_text(name: &str) -> Fate {
    match name {
        "host" | "authorization" | "content-length" | "transfer-encoding" => Fate::Vital,
        "connection" => Fate::Connection,
        "keep-alive"
        | "proxy-connection"
        | "te"
        | "upgrade"
        | "http2-settings"
        | "proxy-authorization"
        | "proxy-authenticate"
        | "expect"
        | "close" => Fate::Hop,
        "forwarded"
        | "x-real-ip"
        | "x-request-id"
        | "x-rewrite-url"
        | "x-http-method-override"
        | "x-http-method"
        | "x-method-override" => Fate::Ours,
        _ if name.starts_with("x-keygate-") || name.starts_with("x-forwarded-") || name.starts_with("x-original-") => {
            Fate::Ours
        }
        _ => Fate::Pass,
    }
}

/// Whether some servers would read this name as another one: CGI and WSGI turn `-` into `_`, and so
/// take `x_keygate_account` for `x-keygate-account`; others turn everything into `_` that is no letter
/// or digit.
fn is_spelled_oddly(name: &HeaderName) -> bool {
    name.as_str().bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-')
}

fn folded(name: &HeaderName) -> String {
    name.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        map
    }

    fn left(lines: &[(&str, &str)]) -> Result<Vec<String>, HeaderFault> {
        let mut map = map(lines);
        clean_request(&mut map, Version::HTTP_11)?;
        Ok(map.keys().map(|name| name.as_str().to_owned()).collect())
    }

    #[test]
    fn hop_headers_and_those_that_connection_names_go() {
        let lines = [
            ("connection", "keep-alive, X-Private"),
            ("keep-alive", "1"),
            ("x-private", "1"),
            ("te", "gzip"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ];
        assert_eq!(left(&lines), Ok(vec!["accept".to_owned()]));
    }

    #[test]
    fn forged_identity_goes_in_every_spelling() {
        for name in [
            "x-keygate-account",
            "X_Keygate_Account",
            "x-keygate_account",
            "x.keygate.account",
            "x!keygate~account",
            "x-forwarded-for",
            "X_Forwarded_Host",
            "forwarded",
            "x-real-ip",
            "X-Original-URL",
            "x-http-method-override",
        ] {
            assert_eq!(left(&[(name, "me"), ("accept", "*/*")]), Ok(vec!["accept".to_owned()]), "{name}");
        }
        assert_eq!(left(&[("x_custom", "1")]), Ok(vec!["x_custom".to_owned()]));
    }

    #[test]
    fn connection_cannot_remove_what_matters() {
        for name in [
            "authorization",
            "host",
            "content-length",
            "Transfer-Encoding",
            "cookie",
            "x-keygate-account",
            "X-Forwarded-For",
            "x_keygate_kind",
            "connection",
            "a b",
        ] {
            assert_eq!(
                left(&[("connection", &format!("close, {name}"))]),
                Err(HeaderFault::ConnectionNamesProtected),
                "{name}"
            );
        }
    }

    #[test]
    fn framing_has_one_spelling() {
        for twin in ["content_length", "content.length", "content+length", "Transfer_Encoding"] {
            assert_eq!(left(&[(twin, "3")]), Err(HeaderFault::SpelledOddly), "{twin}");
        }
        let mut shouting = map(&[("transfer-encoding", "CHUNKED")]);
        assert!(clean_request(&mut shouting, Version::HTTP_11).is_ok());
        assert_eq!(shouting[TRANSFER_ENCODING], "chunked");
        let over_http2 = |lines: &[(&str, &str)]| clean_request(&mut map(lines), Version::HTTP_2).err();
        assert_eq!(over_http2(&[("content-length", "3")]), None);
        assert_eq!(over_http2(&[("content-length", "03")]), Some(HeaderFault::ContentLength));
        let twice = [("content-length", "3"), ("content-length", "3")];
        assert_eq!(over_http2(&twice), Some(HeaderFault::ContentLength));
    }

    #[test]
    fn only_who_says_trailers_takes_them() {
        for (value, takes) in [("trailers", true), ("Trailers", true), ("gzip", false), ("gzip, trailers", false)] {
            let taken = clean_request(&mut map(&[("te", value)]), Version::HTTP_2);
            assert_eq!(taken, Ok(TakesTrailers(takes)), "{value}");
        }
        assert_eq!(clean_request(&mut map(&[("accept", "*/*")]), Version::HTTP_2), Ok(TakesTrailers(false)));
    }

    #[test]
    fn a_header_goes_in_all_its_spellings_and_no_other_does() {
        let mut lines = map(&[("x-key", "1"), ("x_key", "2"), ("X.Key", "3"), ("x_keys", "4"), ("accept", "*/*")]);
        remove_all_spellings(&mut lines, &HeaderName::from_static("x-key"));
        assert!(lines.len() == 2 && lines.contains_key("x_keys") && lines.contains_key("accept"), "{lines:?}");
    }

    #[test]
    fn one_expectation_is_known_and_http_1_0_knows_none() {
        let odd = [("expect", "y 100-continue")];
        assert_eq!(left(&odd), Err(HeaderFault::Expectation));
        assert_eq!(left(&[("expect", "100-Continue")]), Ok(Vec::new()));
        let mut old = map(&odd);
        assert!(clean_request(&mut old, Version::HTTP_10).is_ok() && old.is_empty());
    }

    #[test]
    fn trailers_carry_no_identity_and_no_framing() {
        let mut trailers = map(&[
            ("grpc-status", "0"),
            ("x-keygate-account", "me"),
            ("x_keygate_kind", "x"),
            ("content-length", "1"),
            ("authorization", "x"),
        ]);
        assert!(!are_lawful_trailers(&trailers, &[]));
        clean_trailers(&mut trailers);
        assert!(are_lawful_trailers(&trailers, &[]));
        assert!(!are_lawful_trailers(&trailers, &[HeaderName::from_static("grpc_status")]), "in every spelling");
        assert_eq!(trailers.len(), 1);
        assert!(trailers.contains_key("grpc-status"));
    }
}
