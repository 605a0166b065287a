//! The way of a request, step by step: sanitize → match → authenticate → authorize → charge → forward.
//!
//! Each step takes what the step before it gave; each refusal is a [`Rejection`]. A request reaches an
//! upstream by way of [`prepare`] alone, which consumes the permit that only authorization can make.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::bad_request::BadRequest;
use super::carriers::{self, Carriers};
use super::client::{Client, address_key};
use super::cors::{self, Cors, Preflight};
use super::filter::{self, FilterRule};
use super::forwarded::Origin;
use super::grpc::Speaks;
use super::identify::{Identified, identify};
use super::introduction::{Introduction, REQUEST_ID};
use super::matched::{Matched, find_route};
use super::record::RequestRecord;
use super::reject::Rejection;
use super::reply::{Content, ReplyBody};
use super::request_body::{Progress, RequestBody, Timeouts};
use super::routes::{Proxy, Route, Rule};
use super::sanitize::Reading;
use super::upgrade::{self, Asked, Opening};
use super::upstream::{Exchanged, Outgoing, Pool};
use super::websocket::{self, Ask, Side};
use super::worker::Worker;
use super::{headers, privacy};
use crate::auth::{self, CredentialError, Denial, Need, Permit, Principal};
use crate::model::{AccountId, Action, Secret};
use crate::route::action_of;
use crate::server::{Fault, Grant, Peer};
use crate::telemetry::Reason;

/// Answers one request, with the upstream's answer or with a refusal.
///
/// The request lies in this future once, and the steps work on it in place: each step that took it by
/// value would add its size to what every connection holds.
pub(super) async fn answer(client: &Client, mut request: Request<Incoming>, asked: Ask) -> Response<ReplyBody> {
    let asked = Asked::of(asked, &mut request);
    let mut place = Place { speaks: Speaks::of(&request), ..Place::default() };
    let origin = client.origin(request.headers());
    let source = client.source(&origin);
    let mut record = RequestRecord::begin(&client.worker, &client.connection, source, Some(&request));
    let admitted = match client.sanitize(&mut request) {
        Ok(reading) if reading.is_about_the_server => {
            let reply = about_the_server(&mut record);
            return finish(client, record, reply);
        }
        Ok(_) if client.worker.via().is_some_and(|via| via.has_seen(request.headers())) => {
            Err(Rejection::Bad(BadRequest::Loop))
        }
        Ok(reading) => {
            let matched = find_route(&client.worker, &mut record, &request);
            place.note(matched.as_ref().ok(), &request);
            if let Some(reply) = place.preflight(&mut record, &matched) {
                return finish(client, record, reply);
            }
            admit(client, &mut record, &mut request, matched, Arrival { reading, asked, origin }).await
        }
        Err(bad) => Err(Rejection::Bad(bad)),
    };
    let reply = match admitted {
        Err(rejection) => refuse(client, &mut record, &place, &rejection),
        Ok(admitted) => {
            place.in_query = admitted.in_query;
            let mut forward = prepare(client, &record, admitted, request, place.speaks);
            match forward.pool.exchange(&mut forward.outgoing, &forward.progress).await {
                Ok(Exchanged { head, content: Content::Switched(Some(side)) }) => {
                    return switch(client, record, head, (*side, forward));
                }
                Ok(exchanged) => pass_on(&mut record, &place, exchanged, forward.progress),
                Err(rejection) => refuse(client, &mut record, &place, &name_fault(client, rejection)),
            }
        }
    };
    finish(client, record, reply)
}

/// Answers in the place of a request whose bytes were refused. Nothing is known of it.
pub(super) fn turn_away(client: &Client, fault: Fault) -> Response<ReplyBody> {
    let mut record = RequestRecord::begin::<()>(&client.worker, &client.connection, client.source(&None), None);
    let reply = refuse(client, &mut record, &Place::default(), &Rejection::Bad(BadRequest::Bytes(fault)));
    finish(client, record, reply)
}

