//! Where a request carries its credential, and how it is taken out before the request goes on.
//!
//! A route that says nothing takes `Authorization: Bearer` alone, and a request of it comes here for two
//! comparisons. What is no carrier of a route is not read: it is passed on, like anything else that is
//! between the client and the upstream. Whatever is one is read as such even where it is no token, so
//! that two of them are never taken for one (RFC 6750 section 2).

mod find;

use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use self::find::PROTOCOL;
pub(super) use self::find::find;
use super::headers;
use super::parameters::Reserved;
use crate::auth::Verifier;
use crate::problem::Challenge;

/// One place that a credential may stand in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// `Authorization: Bearer …`.
    Bearer,
    /// `Authorization: Token …`.
    Token,
    /// `Authorization: Basic …`, with the token as the password; the user's name may be any.
    Basic,
    /// A header that holds the token and nothing else. In lower case.
    Header(String),
    /// A parameter of the query.
    Query(String),
    /// An entry of `Sec-WebSocket-Protocol`.
    WebSocket,
}

/// Of how many words of a credential it is asked whether they are imported keys.
const WORDS: usize = 8;

/// What a route that says nothing takes.
const USUAL: &[Carrier] = &[Carrier::Bearer];

/// The carriers of a route that says which.
pub struct Carriers {
    list: Vec<Carrier>,
    headers: Vec<HeaderName>,
    /// Each with what is not to be there in another spelling.
    parameters: Vec<(String, Reserved)>,
}

impl Carriers {
    pub fn new(carriers: impl IntoIterator<Item = Carrier>) -> Self {
        let mut list: Vec<Carrier> = carriers.into_iter().collect();
        list.sort();
        list.dedup();
        let named = |carrier: &Carrier| match carrier {
            Carrier::Header(name) => HeaderName::try_from(name.as_str()).ok(),
            _ => None,
        };
        let parameter = |carrier: &Carrier| match carrier {
            Carrier::Query(name) => Some((name.clone(), Reserved::new([name.clone()]))),
            _ => None,
        };
        let headers = list.iter().filter_map(named).collect();
        let parameters = list.iter().filter_map(parameter).collect();
        Self { list, headers, parameters }
    }

    /// All that one of these takes: for what leads to no route, where nobody is to be told which there are.
    /// `None` where that is the usual.
    pub(super) fn all<'route>(routes: impl Iterator<Item = Option<&'route Carriers>>) -> Option<Self> {
        let all = Self::new(routes.flat_map(|carriers| list(carriers).iter().cloned()));
        (!all.list.is_empty() && all.list != USUAL).then_some(all)
    }

    pub(super) fn headers(&self) -> &[HeaderName] {
        &self.headers
    }

    fn has(&self, carrier: &Carrier) -> bool {
        self.list.contains(carrier)
    }

    /// Whether `Authorization` is ours to read; if not, it is between the client and the upstream.
    fn read_authorization(&self) -> bool {
        self.list.iter().any(|one| matches!(one, Carrier::Bearer | Carrier::Token | Carrier::Basic))
    }
}

fn list(carriers: Option<&Carriers>) -> &[Carrier] {
    carriers.map_or(USUAL, |carriers| &carriers.list)
}

/// One challenge for each carrier. There is no registered scheme for keys in headers and parameters; these
/// are told in OpenAPI's words.
pub(super) fn challenges(carriers: Option<&Carriers>, challenge: Challenge<'_>, realm: &str) -> Vec<HeaderValue> {
    let one = |carrier: &Carrier| {
        let key = |place: &str, name: &str| challenge.of("ApiKey", realm, &[("in", place), ("name", name)]);
        match carrier {
            Carrier::Bearer => challenge.header(realm),
            Carrier::Token => challenge.of("Token", realm, &[]),
            Carrier::Basic => challenge.of("Basic", realm, &[("charset", "UTF-8")]),
            Carrier::Header(name) => key("header", name),
            Carrier::Query(name) => key("query", name),
            Carrier::WebSocket => key("websocket-protocol", PROTOCOL),
        }
    };
    list(carriers).iter().map(one).collect()
}

