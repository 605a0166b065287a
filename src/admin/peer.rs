//! From where a request comes.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;

/// Who is at the other end of the connection. Whoever serves the API notes it with [`Peer::note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(Option<IpAddr>);

impl Peer {
    /// `None`: it came over a Unix socket, and has no address.
    pub fn new(address: impl Into<Option<IpAddr>>) -> Self {
        Self(address.into())
    }

    /// Puts it where the handlers find it.
    pub fn note<B>(self, request: &mut http::Request<B>) {
        request.extensions_mut().insert(self);
    }

    /// What its calls are counted by. All who come over a Unix socket are counted together, under an
    /// address that nobody has.
    pub(super) fn address(self) -> IpAddr {
        self.0.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// What it is called in the audit log.
    pub(super) fn name(self) -> String {
        self.0.map_or_else(|| "unix".to_owned(), |address| address.to_string())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}", self.name())
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    /// Requests of which nobody noted it are taken as this machine's.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}
