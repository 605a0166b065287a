//! From an answered handshake to a tunnel, and from its end to the record.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::bad_request::BadRequest;
use super::client::Client;
use super::matched::Matched;
use super::record::RequestRecord;
use super::reject::Rejection;
use super::routes::{Route, Rule};
use super::websocket::{Ask, Ends, Key, Lease, Side, Tunnel, UpgradeFault, WebSockets};
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
    /// The client's side, where that is a stream of HTTP/2.
    stream: Option<OnUpgrade>,
}

struct Lasting {
    resource: ResourceName,
    action: Action,
    target: Option<AccountId>,
}

/// What a request asks for beside an answer.
pub(super) struct Asked {
    ask: Ask,
    /// What carries a WebSocket over HTTP/2.
    stream: Option<OnUpgrade>,
}

impl Asked {
    /// A WebSocket over HTTP/2 is asked for by a method of its own. It is decided on as what it stands for, a
    /// GET, and what it will be carried by is set aside.
    pub(super) fn of(ask: Ask, request: &mut Request<Incoming>) -> Self {
        let stream = matches!(ask, Ask::Stream(_)).then(|| {
            *request.method_mut() = Method::GET;
            request.extensions_mut().remove::<Protocol>();
            hyper::upgrade::on(request)
        });
        Self { ask, stream }
    }
}

/// What a permitted request asks for beside an answer. A wrong request for a WebSocket is told so only
/// where a right one would be taken.
pub(super) fn opening(
    Asked { ask, stream }: Asked,
    matched: &Matched<'_>,
    method: &Method,
) -> Result<Option<Opening>, Rejection> {
    let route = matched.route;
    let wrong = |fault| Err(Rejection::Bad(BadRequest::Upgrade(fault)));
    let key = match (ask, route.websockets) {
        (Ask::Nothing, _) | (Ask::WebSocket(_), WebSockets::Off) => return Ok(None),
        // It is no request for anything else, so it cannot go on as one.
        (Ask::Stream(_), WebSockets::Off) => return wrong(UpgradeFault::Route),
        (Ask::WebSocket(Err(fault)) | Ask::Stream(Err(fault)), _) => return wrong(fault),
        (Ask::WebSocket(Ok(key)) | Ask::Stream(Ok(key)), _) => key,
    };
    let lasting = match route.websockets {
        WebSockets::Recheck => lasting(route, matched, method),
        WebSockets::Last | WebSockets::Off => None,
    };
    Ok(Some(Opening { key, lasting, idle: route.stream_idle, stream }))
}

fn lasting(route: &Route, matched: &Matched<'_>, method: &Method) -> Option<Lasting> {
    let Rule::Protected { resource, action } = &route.rule else { return None };
    let action = action.or_else(|| action_of(method))?;
    // It was parsed once to authorize the request.
    let target = matched.account.as_deref().and_then(|account| account.parse().ok());
    Some(Lasting { resource: resource.clone(), action, target })
}

/// Makes of the upstream's 101 the client's, and leaves with the connection what comes after it; or with the
/// stream, for which the answer is 200.
pub(super) fn switch(
    client: &Client,
    mut record: Box<RequestRecord>,
    head: &mut http::response::Parts,
    upstream: Side,
    (opening, bearer): (Opening, Option<Bearer>),
) {
    let Opening { lasting, idle, stream, .. } = opening;
    match &stream {
        None => {
            head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        Some(_) => {
            head.status = StatusCode::OK;
            head.headers.remove(SEC_WEBSOCKET_ACCEPT);
        }
    }
    record.answered(head.status);
    let (worker, state) = (Rc::clone(&client.worker), Rc::clone(&client.connection));
    let open = move |client: Side| {
        let ends = Ends { client, upstream };
        let lease = lasting.zip(bearer).map(|(Lasting { resource, action, target }, bearer)| {
            worker.leases().hold(Lease::new(bearer, Need { resource: &resource, action, target }))
        });
        let tunnel = Tunnel::new(ends, state, lease, worker.sweep().timer(), idle);
        Open::new(worker, record, tunnel).carry()
    };
    match stream {
        None => {
            client.connection.switch(Box::new(move |Switched { stream, early }| Box::pin(open(Side { stream, early }))))
        }
        // The task of the stream ends with the answer's head, so this has one of its own. A client that is
        // gone before has no tunnel, and the record says so.
        Some(stream) => drop(tokio::task::spawn_local(async move {
            if let Ok(upgraded) = stream.await {
                open(Side { stream: Box::new(TokioIo::new(upgraded)), early: Bytes::new() }).await;
            }
        })),
    }
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
