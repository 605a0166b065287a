//! Hosts and path patterns of routes: only such as a request can match.

use super::table::Mistake;
use super::tree::Node;
use super::value;

const PATH_HELP: &str = "write a path such as \"/v1/devices/{id}\", or \"/v1/devices/{*rest}\" for all below";

/// A pattern in matchit's syntax. Requests with dot segments, empty segments and the like are refused
/// before they are matched, so a pattern with one would be a route that does nothing.
pub(super) fn path(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let wrong = |what: &str| Err(Mistake::new(what, PATH_HELP));
    if !text.starts_with('/') {
        return wrong("must start with `/`");
    }
    if text.contains(['?', '#']) {
        return wrong("must be a path alone, without a query or a fragment");
    }
    if text.len() > 2048 {
        return wrong("must have at most 2048 bytes");
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        return wrong("must be of visible ASCII characters, without `\\`; others stand in a request as %XX");
    }
    if text.contains("//") || text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return wrong("has an empty or a dot segment, with which every request is refused");
    }
    match matchit::Router::new().insert(text.as_str(), ()) {
        Ok(()) => Ok(text),
        Err(error) => {
            let what = match error {
                matchit::InsertError::InvalidParamSegment => "has two parameters in one segment",
                matchit::InsertError::InvalidCatchAll => "has a `{*…}` before its end",
                _ => "has a parameter without a name or without its closing brace",
            };
            wrong(what)
        }
    }
}

/// The names of the parameters that stand for one segment: `id` of `/{id}/{*rest}`.
pub(super) fn parameters(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        // Two braces are one brace of the text.
        if let Some(after) = rest.strip_prefix('{') {
            rest = after;
            continue;
        }
        let Some(close) = rest.find('}') else { break };
        let name = &rest[..close];
        if !name.starts_with('*') {
            names.push(name);
        }
        rest = &rest[close + 1..];
    }
    names
}

/// A host without a port, in lower case; an IPv6 address in brackets.
pub(super) fn host(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?.to_ascii_lowercase();
    let help = "write a host name without a port, such as \"api.example.com\"; leave it out for any host";
    let address = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = address {
        return match address.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(text),
            Err(_) => Err(Mistake::new("is no IPv6 address in brackets", help)),
        };
    }
    if text.contains('*') {
        return Err(Mistake::new("must be one host: there are no patterns of hosts", help));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text);
    }
    let what = if text.contains([':', '/']) {
        "must be a host alone, without scheme, port or path"
    } else {
        "is no host name"
    };
    Err(Mistake::new(what, help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Place;
    use crate::config::tree::Value;

    fn node(text: &str) -> Node {
        Node { value: Value::Text(text.to_owned()), place: Place::File }
    }

    #[test]
    fn paths() {
        for good in ["/", "/v1/{id}", "/v1/{*rest}", "/a%20b", "/{{literal}}", "/v1/", "/file-{name}"] {
            assert_eq!(path(&node(good)).map_err(|mistake| mistake.what), Ok(good.to_owned()));
        }
        for bad in [
            "", "v1", "/a?b", "/a#b", "/a//b", "/a/../b", "/a/.", "/ä", "/a b", "/{", "/{}", "/{*a}/b", "/{a}{b}",
            "/a\\b",
        ] {
            assert!(path(&node(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_of_one_segment() {
        assert_eq!(parameters("/{a}/x-{b}/{{c}}/{*d}"), ["a", "b"]);
    }

    #[test]
    fn hosts() {
        for good in ["API.example.com", "localhost", "127.0.0.1", "[::1]", "a_b.test"] {
            assert_eq!(host(&node(good)).map_err(|mistake| mistake.what), Ok(good.to_lowercase()));
        }
        for bad in ["", "a:80", "https://a", "*.a", "a..b", "-a", "[::1]:80", "[x]", "a b"] {
            assert!(host(&node(bad)).is_err(), "{bad}");
        }
    }
}
