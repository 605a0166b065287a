//! Looks for the one credential of a request, in each place that its route allows.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue, Request};

use super::{Carrier, Carriers, list};
use crate::auth::{self, CredentialError, after_scheme, token_text};
use crate::proxy::headers;
use crate::proxy::parameters::{self, ParameterFault};
use crate::proxy::reject::Rejection;

/// What an entry of `Sec-WebSocket-Protocol` with a token begins with, as Kubernetes has it.
pub(super) const PROTOCOL: &str = "base64url.bearer.";
/// What Kubernetes' own clients write behind that.
const KUBERNETES: &[u8] = b"authorization.k8s.io.";

/// The text of a credential, and whether it came by an address: those are kept in many places.
pub(in crate::proxy) struct Credential<'request> {
    pub(in crate::proxy) text: Cow<'request, str>,
    pub(in crate::proxy) in_query: bool,
}

/// What one place holds.
enum Found<'request> {
    Nothing,
    /// Something that is no credential of ours; alone, it is none.
    Foreign,
    Wrong(Cow<'static, str>),
    Several,
    One(Credential<'request>),
}

/// The one credential of a request.
pub(in crate::proxy) fn find<'request, B>(
    carriers: Option<&Carriers>,
    request: &'request Request<B>,
) -> Result<Credential<'request>, Rejection> {
    let Some(carriers) = carriers else {
        let text = auth::bearer(request.headers()).map_err(Rejection::credential)?;
        return Ok(Credential { text: Cow::Borrowed(text), in_query: false });
    };
    let mut present = places(carriers, request)?.into_iter().filter(|found| !matches!(found, Found::Nothing));
    let first = present.next();
    if present.next().is_some() {
        return Err(several());
    }
    match first {
        None | Some(Found::Nothing | Found::Foreign) => Err(absent(carriers)),
        Some(Found::Several) => Err(several()),
        Some(Found::Wrong(detail)) => Err(malformed(detail)),
        Some(Found::One(credential)) => Ok(credential),
    }
}

fn malformed(detail: impl Into<Cow<'static, str>>) -> Rejection {
    Rejection::Credential { error: CredentialError::Malformed, detail: detail.into() }
}

fn several() -> Rejection {
    let detail = "the request has more than one credential; send exactly one";
    Rejection::Credential { error: CredentialError::Several, detail: detail.into() }
}

fn absent(carriers: &Carriers) -> Rejection {
    let told: Vec<String> = list(Some(carriers)).iter().map(told).collect();
    let detail = match told.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("send a token as {} or {last}", rest.join(", ")),
        _ => format!("send a token as {}", told.concat()),
    };
    Rejection::Credential { error: CredentialError::Absent, detail: detail.into() }
}

fn told(carrier: &Carrier) -> String {
    match carrier {
        Carrier::Bearer => "`Authorization: Bearer …`".to_owned(),
        Carrier::Token => "`Authorization: Token …`".to_owned(),
        Carrier::Basic => "the password of `Authorization: Basic …`".to_owned(),
        Carrier::Header(name) => format!("`{name}: …`"),
        Carrier::Query(name) => format!("the query's parameter `{name}`"),
        Carrier::WebSocket => format!("the entry `{PROTOCOL}…` of `Sec-WebSocket-Protocol`"),
    }
}

/// What each place holds. A query that could hold another credential in a spelling of its own is refused
/// at once: whatever else the request has, nobody can say that it has one alone.
fn places<'request, B>(carriers: &Carriers, request: &'request Request<B>) -> Result<Vec<Found<'request>>, Rejection> {
    let lines = request.headers();
    let mut places = Vec::new();
    if carriers.read_authorization() {
        places.push(in_authorization(carriers, lines));
    }
    for name in &carriers.headers {
        places.push(match headers::only_value(lines, name) {
            None => Found::Nothing,
            // Twice, or in a spelling that some take for it.
            Some(None) => Found::Several,
            Some(Some(value)) => one(value.as_bytes(), "what the header holds is not a token"),
        });
    }
    let query = request.uri().query().unwrap_or_default();
    for (name, reserved) in &carriers.parameters {
        let mut values = query.split('&').filter(|piece| is_parameter(piece, name));
        let first = values.next();
        places.push(match (first, values.next()) {
            (None, _) => Found::Nothing,
            (Some(_), Some(_)) => Found::Several,
            (Some(piece), None) => in_parameter(piece),
        });
        let rest: Vec<&str> = query.split('&').filter(|piece| !is_parameter(piece, name)).collect();
        match reserved.check_query(&rest.join("&")) {
            Ok(()) => {}
            Err(ParameterFault::Taken(_)) if first.is_some() => return Err(several()),
            Err(ParameterFault::Taken(name)) => {
                let detail = format!("the query has what some servers take for `{name}`; write exactly that, once");
                return Err(malformed(detail));
            }
            Err(ParameterFault::Unclear(why)) => {
                return Err(malformed(format!("the query may hold a token here, and is not clear: {why}")));
            }
        }
    }
    if carriers.has(&Carrier::WebSocket) {
        places.push(in_protocols(lines));
    }
    Ok(places)
}

