//! The way of a request, step by step: sanitize → match → authenticate → authorize → charge → forward.
//!
//! Each step takes what the step before it gave; each refusal is a [`Rejection`]. A request reaches an
//! upstream through [`forward`] alone, which consumes the permit that only authorization can make.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, TE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use hyper::body::Incoming;

use super::record::RequestRecord;
use super::reject::Rejection;
use super::reply::{Content, ReplyBody};
use super::request_body::{Progress, RequestBody, Timeouts};
use super::routes::{AccountSelector, Route, Rule};
use super::sanitize::{Reading, host_for_routing, sanitize};
use super::upstream::Exchanged;
use super::worker::Worker;
use super::{headers, identity};
use crate::auth::{self, CredentialError, Denial, Need, Permit, Principal, Source, Verdict};
use crate::model::{AccountId, Action};
use crate::route::{Found, RouteIndex, action_of};
use crate::server::ConnectionState;
use crate::telemetry::{CacheResult, Reason};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A client connection, with what is the same for all of its requests.
pub(super) struct Client {
    worker: Rc<Worker>,
    connection: Rc<ConnectionState>,
    address: HeaderValue,
}

impl Client {
    pub(super) fn new(worker: Rc<Worker>, connection: Rc<ConnectionState>) -> Self {
        worker.metrics().connection_opened();
        let address =
            HeaderValue::try_from(connection.peer().ip().to_canonical().to_string()).expect("an address is ASCII");
        Self { worker, connection, address }
    }

    /// Counts the peer's address as a limiter's key.
    fn address_key(&self) -> u128 {
        match self.connection.peer().ip().to_canonical() {
            std::net::IpAddr::V4(address) => u128::from(address.to_bits()),
            // A client has a whole /64, and may use another address of it for every request.
            std::net::IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.worker.metrics().connection_closed();
    }
}

/// Answers one request, with the upstream's answer or with a refusal.
pub(super) async fn answer(client: &Client, request: Request<Incoming>) -> Response<ReplyBody> {
    let mut record = RequestRecord::begin(&client.worker, &client.connection, &request);
    let outcome = handle(client, &mut record, request).await;
    let (mut head, content, progress) = match outcome {
        Ok((Exchanged { head, content }, progress)) => (head, content, Some(progress)),
        Err(rejection) => {
            if let Some(reason) = rejection.reason() {
                record.decided(reason);
            }
            let id = record.id.to_str().unwrap_or_default();
            let (head, body) = rejection.response(&client.worker.proxy().realm, id).into_parts();
            (head, Content::Own(Some(body)), None)
        }
    };
    head.headers.insert(REQUEST_ID, record.id.clone());
    record.answered(head.status);
    Response::from_parts(head, ReplyBody::new(content, record, progress))
}

async fn handle(
    client: &Client,
    record: &mut RequestRecord,
    mut request: Request<Incoming>,
) -> Result<(Exchanged, Rc<Progress>), Rejection> {
    let reading = sanitize(&mut request).map_err(Rejection::Bad)?;
    let (mut parts, body) = request.into_parts();
    let worker = &client.worker;
    let matched = find_route(worker, record, &parts);
    let permit = match &matched {
        Ok(Matched { route, .. }) if matches!(route.rule, Rule::Public) => admit_public(worker, record, &mut parts)?,
        Ok(matched) => {
            let principal = authenticate(worker, record, &parts).await?;
            authorize(worker, record, principal, matched, &parts.method)?
        }
        // A stranger is asked for a token before it is told what there is.
        Err(nowhere) => {
            let principal = authenticate(worker, record, &parts).await?;
            let stands = auth::standing(&principal, &worker.proxy().accounts, record.now);
            return Err(stands
                .err()
                .map_or(nowhere.clone(), |denial| Rejection::Denied { denial, scope: String::new() }));
        }
    };
    let Matched { route, .. } = matched?;
    charge(client, route, &permit)?;
    forward(client, record, Forward { permit, route, reading }, parts, body).await
}

/// A route, and the account that the request names for it.
struct Matched<'worker> {
    route: &'worker Route,
    /// The account selector's text; `None` where the route has none, or the request leaves it out.
    account: Option<String>,
}

fn find_route<'w>(worker: &'w Worker, record: &mut RequestRecord, parts: &Parts) -> Result<Matched<'w>, Rejection> {
    let proxy = worker.proxy();
    let host = if proxy.table.wants_host() { host_for_routing(&parts.headers) } else { String::new() };
    match proxy.table.find(&host, parts.uri.path(), &parts.method) {
        Found::Nothing => Err(Rejection::NoRoute),
        Found::OtherMethods(allowed) => Err(Rejection::Method { allowed }),
        Found::Route { index, params } => {
            record.matched(index);
            let RouteIndex(at) = index;
            let route = &proxy.routes[at];
            let account = route.account.as_ref().and_then(|selector| match selector {
                AccountSelector::Path(name) => params.get(name).map(str::to_owned),
                // Bytes that are no text name no account; they must not count as "left out".
                AccountSelector::Header(name) => {
                    parts.headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned())
                }
            });
            Ok(Matched { route, account })
        }
    }
}

