//! From where a request comes.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;

/// The address at the other end of the connection. Whoever serves the API notes it with [`Peer::note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(IpAddr);

impl Peer {
    pub fn new(address: IpAddr) -> Self {
        Self(address)
    }

    /// Puts it where the handlers find it.
    pub fn note<B>(self, request: &mut http::Request<B>) {
        request.extensions_mut().insert(self);
    }

    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}", self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    /// Requests of which nobody noted it are taken as one peer's together.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
