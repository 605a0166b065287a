//! Names of headers that the gateway sets in answers.

use http::header::HeaderName;

use super::table::Mistake;
use super::tree::Node;
use super::value;

/// What means something in an answer already.
const TAKEN: [&str; 28] = [
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "connection",
    "date",
    "etag",
    "expires",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "pragma",
    "proxy-authenticate",
    "proxy-connection",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "www-authenticate",
    "x-request-id",
];
const TAKEN_BEGINNINGS: [&str; 5] = ["accept", "access-control-", "content-", "sec-", "cross-origin-"];

/// The name of a header that nobody else uses, in lower case.
pub(super) fn name(node: &Node) -> Result<String, Mistake> {
    let help = "name a header of the gateway's own, such as \"Keygate-Token-Expires\"";
    let text = value::text(node)?.to_ascii_lowercase();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain
        || !text.starts_with(|c: char| c.is_ascii_lowercase())
        || HeaderName::from_bytes(text.as_bytes()).is_err()
    {
        return Err(Mistake::new("is no header name of letters, digits and `-`", help));
    }
    if TAKEN.contains(&&*text) || TAKEN_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning)) {
        return Err(Mistake::new("is a header with another meaning", help));
    }
    Ok(text)
}
