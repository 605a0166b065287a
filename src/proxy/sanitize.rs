//! The first step: one reading of the request, or none.
//!
//! After this step the request has an origin-form target in canonical form, one valid host, and no
//! header that the client may not set. Nothing later reads what the client sent otherwise.

use std::net::Ipv6Addr;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::bad_request::BadRequest;
use super::headers::{self, TakesTrailers};
use crate::route::{PathFault, canonical};
use crate::server::Fault;

/// What is wrong with the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostFault {
    Missing,
    Several,
    Invalid,
    /// The target names another host than `Host`.
    Differs,
    /// A scheme other than http and https.
    Scheme,
}

impl HostFault {
    pub(super) const ALL: [HostFault; 5] =
        [HostFault::Missing, HostFault::Several, HostFault::Invalid, HostFault::Differs, HostFault::Scheme];

    /// One word for logs and metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            HostFault::Missing => "host_missing",
            HostFault::Several => "host_several",
            HostFault::Invalid => "host_invalid",
            HostFault::Differs => "host_differs",
            HostFault::Scheme => "target_scheme",
        }
    }
}

/// Header lines of a request over HTTP/2, cookies in one. Over HTTP/1.1 they are counted before they are parsed.
const MOST_LINES: usize = 100;

/// What later steps need of the reading.
pub(super) struct Reading {
    pub(super) takes_trailers: TakesTrailers,
    /// `OPTIONS *` asks about the server as a whole, which is this gateway.
    pub(super) is_about_the_server: bool,
}

/// Puts the request into its one reading.
pub(super) fn sanitize<B>(request: &mut Request<B>) -> Result<Reading, BadRequest> {
    if request.method() == Method::CONNECT {
        return Err(BadRequest::Connect);
    }
    let version = request.version();
    let takes_trailers = headers::clean_request(request.headers_mut(), version).map_err(BadRequest::Header)?;
    if version == Version::HTTP_2 {
        headers::join_cookies(request.headers_mut());
        if request.headers().len() > MOST_LINES {
            return Err(BadRequest::Bytes(Fault::HeadLines));
        }
        // The one character that the libraries let through and that no name has (RFC 9110 section 5.6.2).
        if request.headers().keys().any(|name| name.as_str().contains('"')) {
            return Err(BadRequest::Bytes(Fault::HeaderName));
        }
    }
    settle_host(request).map_err(BadRequest::Host)?;
    let is_about_the_server = request.method() == Method::OPTIONS && request.uri().path() == "*";
    if !is_about_the_server {
        settle_target(request).map_err(BadRequest::Path)?;
    }
    Ok(Reading { takes_trailers, is_about_the_server })
}

/// RFC 9112 section 3.2, RFC 9113 section 8.3.1: exactly one host, from the target where that names one.
fn settle_host<B>(request: &mut Request<B>) -> Result<(), HostFault> {
    if request.uri().scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err(HostFault::Scheme);
    }
    let mut lines = request.headers().get_all(HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(HostFault::Several);
    }
    match (request.uri().authority(), line) {
        (None, None) if request.version() == Version::HTTP_10 => Ok(()),
        (None, None) => Err(HostFault::Missing),
        (None, Some(host)) => {
            if !is_host(host.as_bytes()) {
                return Err(HostFault::Invalid);
            }
            match canonical_host(host.as_bytes()) {
                Some(canonical) => replace_host(request.headers_mut(), &canonical),
                None => Ok(()),
            }
        }
        (Some(authority), host) => {
            if !is_host(authority.as_str().as_bytes()) {
                return Err(HostFault::Invalid);
            }
            if host.is_some_and(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())) {
                return Err(HostFault::Differs);
            }
            let authority = authority.clone();
            let canonical = canonical_host(authority.as_str().as_bytes());
            replace_host(request.headers_mut(), canonical.as_deref().unwrap_or(authority.as_str()))
        }
    }
}

fn replace_host(headers: &mut HeaderMap, host: &str) -> Result<(), HostFault> {
    headers.insert(HOST, HeaderValue::from_str(host).map_err(|_| HostFault::Invalid)?);
    Ok(())
}

/// A valid host in lower case and without a final dot, where it was another: `A.` and `a` are one host,
/// and the upstream is to read the one that the route was found by.
fn canonical_host(host: &[u8]) -> Option<String> {
    let port = host.iter().rposition(|&byte| byte == b':').filter(|_| !host.ends_with(b"]")).unwrap_or(host.len());
    let (name, port) = host.split_at(port);
    let bare = name.strip_suffix(b".").unwrap_or(name);
    if bare.len() == name.len() && !name.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let canonical = [bare, port].concat().to_ascii_lowercase();
    String::from_utf8(canonical).ok()
}