/// Takes out whatever could be the credential, so that it does not reach the upstream.
pub(super) fn take_out<B>(carriers: Option<&Carriers>, verifier: &Verifier, request: &mut Request<B>) {
    let Some(carriers) = carriers else {
        request.headers_mut().remove(AUTHORIZATION);
        return;
    };
    let lines = request.headers_mut();
    if carriers.read_authorization() {
        lines.remove(AUTHORIZATION);
    } else {
        take_out_own(verifier, lines);
    }
    for name in &carriers.headers {
        headers::remove_all_spellings(lines, name);
    }
    if carriers.has(&Carrier::WebSocket) {
        remove_protocol(lines);
    }
    for (name, _) in &carriers.parameters {
        remove_parameter(request, name);
    }
}

/// Takes a token of ours out of an `Authorization` that is not ours to read. Credentials of other kinds are
/// between the client and the upstream.
pub(super) fn take_out_own(verifier: &Verifier, headers: &mut HeaderMap) {
    let holds_own = headers.get_all(AUTHORIZATION).iter().any(|line| holds_own(line, verifier));
    if holds_own || holds_imported(headers, verifier) {
        headers.remove(AUTHORIZATION);
    }
}

/// Whether a word of the credential has the form of a token of ours, whatever scheme it stands behind; or the
/// password is one.
fn holds_own(line: &HeaderValue, verifier: &Verifier) -> bool {
    let line = line.as_bytes();
    let mut words = line.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    words.any(|word| str::from_utf8(word).is_ok_and(|word| verifier.is_own(word)))
        || find::password(line).is_some_and(|password| verifier.is_own(&password) || verifier.is_imported(&password))
}

/// Whether a word of the credential is an imported key. Those have no form, so each word costs hashes, and no more
/// are looked at than any scheme has.
fn holds_imported(headers: &HeaderMap, verifier: &Verifier) -> bool {
    let lines = headers.get_all(AUTHORIZATION).iter();
    let words = lines.flat_map(|line| line.as_bytes().split(|byte| matches!(byte, b' ' | b'\t' | b',')));
    let mut words = words.filter(|word| !word.is_empty()).take(WORDS);
    words.any(|word| str::from_utf8(word).is_ok_and(|word| verifier.is_imported(word)))
}

/// What is left of the offered protocols; no header where that is nothing.
fn remove_protocol(headers: &mut HeaderMap) {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let entries = find::entries(offered.iter());
    let left: Vec<&[u8]> = entries.filter(|entry| find::after_protocol(entry).is_none()).collect();
    if left.len() == find::entries(offered.iter()).count() {
        return;
    }
    match HeaderValue::from_bytes(&left.join(&b", "[..])) {
        Ok(value) if !left.is_empty() => drop(headers.insert(SEC_WEBSOCKET_PROTOCOL, value)),
        _ => drop(headers.remove(SEC_WEBSOCKET_PROTOCOL)),
    }
}

/// The rest of the query stays as it is, byte for byte.
fn remove_parameter<B>(request: &mut Request<B>, name: &str) {
    let Some(query) = request.uri().query() else { return };
    let left: Vec<&str> = query.split('&').filter(|piece| !find::is_parameter(piece, name)).collect();
    let left = left.join("&");
    if left.len() == query.len() {
        return;
    }
    let path = request.uri().path();
    let target = if left.is_empty() { path.to_owned() } else { format!("{path}?{left}") };
    // What is shorter than a lawful target, at the end of one of its parts, is one.
    if let Ok(target) = PathAndQuery::try_from(target) {
        *request.uri_mut() = Uri::from(target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_empty_list_of_protocols_is_left() {
        let left = |offered: &'static str| {
            let mut headers = HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offered))]);
            remove_protocol(&mut headers);
            headers.remove(SEC_WEBSOCKET_PROTOCOL)
        };
        assert_eq!(left("base64url.bearer.YQ"), None);
        assert_eq!(left("chat,base64url.bearer.YQ , more"), Some(HeaderValue::from_static("chat, more")));
        assert_eq!(left("chat,more"), Some(HeaderValue::from_static("chat,more")), "as it came");
    }
}
