//! What an upstream is told of a request beside what the client sent: who asks, from where and by which way.
//!
//! These headers are written straight to where they are sent from, since putting a dozen of them into a map first
//! would cost more than all that is decided about the request. The client's own of these names are gone by then:
//! [`super::headers::clean_request`] takes them out in every spelling.

use http::{HeaderName, HeaderValue, Version};

use super::client::Client;
use super::forwarded::{self, Origin};
use super::identity;
use crate::auth::Permit;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes one header line after the other.
pub(super) type Put<'a> = dyn FnMut(&HeaderName, &HeaderValue) + 'a;

/// Everything that it takes to introduce one request. Holds the permit, without which nothing is sent.
pub(super) struct Introduction<'r> {
    pub(super) permit: Permit,
    pub(super) client: &'r Client,
    pub(super) origin: Origin,
    /// As the client sent it, for whatever the upstream is sent in its place.
    pub(super) host: Option<HeaderValue>,
    /// Of HTTP, as the request was received.
    pub(super) version: Version,
    pub(super) id: HeaderValue,
}

impl Introduction<'_> {
    pub(super) fn tell(&self, put: &mut Put<'_>) {
        identity::tell(&self.permit, self.client.connection.handshake(), put);
        forwarded::tell(self.client, &self.origin, self.host.as_ref(), put);
        if let Some(via) = self.client.worker.via() {
            via.tell(self.version, put);
        }
        put(&REQUEST_ID, &self.id);
    }
}
