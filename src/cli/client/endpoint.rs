//! Where the admin API is: a URL, taken apart.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    tls: bool,
    /// A Unix socket, in place of the authority's host and port.
    socket: Option<PathBuf>,
    authority: Authority,
    /// Stands before every path, without a slash at its end.
    prefix: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Only the rule is told, not the text: it may carry a password.
        let rule = "an admin URL is http://HOST:PORT or https://HOST:PORT, without a user, a query or a fragment, or unix:/PATH";
        if let Some(path) = text.trim().strip_prefix("unix:") {
            let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
            if path.is_empty() {
                return Err(rule.to_owned());
            }
            let authority = Authority::from_static("localhost");
            return Ok(Endpoint { tls: false, socket: Some(path.into()), authority, prefix: String::new() });
        }
        let uri: Uri = text.trim().parse().map_err(|_| rule.to_owned())?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(rule.to_owned()),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or(rule)?;
        if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return Err(rule.to_owned());
        }
        Ok(Endpoint {
            tls,
            socket: None,
            authority: authority.clone(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl Endpoint {
    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }

    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// A name or an address, without brackets.
    pub(super) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.tls { 443 } else { 80 })
    }

    pub(super) fn host_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.authority.as_str()).expect("an authority is visible ASCII")
    }

    pub(super) fn target(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    pub(super) fn url(&self) -> String {
        self.to_string()
    }

    /// Plain text to another machine.
    pub(super) fn exposes_the_token(&self) -> bool {
        let host = self.host();
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        !self.tls && !here
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.socket {
            return write!(f, "unix:{}", path.display());
        }
        write!(f, "{}://{}{}", if self.tls { "https" } else { "http" }, self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn urls_are_taken_apart() {
        let plain = endpoint("http://127.0.0.1:9901/");
        assert_eq!((plain.host(), plain.port(), plain.is_tls()), ("127.0.0.1", 9901, false));
        assert_eq!(plain.target("/v1/tokens"), "/v1/tokens");
        let tls = endpoint("https://[::1]/keygate/");
        assert_eq!((tls.host(), tls.port(), tls.is_tls()), ("::1", 443, true));
        assert_eq!(tls.target("/readyz"), "/keygate/readyz");
        assert_eq!(tls.url(), "https://[::1]/keygate");
        for text in ["unix:/run/k.sock", "unix:///run/k.sock"] {
            let unix = endpoint(text);
            assert_eq!((unix.socket(), unix.host()), (Some(Path::new("/run/k.sock")), "localhost"));
            assert_eq!(
                (unix.target("/v1/tokens"), unix.url()),
                ("/v1/tokens".to_owned(), "unix:/run/k.sock".to_owned())
            );
        }
    }

    #[test]
    fn what_is_no_admin_url_is_refused_without_repeating_it() {
        for bad in [
            "",
            "unix:",
            "localhost:9901",
            "/v1",
            "ftp://h",
            "http://",
            "http://u:secret@h/",
            "http://h/?a=1",
            "http://h/#x",
        ] {
            let error = bad.parse::<Endpoint>().expect_err(bad);
            assert!(error.starts_with("an admin URL is") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn plain_text_is_for_this_machine() {
        for (url, exposes) in [
            ("http://127.0.0.2", false),
            ("http://localhost:1", false),
            ("http://[::1]:1", false),
            ("http://10.0.0.1", true),
            ("http://gate.example", true),
            ("https://gate.example", false),
            ("unix:/run/keygate.sock", false),
        ] {
            assert_eq!(endpoint(url).exposes_the_token(), exposes, "{url}");
        }
    }
}
