//! A client connection, as the requests on it see it.

use std::net::IpAddr;
use std::rc::Rc;

use http::{HeaderValue, Request, StatusCode};
use hyper::body::{Body, Incoming};

use super::bad_request::UNPARSED;
use super::record::RequestRecord;
use super::websocket::{self, Ask};
use super::worker::Worker;
use crate::server::{ConnectionState, Fault};
use crate::telemetry::Reason;

/// A client connection, with what is the same for all of its requests.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) connection: Rc<ConnectionState>,
    pub(super) address: HeaderValue,
}

impl Client {
    pub(super) fn new(worker: Rc<Worker>, connection: Rc<ConnectionState>) -> Self {
        worker.metrics().connection_opened();
        let address =
            HeaderValue::try_from(connection.peer().ip().to_canonical().to_string()).expect("an address is ASCII");
        Self { worker, connection, address }
    }

    /// Whether a request is the one whose bytes were let through, and whether it asks for a WebSocket.
    /// What follows such a one is bytes of it or the next request: which, its answer will tell.
    pub(super) fn hand_over(&self, request: &Request<Incoming>) -> Result<Ask, Fault> {
        self.connection.hand_over(&request.body().size_hint())?;
        let asked = websocket::ask(request);
        if asked != Ask::Nothing {
            self.connection.withhold();
        }
        Ok(asked)
    }

    /// Counts the peer's address as a limiter's key.
    pub(super) fn address_key(&self) -> u128 {
        match self.connection.peer().ip().to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            // A client has a whole /64, and may use another address of it for every request.
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.connection.is_unparsed() {
            let mut record = RequestRecord::begin::<()>(&self.worker, &self.connection, None);
            record.answered(StatusCode::BAD_REQUEST);
            record.decided(Reason::BadRequest);
            record.refused(UNPARSED);
        }
        self.worker.metrics().connection_closed();
    }
}