/// Where a request led, and what of it its answer depends on.
#[derive(Default)]
struct Place<'worker> {
    /// How the client hears of refusals.
    speaks: Speaks,
    route: Option<&'worker Route>,
    /// The page that asks, where the route tells pages anything.
    origin: Option<HeaderValue>,
    /// Its token came in the query.
    in_query: bool,
}

impl<'worker> Place<'worker> {
    fn note(&mut self, matched: Option<&Matched<'worker>>, request: &Request<Incoming>) {
        self.route = matched.map(|matched| matched.route);
        self.origin = self.cors().and_then(|_| cors::origin(request.headers()));
    }

    fn carriers(&self, proxy: &'worker Proxy) -> Option<&'worker Carriers> {
        self.route.map_or(proxy.carriers.as_ref(), |route| route.carriers.as_ref())
    }

    fn cors(&self) -> Option<&'worker Cors> {
        self.route.and_then(|route| route.cors.as_ref())
    }

    /// The answer to a browser's question, where that is the gateway's to give.
    fn preflight(&self, record: &mut RequestRecord, matched: &Result<Matched<'_>, Rejection>) -> Option<Reply> {
        let route = matched.as_ref().ok().filter(|matched| matched.is_preflight)?.route;
        let cors = route.cors.as_ref().filter(|_| route.preflight == Preflight::Answer)?;
        record.decided(Reason::Preflight);
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::NO_CONTENT;
        head.headers = cors.answer(self.origin.as_ref());
        Some((Content::Own(None), head, None))
    }
}

type Reply = (Content, http::response::Parts, Option<Rc<Progress>>);

/// HTTP goes on behind this answer.
fn finish(
    client: &Client,
    mut record: Box<RequestRecord>,
    (content, mut head, progress): Reply,
) -> Response<ReplyBody> {
    client.connection.release();
    record.tell_expiry(&mut head.headers);
    head.headers.insert(REQUEST_ID, record.id.clone());
    record.answered(head.status);
    Response::from_parts(head, ReplyBody::new(content, record, progress))
}

/// What a client's body broke off with, where that was seen in its bytes.
fn name_fault(client: &Client, rejection: Rejection) -> Rejection {
    match (rejection, client.connection.broken_body()) {
        (Rejection::ClientBody, Some(fault)) => Rejection::Bad(BadRequest::Bytes(fault)),
        (other, _) => other,
    }
}

/// `OPTIONS *` is a question whether anybody is there (RFC 9110 section 9.3.7), not what there is.
fn about_the_server(record: &mut RequestRecord) -> Reply {
    record.decided(Reason::Server);
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::NO_CONTENT;
    (Content::Own(None), head, None)
}

fn refuse(client: &Client, record: &mut RequestRecord, place: &Place<'_>, rejection: &Rejection) -> Reply {
    let id = record.id.to_str().unwrap_or_default();
    let proxy = client.worker.proxy();
    let (response, reason) = rejection.response(place.carriers(proxy), &proxy.realm, id, place.speaks);
    if let Some(reason) = reason {
        record.decided(reason);
    }
    if let Rejection::Bad(fault) = rejection {
        record.refused(fault.label());
    }
    let (mut head, body) = response.into_parts();
    if let Some(cors) = place.cors() {
        cors.mark(place.origin.as_ref(), &mut head.headers);
    }
    // Without a body the head is the end, and not a frame of nothing behind it.
    (Content::Own(Some(body).filter(|body| !body.is_empty())), head, None)
}

fn pass_on(record: &mut RequestRecord, place: &Place<'_>, exchanged: Exchanged, progress: Rc<Progress>) -> Reply {
    let Exchanged { mut head, content } = exchanged;
    progress.answered();
    record.upstream_answered();
    head.version = Version::HTTP_11;
    if let Some(cors) = place.cors().filter(|_| place.route.is_some_and(|it| it.preflight == Preflight::Answer)) {
        cors.mark(place.origin.as_ref(), &mut head.headers);
    }
    if place.in_query {
        privacy::keep(&mut head.headers);
    }
    (content, head, Some(progress))
}

