//! Under which names the management API answers.
//!
//! A web page can have a name of its own resolve to this machine (DNS rebinding); its scripts then speak to
//! a listener on loopback as to their own site, and may read what it answers. What they cannot do is put
//! another name into `Host`. An address cannot be rebound, so addresses are always good.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::uri::Authority;

use super::Shared;
use super::refusal::Refusal;

/// The names besides `localhost` and addresses.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Option<Arc<[String]>>);

impl Hosts {
    /// Whatever the client calls it: for a listener whose certificate has to fit the name.
    pub fn any() -> Self {
        Self(None)
    }

    /// `names` in lower case, without ports.
    pub fn named(names: &[String]) -> Self {
        Self(Some(names.into()))
    }

    /// Whether `host`, without its port, is one of ours.
    fn have(&self, host: &str) -> bool {
        let Some(names) = &self.0 else { return true };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<Ipv4Addr>().is_ok()
            || address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
            || names.contains(&host)
    }
}

/// Notes of a request that it came over a connection that is not for it. Whoever serves the API knows that.
#[derive(Debug, Clone, Copy)]
pub struct Misdirected;

/// Refuses, before anything else is looked at, what was sent to another name. A request without any, as old
/// probes send, comes from no browser.
pub(super) async fn known(State(state): State<Shared>, request: Request, next: Next) -> Result<Response, Refusal> {
    if request.extensions().get::<Misdirected>().is_some() {
        return Err(Refusal::Misdirected);
    }
    let mut lines = request.headers().get_all(HOST).iter();
    let of_header = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(line), None) => Some(line.to_str().ok().and_then(|line| line.parse::<Authority>().ok())),
        (Some(_), Some(_)) => Some(None),
    };
    let of_target = request.uri().authority().map(|authority| state.hosts.have(authority.host()));
    let is_known = of_header.is_none_or(|host| host.is_some_and(|host| state.hosts.have(host.host())));
    if is_known && of_target.unwrap_or(true) { Ok(next.run(request).await) } else { Err(Refusal::OtherHost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_that_were_told_are_known() {
        let hosts = Hosts::named(&["keygate.internal".to_owned()]);
        for known in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "10.1.2.3",
            "[::1]",
            "Keygate.Internal",
            "keygate.internal.",
        ] {
            assert!(hosts.have(known), "{known}");
        }
        for other in [
            "evil.example",
            "",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[::1].evil",
            "internal",
            "2130706433",
        ] {
            assert!(!hosts.have(other), "{other}");
        }
        assert!(Hosts::any().have("evil.example"));
    }
}
