//! `filter = { query = "{key}" }` or `{ header = "X-Scope" }`: how an upstream is told what a token is
//! limited to.

use http::header::HeaderName;

use super::settings::{AccountSelector, Filter};
use super::table::{Field, Mistake, Reader};
use super::tree::Node;
use super::value;

const HELP: &str = "write `{ query = \"{key}\" }` or `{ header = \"X-Scope\" }`";
const KEY: &str = "{key}";
const LONGEST_NAME: usize = 64;

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

/// `None`: reported; `Some(None)`: the route says nothing.
pub(super) fn filter(table: &mut Reader<'_>, account: Option<&AccountSelector>) -> Option<Option<Filter>> {
    let Some(node) = table.node("filter") else { return Some(None) };
    let mut inner = table.table_in("filter", node)?;
    let query = inner.field("query", parameter);
    let header = inner.field("header", |node| header(node, account));
    let (written, place) = ((inner.has("query"), inner.has("header")), inner.place().clone());
    let findings = inner.findings();
    inner.finish();
    let problem = match written {
        (true, true) => "the filter is passed on in two ways",
        (false, false) => "the filter is passed on in no way",
        _ => {
            return match (query, header) {
                (Field::Good(query), _) => Some(Some(Filter::Query(query.value))),
                (_, Field::Good(header)) => Some(Some(Filter::Header(header.value))),
                _ => None,
            };
        }
    };
    findings.report_absence(&place, problem, HELP);
    None
}

/// Brackets and other signs are left out: servers differ on what they mean.
fn parameter(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let help = "write a name of letters, digits, `_`, `-` and `.` that begins with a letter, such as \"filter\"; or \
                one with `{key}` in it, which stands for the filter's key";
    let plain = text.replacen(KEY, "k", 1);
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let begins = plain.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins && plain.len() <= LONGEST_NAME && plain.bytes().all(lawful) {
        return Ok(text);
    }
    Err(Mistake::new("is no name of a query parameter", help))
}

fn header(node: &Node, account: Option<&AccountSelector>) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let help = "name a header that only the gateway sends, such as \"X-Scope\"";
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = HeaderName::from_bytes(text.as_bytes()).ok().filter(|_| plain);
    let Some(name) = name else {
        return Err(Mistake::new("is no header name of letters, digits and `-`", help));
    };
    let name = name.as_str();
    if TAKEN.contains(&name) || TAKEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        return Err(Mistake::new("is a header with another meaning", help));
    }
    let same = |header: &String| header.replace(|c: char| !c.is_ascii_alphanumeric(), "-") == name;
    if matches!(account, Some(AccountSelector::Header(header)) if same(header)) {
        return Err(Mistake::new("is the header that names the account, which the client sends", help));
    }
    Ok(name.to_owned())
}