/// HTTP ends with this answer; a tunnel takes its record on.
fn switch(
    client: &Client,
    mut record: Box<RequestRecord>,
    mut head: http::response::Parts,
    (side, forward): (Side, Forward<'_>),
) -> Response<ReplyBody> {
    forward.progress.answered();
    record.upstream_answered();
    headers::clean_response(&mut head.headers);
    record.tell_expiry(&mut head.headers);
    head.headers.insert(REQUEST_ID, record.id.clone());
    if let Some(opening) = forward.opening {
        let bearer = forward.outgoing.introduction.permit.into_bearer();
        upgrade::switch(client, record, &mut head, side, (opening, bearer));
    }
    Response::from_parts(head, ReplyBody::switched())
}

/// What is known of a request beside its head.
struct Arrival {
    reading: Reading,
    asked: Asked,
    origin: Origin,
}

/// A request that may go on: only [`prepare`] takes one.
struct Admitted<'worker> {
    permit: Permit,
    route: &'worker Route,
    reading: Reading,
    origin: Origin,
    opening: Option<Opening>,
    in_query: bool,
}

/// Everything that is decided before a byte is sent.
async fn admit<'w>(
    client: &'w Client,
    record: &mut RequestRecord,
    request: &mut Request<Incoming>,
    matched: Result<Matched<'w>, Rejection>,
    arrival: Arrival,
) -> Result<Admitted<'w>, Rejection> {
    let worker = &client.worker;
    let mut in_query = false;
    let permit = match &matched {
        Ok(Matched { route, is_preflight: true, .. }) => {
            carriers::take_out(route.carriers.as_ref(), &worker.proxy().verifier, request);
            record.decided(Reason::Preflight);
            auth::admit_public()
        }
        Ok(Matched { route, .. }) if matches!(route.rule, Rule::Public) => {
            carriers::take_out_own(&worker.proxy().verifier, request.headers_mut());
            record.decided(Reason::Public);
            auth::admit_public()
        }
        Ok(matched) => {
            let carriers = matched.route.carriers.as_ref();
            let Identified { principal, in_query: came_in_query } = identify(worker, record, carriers, request).await?;
            in_query = came_in_query;
            let permit = authorize(worker, record, principal, matched, request.method())?;
            carriers::take_out(carriers, &worker.proxy().verifier, request);
            permit
        }
        // A stranger is asked for a token before it is told what there is.
        Err(nowhere) => {
            let carriers = worker.proxy().carriers.as_ref();
            let Identified { principal, .. } = identify(worker, record, carriers, request).await?;
            let stands = auth::standing(&principal, &worker.proxy().accounts, record.now);
            return Err(stands
                .err()
                .map_or(nowhere.clone(), |denial| Rejection::Denied { denial, scope: String::new() }));
        }
    };
    let matched = matched?;
    let Arrival { reading, asked, origin } = arrival;
    let opening = upgrade::opening(asked, &matched, request.method())?;
    let Matched { route, is_preflight, .. } = matched;
    filter::enforce(route.filter.as_ref(), &permit, request)?;
    charge(record, &permit, (route, is_preflight), client.source(&origin))?;
    check_length(request.headers(), route.max_body)?;
    Ok(Admitted { permit, route, reading, origin, opening, in_query })
}

fn authorize(
    worker: &Worker,
    record: &mut RequestRecord,
    principal: Arc<Principal>,
    matched: &Matched<'_>,
    method: &Method,
) -> Result<Permit, Rejection> {
    let Rule::Protected { resource, action } = &matched.route.rule else {
        return Err(Rejection::credential(CredentialError::Absent));
    };
    let Some(action) = action.or_else(|| action_of(method)) else {
        return Err(Rejection::Method { allowed: Vec::new() });
    };
    let target: Option<AccountId> = match matched.account.as_deref().map(str::parse) {
        None => None,
        Some(Ok(account)) => Some(account),
        // What is no account id is an account that nobody reaches.
        Some(Err(_)) => return Err(denied(Denial::OutOfReach, resource.as_str(), action)),
    };
    let need = Need { resource, action, target };
    let reason = match principal.secret {
        Secret::Present => Reason::Ok,
        Secret::Old => Reason::OldSecret,
    };
    let permit = auth::authorize(principal, need, &worker.proxy().accounts, record.now)
        .map_err(|denial| denied(denial, resource.as_str(), action))?;
    record.decided(reason);
    Ok(permit)
}

