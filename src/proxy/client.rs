//! A client connection, as the requests on it see it.

use std::rc::Rc;

use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use hyper::body::{Body, Incoming};

use super::bad_request::{BadRequest, UNPARSED};
use super::forwarded::{self, Forwarding, Origin};
use super::record::RequestRecord;
use super::sanitize::{Reading, host_for_routing, is_host, sanitize};
use super::websocket::{self, Ask};
use super::worker::Worker;
use crate::model::peer_key;
use crate::server::{ConnectionState, Fault, Peer};
use crate::telemetry::Reason;

/// A client connection, with what is the same for all of its requests.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) connection: Rc<ConnectionState>,
    /// As it is written for upstreams; a client of a Unix socket has none.
    pub(super) address: Option<HeaderValue>,
    peer: Peer,
    /// Whether the peer's word is taken for whose requests it sends.
    is_trusted: bool,
}

impl Client {
    pub(super) fn new(worker: Rc<Worker>, connection: Rc<ConnectionState>) -> Self {
        worker.metrics().connection_opened();
        let peer = connection.peer();
        let is_trusted = worker.proxy().forwarding.trusted.trusts(peer);
        Self { worker, connection, address: peer.address().map(forwarded::address), peer, is_trusted }
    }

    /// From where a request comes, if not from the peer.
    pub(super) fn origin(&self, headers: &HeaderMap) -> Origin {
        if !self.is_trusted {
            return None;
        }
        let Forwarding { trusted, header, .. } = &self.worker.proxy().forwarding;
        let mut told = trusted.provenance(*header, headers, self.peer)?;
        told.host.take_if(|host| !is_host(host.as_bytes()));
        Some(Box::new(told))
    }

    /// Whom a request is counted, logged and judged by.
    pub(super) fn source(&self, origin: &Origin) -> Peer {
        origin.as_ref().map_or(self.peer, |told| told.client)
    }

    /// Puts a request into its one reading. Where clients show certificates, it has to be for the host that the client
    /// shook hands for, and the client still be who it was.
    pub(super) fn sanitize<B>(&self, request: &mut Request<B>) -> Result<Reading, BadRequest> {
        let reading = sanitize(request)?;
        if let Some(handshake) = self.connection.handshake() {
            handshake.admits(&host_for_routing(request.headers())).map_err(BadRequest::Misdirected)?;
        }
        Ok(reading)
    }

    /// Whether a request is the one whose bytes were let through, and whether it asks for a WebSocket.
    /// What follows such a one is bytes of it or the next request: which, its answer will tell.
    pub(super) fn hand_over(&self, request: &Request<Incoming>) -> Result<Ask, Fault> {
        self.connection.hand_over(&request.body().size_hint())?;
        self.connection.is_of_old(request.version() == Version::HTTP_10);
        let asked = websocket::ask(request);
        if matches!(asked, Ask::WebSocket(_)) {
            self.connection.withhold();
        }
        Ok(asked)
    }
}

/// A client as a limiter's key.
pub(super) fn address_key(peer: Peer) -> u128 {
    match peer {
        Peer::Ip(address) => peer_key(address),
        // All of them together: nothing tells them apart, and no address has this key.
        Peer::Unix => u128::MAX,
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.connection.is_unparsed() {
            let mut record = RequestRecord::begin::<()>(&self.worker, &self.connection, self.peer, None);
            record.answered(StatusCode::BAD_REQUEST);
            record.decided(Reason::BadRequest);
            record.refused(UNPARSED);
        }
        self.worker.metrics().connection_closed();
    }
}