/// Whether the bytes are a host and maybe a port: no user, no list, no path, no blank.
pub(super) fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        // An IPv6 address has colons of its own, and stands in brackets.
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
            let address = str::from_utf8(&rest[..end]).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
            if address.is_none() {
                return false;
            }
            (&rest[..end], &rest[end + 1..])
        }
        _ => host.split_at(host.iter().position(|&byte| byte == b':').unwrap_or(host.len())),
    };
    let lawful = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':');
    let has_empty_label = name.first() == Some(&b'.') || name.windows(2).any(|pair| pair == b"..");
    !name.is_empty() && !has_empty_label && name.iter().all(lawful) && is_port(port)
}

/// Nothing, or a colon and a number of 16 bits.
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => {
            let number = digits
                .iter()
                .try_fold(0u32, |sum, byte| Some(sum * 10 + u32::from(byte.checked_sub(b'0').filter(|&d| d < 10)?)));
            !digits.is_empty() && digits.len() <= 5 && number.is_some_and(|number| number <= 0xffff)
        }
        _ => false,
    }
}

/// Origin form, with a canonical path. What stays as it came is not touched.
fn settle_target<B>(request: &mut Request<B>) -> Result<(), PathFault> {
    let uri = request.uri();
    let path = canonical(uri.path())?;
    let changed = matches!(path, std::borrow::Cow::Owned(ref text) if text != uri.path());
    if !changed && uri.authority().is_none() {
        return Ok(());
    }
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.into_owned(),
    };
    let target = PathAndQuery::try_from(target).map_err(|_| PathFault::Character)?;
    *request.uri_mut() = Uri::from(target);
    Ok(())
}

/// The host of a sanitized request as the route table wants it: lower case, no port, no final dot.
pub(super) fn host_for_routing(headers: &HeaderMap) -> String {
    routing_name(headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default())
}

/// A host as routes know it: without its port, in lower case.
pub(super) fn routing_name(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().uri(target).body(()).expect("a request");
        for host in hosts {
            request.headers_mut().append(HOST, HeaderValue::from_str(host).expect("a value"));
        }
        request
    }

    fn host(target: &str, hosts: &[&str]) -> Result<String, BadRequest> {
        let mut request = request(target, hosts);
        sanitize(&mut request)?;
        Ok(host_for_routing(request.headers()))
    }

    #[test]
    fn exactly_one_valid_host() {
        assert_eq!(host("/", &["A.Example.:8080"]), Ok("a.example".to_owned()));
        assert_eq!(host("/", &["[::1]:80"]), Ok("[::1]".to_owned()));
        assert_eq!(host("/", &["[::1]"]), Ok("[::1]".to_owned()));
        assert_eq!(host("/", &[]), Err(BadRequest::Host(HostFault::Missing)));
        assert_eq!(host("/", &["a", "a"]), Err(BadRequest::Host(HostFault::Several)));
        for bad in [
            "", ".", ".a", "a..", "a, b", "a b", "a/b", "u@a", "a:99999", "a:123456", "a:b", "a:1:", "a:1;", "[::1",
            "[::1]x", "[a]", "[]", "::1", "a:", ":80",
        ] {
            assert_eq!(host("/", &[bad]), Err(BadRequest::Host(HostFault::Invalid)), "{bad}");
        }
    }

    #[test]
    fn the_host_is_sent_in_the_form_that_it_is_compared_in() {
        for (sent, expected) in [
            ("A.Example.:8080", "a.example:8080"),
            ("a.", "a"),
            ("a.example", "a.example"),
            ("[::A]:80", "[::a]:80"),
            ("[::a]", "[::a]"),
        ] {
            let mut origin_form = request("/", &[sent]);
            assert!(sanitize(&mut origin_form).is_ok());
            assert_eq!(origin_form.headers()[HOST], expected);
            let mut absolute_form = request(&format!("http://{sent}/"), &[]);
            assert!(sanitize(&mut absolute_form).is_ok());
            assert_eq!(absolute_form.headers()[HOST], expected);
        }
    }

    #[test]
    fn a_target_with_a_host_must_agree_and_becomes_origin_form() {
        let mut request = request("http://a.example/x?y=1", &["A.example"]);
        assert!(sanitize(&mut request).is_ok());
        assert_eq!(request.uri(), "/x?y=1");
        assert_eq!(host("http://evil/x", &["a"]), Err(BadRequest::Host(HostFault::Differs)));
        assert_eq!(host("ftp://a/x", &["a"]), Err(BadRequest::Host(HostFault::Scheme)));
        assert_eq!(host("http://u@a/x", &["u@a"]), Err(BadRequest::Host(HostFault::Invalid)));
        assert_eq!(host("admin", &["a"]), Err(BadRequest::Host(HostFault::Differs)));
        assert_eq!(host("admin", &["admin"]), Err(BadRequest::Path(PathFault::NotAbsolute)));
    }

    #[test]
    fn the_canonical_path_is_what_is_sent() {
        let mut request = request("/adm%69n/%7euser?q=%69", &["a"]);
        assert!(sanitize(&mut request).is_ok());
        assert_eq!(request.uri(), "/admin/~user?q=%69");
    }
}