fn in_authorization<'request>(carriers: &Carriers, headers: &'request HeaderMap) -> Found<'request> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Found::Nothing };
    if lines.next().is_some() {
        return Found::Several;
    }
    let line = line.as_bytes();
    let scheme = |carrier: Carrier, scheme| carriers.has(&carrier).then(|| after_scheme(line, scheme)).flatten();
    if let Some(text) = scheme(Carrier::Bearer, "Bearer") {
        return one(text, "what follows `Bearer` is not a token");
    }
    if let Some(text) = scheme(Carrier::Token, "Token") {
        return one(text, "what follows `Token` is not a token");
    }
    if scheme(Carrier::Basic, "Basic").is_some() {
        return match password(line) {
            Some(text) => Found::One(Credential { text: Cow::Owned(text), in_query: false }),
            None => Found::Wrong("`Basic` needs a user's name and, as the password, a token, in base64".into()),
        };
    }
    Found::Foreign
}

fn one<'request>(text: &'request [u8], wrong: &'static str) -> Found<'request> {
    match token_text(text) {
        Some(text) => Found::One(Credential { text: Cow::Borrowed(text), in_query: false }),
        None => Found::Wrong(wrong.into()),
    }
}

/// The password of `Basic`, where it can be a token (RFC 7617). git, docker and pip put it there, each with
/// a user's name of its own, which says nothing: the token says who asks.
pub(super) fn password(line: &[u8]) -> Option<String> {
    let text = after_scheme(line, "Basic")?;
    let end = text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let decoded = STANDARD_NO_PAD.decode(&text[..end]).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    token_text(&decoded[colon + 1..]).map(str::to_owned)
}

/// Whether a piece of a query is this parameter, in its plain spelling.
pub(super) fn is_parameter(piece: &str, name: &str) -> bool {
    piece.split('=').next() == Some(name)
}

fn in_parameter(piece: &str) -> Found<'static> {
    let value = piece.split_once('=').map_or("", |(_, value)| value);
    match token_text(&parameters::decode(value)) {
        Some(text) => Found::One(Credential { text: Cow::Owned(text.to_owned()), in_query: true }),
        None => Found::Wrong("what the query's parameter holds is not a token".into()),
    }
}

fn in_protocols(headers: &HeaderMap) -> Found<'static> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut tokens = entries(offered.iter()).filter_map(after_protocol);
    let (first, second) = (tokens.next(), tokens.next());
    match (first, second) {
        (None, _) => Found::Nothing,
        (Some(_), Some(_)) => Found::Several,
        (Some(text), None) => {
            let text = text.strip_prefix(KUBERNETES).unwrap_or(text);
            match URL_SAFE_NO_PAD.decode(text).ok().as_deref().and_then(token_text) {
                Some(text) => Found::One(Credential { text: Cow::Owned(text.to_owned()), in_query: false }),
                None => Found::Wrong(format!("what follows `{PROTOCOL}` is no token in base64url without `=`").into()),
            }
        }
    }
}

/// The entries of a list that may stand in several lines.
pub(super) fn entries<'value>(lines: impl Iterator<Item = &'value HeaderValue>) -> impl Iterator<Item = &'value [u8]> {
    let entries = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty())
}

/// What an entry that holds a token has behind its beginning.
pub(super) fn after_protocol(entry: &[u8]) -> Option<&[u8]> {
    entry.strip_prefix(PROTOCOL.as_bytes())
}