/// What is public needs no token; but one of ours that was sent all the same is not the upstream's
/// to see. Credentials of other kinds are between the client and the upstream.
fn admit_public(worker: &Worker, record: &mut RequestRecord, parts: &mut Parts) -> Result<Permit, Rejection> {
    let mut lines = parts.headers.get_all(AUTHORIZATION).iter();
    if let Some(line) = lines.next() {
        if lines.next().is_some() {
            return Err(Rejection::Credential(CredentialError::Several));
        }
        if worker.proxy().verifier.holds_own(line.as_bytes()) {
            parts.headers.remove(AUTHORIZATION);
        }
    }
    record.decided(Reason::Public);
    Ok(auth::admit_public())
}

async fn authenticate(worker: &Worker, record: &mut RequestRecord, parts: &Parts) -> Result<Arc<Principal>, Rejection> {
    let text = auth::bearer(&parts.headers).map_err(Rejection::Credential)?;
    let (source, verdict) = worker.proxy().verifier.verify(text).await;
    match source {
        Source::Cache => worker.metrics().cache_lookup(CacheResult::Hit),
        Source::Negative => worker.metrics().cache_lookup(CacheResult::Negative),
        Source::Store => worker.metrics().cache_lookup(CacheResult::Miss),
        Source::Text => {}
    }
    match verdict {
        Ok(Verdict::Known(principal)) => {
            record.known(&principal);
            Ok(principal)
        }
        Ok(Verdict::Unknown) => Err(Rejection::Unknown),
        Ok(Verdict::NotAToken(error)) => Err(Rejection::NotAToken(error)),
        Err(_) => Err(Rejection::StoreAway),
    }
}

fn authorize(
    worker: &Worker,
    record: &mut RequestRecord,
    principal: Arc<Principal>,
    matched: &Matched<'_>,
    method: &Method,
) -> Result<Permit, Rejection> {
    let Rule::Protected { resource, action } = &matched.route.rule else {
        return Err(Rejection::Credential(CredentialError::Absent));
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
    let permit = auth::authorize(principal, need, &worker.proxy().accounts, record.now)
        .map_err(|denial| denied(denial, resource.as_str(), action))?;
    record.decided(Reason::Ok);
    Ok(permit)
}

fn denied(denial: Denial, resource: &str, action: Action) -> Rejection {
    Rejection::denied(denial, resource, action)
}

/// The token's own limit, then the route's.
fn charge(client: &Client, route: &Route, permit: &Permit) -> Result<(), Rejection> {
    let limited = |wait| Rejection::RateLimited { wait };
    let token = permit.bearer().map(|bearer| &bearer.principal);
    let token_key = token.map(|principal| u128::from_be_bytes(principal.token.id.to_bytes()));
    if let Some((limiter, key)) = token.and_then(|principal| principal.limiter.as_ref()).zip(token_key) {
        limiter.charge(key).map_err(limited)?;
    }
    if let Some(limit) = &route.limit {
        let key = if limit.each { token_key.unwrap_or_else(|| client.address_key()) } else { 0 };
        limit.limiter.charge(key).map_err(limited)?;
    }
    Ok(())
}

/// What [`forward`] needs to know.
struct Forward<'worker> {
    permit: Permit,
    route: &'worker Route,
    reading: Reading,
}

/// Sends a permitted request to its upstream, and gives back the head of the answer.
async fn forward(
    client: &Client,
    record: &mut RequestRecord,
    forward: Forward<'_>,
    mut parts: Parts,
    body: Incoming,
) -> Result<(Exchanged, Rc<Progress>), Rejection> {
    let Forward { permit, route, reading } = forward;
    check_length(&parts, route.max_body)?;
    identity::write(&mut parts.headers, &permit);
    identity::write_forwarded(&mut parts.headers, &client.address, client.connection.is_tls());
    parts.headers.insert(REQUEST_ID, record.id.clone());
    if reading.takes_trailers.0 {
        parts.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let timeouts = Timeouts { upstream: route.response_timeout, client: client.connection.patience() };
    let progress = Progress::new(client.worker.sweep().timer(), timeouts);
    let request = Request::from_parts(parts, RequestBody::new(body, route.max_body, Rc::clone(&progress)));
    let mut exchanged = client.worker.pool(route.upstream).exchange(request, &progress).await?;
    progress.answered();
    record.upstream_answered();
    exchanged.head.version = Version::HTTP_11;
    headers::clean_response(&mut exchanged.head.headers);
    Ok((exchanged, progress))
}

/// Refuses at once what is announced to be too large, before any of it is sent.
fn check_length(parts: &Parts, limit: Option<u64>) -> Result<(), Rejection> {
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match limit.filter(|&limit| announced.is_some_and(|length| length > limit)) {
        Some(limit) => Err(Rejection::BodyTooLarge { limit }),
        None => Ok(()),
    }
}