fn denied(denial: Denial, resource: &str, action: Action) -> Rejection {
    Rejection::denied(denial, resource, action)
}

/// The token's own limit, then the route's. A limit that all share is not used up by questions, for which
/// nobody needs a token.
fn charge(
    record: &RequestRecord,
    permit: &Permit,
    (route, is_preflight): (&Route, bool),
    source: Peer,
) -> Result<(), Rejection> {
    let token = permit.bearer().map(|bearer| &bearer.principal);
    let limited = |wait| Rejection::RateLimited { wait };
    let token_limited = |wait| {
        token.into_iter().for_each(|principal| record.limited(principal.token.id));
        limited(wait)
    };
    let token_key = token.map(|principal| u128::from_be_bytes(principal.token.id.to_bytes()));
    if let Some((limiter, key)) = token.and_then(|principal| principal.limiter.as_ref()).zip(token_key) {
        limiter.charge(key).map_err(token_limited)?;
    }
    if let Some(limit) = route.limit.as_ref().filter(|limit| limit.each || !is_preflight) {
        let key = if limit.each { token_key.unwrap_or_else(|| address_key(source)) } else { 0 };
        // What all share over, no token is to blame for.
        let refused = |wait| if limit.each { token_limited(wait) } else { limited(wait) };
        limit.limiter.charge(key).map_err(refused)?;
    }
    Ok(())
}

/// A request on its way: where to, and what is sent. Consumes the permit.
struct Forward<'worker> {
    pool: &'worker Rc<Pool>,
    outgoing: Outgoing<'worker>,
    progress: Rc<Progress>,
    /// A tunnel that is to come of it.
    opening: Option<Opening>,
}

/// Makes of a permitted request what its upstream is to see.
fn prepare<'w>(
    client: &'w Client,
    record: &RequestRecord,
    admitted: Admitted<'_>,
    mut request: Request<Incoming>,
    speaks: Speaks,
) -> Forward<'w> {
    let Admitted { permit, route, reading, origin, opening, .. } = admitted;
    let version = request.version();
    let host = request.headers().get(HOST).cloned();
    if let Some(opening) = &opening {
        websocket::demand(request.headers_mut(), &opening.key);
    }
    let client_time = match speaks {
        Speaks::Http => client.connection.patience(),
        // A call lasts, and its client speaks when there is something to say.
        Speaks::Grpc => Grant { most: route.stream_idle, min_rate: None },
    };
    let timeouts = Timeouts { upstream: route.response_timeout, client: client_time, quiet: route.stream_idle };
    let progress = Progress::new(client.worker.sweep().timer(), timeouts);
    let request = request.map(|body| RequestBody::new(body, route.max_body, reserved(route), Rc::clone(&progress)));
    let websocket = opening.as_ref().map(|opening| opening.key.clone());
    let introduction = Introduction { permit, client, origin, host, version, id: record.id.clone() };
    let outgoing = Outgoing {
        request: Some(request),
        introduction,
        is_introduced: false,
        takes_trailers: reading.takes_trailers.0,
        websocket,
    };
    Forward { pool: client.worker.pool(route.upstream), outgoing, progress, opening }
}

/// Headers that mean something on the route, and so do not come behind a body.
fn reserved(route: &Route) -> Vec<HeaderName> {
    let filter = match &route.filter {
        Some(FilterRule::Header(name)) => Some(name),
        Some(FilterRule::Query(_)) | None => None,
    };
    filter.into_iter().chain(route.carriers.iter().flat_map(Carriers::headers)).cloned().collect()
}

/// Refuses at once what is announced to be too large, before any of it is sent.
fn check_length(headers: &HeaderMap, limit: Option<u64>) -> Result<(), Rejection> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match limit.filter(|&limit| announced.is_some_and(|length| length > limit)) {
        Some(limit) => Err(Rejection::BodyTooLarge { limit }),
        None => Ok(()),
    }
}
