//! Names of headers that a route gives a meaning of its own.

use http::header::HeaderName;

use super::table::Mistake;

/// Headers that mean something to servers on the way, or that the gateway writes or removes itself.
const TAKEN: [&str; 30] = [
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "max-forwards",
    "origin",
    "pragma",
    "prefer",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-http-method",
    "x-method-override",
    "x-real-ip",
    "x-request-id",
];
const TAKEN_BEGINNINGS: [&str; 10] = [
    "accept",
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-forwarded-",
    "x-http-method-",
    "x-keygate-",
    "x-original-",
];

/// A name in lower case, of a header that has no other meaning. `help` says what it is for.
pub(super) fn name(text: &str, help: &str) -> Result<String, Mistake> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let Some(name) = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| plain) else {
        return Err(Mistake::new("is no header name of letters, digits and `-`", help));
    };
    let name = name.as_str();
    if TAKEN.contains(&name) || TAKEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Err(Mistake::new("is a header with another meaning", help));
    }
    Ok(name.to_owned())
}

/// Whether some servers take the two for one another.
pub(super) fn same(header: &str, other: &str) -> bool {
    let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    plain(header) == plain(other)
}
