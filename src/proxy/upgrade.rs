//! From an answered handshake to a tunnel, and from its end to the record.

use std::rc::Rc;
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method};

use super::bad_request::BadRequest;
use super::client::Client;
use super::matched::Matched;
use super::record::RequestRecord;
use super::reject::Rejection;
use super::routes::{Route, Rule};
use super::websocket::{Ask, Ends, Key, Lease, Side, Tunnel, WebSockets};
use super::worker::Worker;
use crate::auth::{Bearer, Need};
use crate::model::{AccountId, Action, ResourceName};
use crate::route::action_of;
use crate::server::Switched;

/// A WebSocket that is asked for, on a route that takes it.
pub(super) struct Opening {
    pub(super) key: Key,
    /// What the token has to be good for all the while; `None`: it may last.
    lasting: Option<Lasting>,
    idle: Option<Duration>,
}

struct Lasting {
    resource: ResourceName,
    action: Action,
    target: Option<AccountId>,
}

/// What a permitted request asks for beside an answer. A wrong request for a WebSocket is told so only
/// where a right one would be taken.
pub(super) fn opening(asked: Ask, matched: &Matched<'_>, method: &Method) -> Result<Option<Opening>, Rejection> {
    let route = matched.route;
    match (asked, route.websockets) {
        (Ask::Nothing, _) | (_, WebSockets::Off) => Ok(None),
        (Ask::WebSocket(Err(fault)), _) => Err(Rejection::Bad(BadRequest::Upgrade(fault))),
        (Ask::WebSocket(Ok(key)), WebSockets::Last) => {
            Ok(Some(Opening { key, lasting: None, idle: route.stream_idle }))
        }
        (Ask::WebSocket(Ok(key)), WebSockets::Recheck) => {
            Ok(Some(Opening { key, lasting: lasting(route, matched, method), idle: route.stream_idle }))
        }
    }
}

fn lasting(route: &Route, matched: &Matched<'_>, method: &Method) -> Option<Lasting> {
    let Rule::Protected { resource, action } = &route.rule else { return None };
    let action = action.or_else(|| action_of(method))?;
    // It was parsed once to authorize the request.
    let target = matched.account.as_deref().and_then(|account| account.parse().ok());
    Some(Lasting { resource: resource.clone(), action, target })
}

/// Makes of the upstream's 101 the client's, and leaves with the connection what comes after it.
pub(super) fn switch(
    client: &Client,
    record: Box<RequestRecord>,
    head: &mut http::response::Parts,
    upstream: Side,
    (opening, bearer): (Opening, Option<Bearer>),
) {
    head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let (worker, state) = (Rc::clone(&client.worker), Rc::clone(&client.connection));
    client.connection.switch(Box::new(move |Switched { stream, early }| {
        let ends = Ends { client: Side { stream, early }, upstream };
        let lease = opening.lasting.zip(bearer).map(|(Lasting { resource, action, target }, bearer)| {
            worker.leases().hold(Lease::new(bearer, Need { resource: &resource, action, target }))
        });
        let tunnel = Tunnel::new(ends, state, lease, worker.sweep().timer(), opening.idle);
        let open = Open::new(worker, record, tunnel);
        Box::pin(open.carry())
    }));
}

/// An open tunnel: counted, and recorded however it ends.
struct Open {
    worker: Rc<Worker>,
    record: Box<RequestRecord>,
    tunnel: Tunnel,
}

impl Open {
    fn new(worker: Rc<Worker>, record: Box<RequestRecord>, tunnel: Tunnel) -> Self {
        worker.metrics().tunnel_opened();
        Self { worker, record, tunnel }
    }

    async fn carry(mut self) {
        let end = (&mut self.tunnel).await;
        self.record.tunnel_ended(end.label());
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let (received, sent) = self.tunnel.bytes();
        self.record.received(received);
        self.record.sent(usize::try_from(sent).unwrap_or(usize::MAX));
        self.worker.metrics().tunnel_closed();
    }
}
