//! What is noted of one request. Observes and never decides; emits when it is dropped, so that a
//! client who vanished leaves its line too.

use std::fmt::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};

use super::worker::Worker;
use crate::auth::Principal;
use crate::model::{AccountId, Moment, Timestamp, TokenId};
use crate::route::RouteIndex;
use crate::server::{ConnectionState, Cut, Fault, Peer};
use crate::telemetry::{Reason, UpstreamError};

/// nginx's word for a request whose client went away before an answer.
const CLIENT_CLOSED: u16 = 499;

/// The record of one request.
pub(super) struct RequestRecord {
    worker: Rc<Worker>,
    connection: Rc<ConnectionState>,
    pub(super) client: Peer,
    pub(super) id: HeaderValue,
    pub(super) now: Timestamp,
    started: Instant,
    method: Option<Method>,
    route: Option<RouteIndex>,
    upstream_time: Option<Duration>,
    reason: Reason,
    /// Why the request has no single reading, where it has none.
    reject_reason: Option<&'static str>,
    status: u16,
    bearer: Option<(TokenId, AccountId)>,
    /// Which of the token's texts was presented, where it had another.
    secret: Option<u32>,
    /// What the client is told of its token's expiry.
    expires: Option<HeaderValue>,
    received: u64,
    sent: u64,
    whole: bool,
    /// Why it ended too early, where that was the gateway's doing.
    cut: Option<Cut>,
    /// How the tunnel ended that came of it.
    tunnel: Option<&'static str>,
    /// The beginning of the log line, where there is a log.
    line: Option<String>,
}

impl RequestRecord {
    /// `request`: `None` where its bytes were refused, so that nothing is known of it.
    pub(super) fn begin<B>(
        worker: &Rc<Worker>,
        connection: &Rc<ConnectionState>,
        client: Peer,
        request: Option<&Request<B>>,
    ) -> Box<Self> {
        connection.begin_request();
        let Moment { wall, mono } = worker.now();
        let id = worker.next_request_id(wall);
        let line = worker.has_log().then(|| begin_line(worker, client, request, &id, wall));
        Box::new(Self {
            worker: Rc::clone(worker),
            connection: Rc::clone(connection),
            client,
            id,
            now: wall,
            started: mono,
            method: request.map(|request| request.method().clone()),
            route: None,
            upstream_time: None,
            reason: Reason::Abandoned,
            reject_reason: None,
            status: CLIENT_CLOSED,
            bearer: None,
            secret: None,
            expires: None,
            received: 0,
            sent: 0,
            whole: false,
            cut: None,
            tunnel: None,
            line,
        })
    }

    pub(super) fn connection(&self) -> &ConnectionState {
        &self.connection
    }

    /// The answer ends here, before its end.
    pub(super) fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
    }

    pub(super) fn matched(&mut self, route: RouteIndex) {
        self.route = Some(route);
    }

    pub(super) fn known(&mut self, principal: &Principal) {
        self.bearer = Some((principal.token.id, principal.token.account));
        self.secret = principal.token.number_of(principal.secret);
        let near = self.worker.proxy().near_expiry.as_ref();
        self.expires = near.and_then(|near| near.value(principal, self.now));
    }

    pub(super) fn decided(&mut self, reason: Reason) {
        self.reason = reason;
    }

    pub(super) fn refused(&mut self, reject_reason: &'static str) {
        self.reject_reason = Some(reject_reason);
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// Says in the answer's head when the token expires, if that is near, and lets nobody else say so.
    pub(super) fn tell_expiry(&mut self, headers: &mut HeaderMap) {
        if let Some(near) = &self.worker.proxy().near_expiry {
            near.put(headers, self.expires.take());
        }
    }

    /// The token was refused over a limit.
    pub(super) fn limited(&self, token: TokenId) {
        self.worker.note_limited(token, self.now);
    }

    /// The upstream's response head is here.
    pub(super) fn upstream_answered(&mut self) {
        self.upstream_time = self.line.is_some().then(|| self.worker.elapsed_since(self.started));
    }

    pub(super) fn received(&mut self, bytes: u64) {
        self.received = bytes;
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// The response body was handed over to its end.
    pub(super) fn finished(&mut self) {
        self.whole = true;
    }

    /// What it became has ended, and how.
    pub(super) fn tunnel_ended(&mut self, how: &'static str) {
        self.tunnel = Some(how);
        self.whole = true;
    }

    fn write_line(&self, mut line: String, took: Duration) {
        let route = self.route.map(|RouteIndex(at)| &self.worker.proxy().routes[at]);
        let upstream = route.map_or("", |route| &self.worker.proxy().upstreams[route.upstream].name);
        let decision = if self.reason.allowed() { "allow" } else { "deny" };
        let micros = took.as_micros();
        let written = write!(
            line,
            r#","route":{:?},"upstream":{:?},"status":{},"complete":{},"bytes_in":{},"bytes_out":{},"dur_ms":{}.{:03},"decision":"{}","reason":"{}""#,
            route.map_or("", |route| &route.name),
            upstream,
            self.status,
            self.whole && self.cut.is_none(),
            self.received,
            self.sent,
            micros / 1000,
            micros % 1000,
            decision,
            self.reason.label()
        );
        let upstream_ms = self.upstream_time.map_or(Ok(()), |time| {
            let micros = time.as_micros();
            write!(line, r#","upstream_ms":{}.{:03}"#, micros / 1000, micros % 1000)
        });
        let rejected = self.reject_reason.map_or(Ok(()), |reason| write!(line, r#","reject_reason":"{reason}""#));
        let cut = self.cut.map_or(Ok(()), |cut| write!(line, r#","cut_reason":"{}""#, cut.label()));
        let bearer = self
            .bearer
            .map_or(Ok(()), |(token, account)| write!(line, r#","token_id":"{token}","account":"{account}""#));
        let tunnel = self.tunnel.map_or(Ok(()), |how| write!(line, r#","tunnel":"{how}""#));
        line.push('}');
        // A string takes any text: these cannot fail.
        if written.and(upstream_ms).and(rejected).and(cut).and(bearer).and(tunnel).is_ok() {
            self.worker.log(&line);
        }
    }
}

fn begin_line<B>(
    worker: &Worker,
    client: Peer,
    request: Option<&Request<B>>,
    id: &HeaderValue,
    now: Timestamp,
) -> String {
    let redaction = &worker.proxy().redaction;
    let mut line = String::with_capacity(512);
    let id = id.to_str().unwrap_or_default();
    let begun =
        write!(line, r#"{{"ts":"{now}","request_id":"{id}","listener":"public","client_ip":"{client}","method":""#);
    debug_assert!(begun.is_ok(), "a string takes any text");
    let Some(request) = request else {
        line.push_str("\",\"host\":\"\",\"path\":\"\",\"proto\":\"\",\"user_agent\":\"\"");
        return line;
    };
    redaction.append(&mut line, request.method().as_str());
    line.push_str("\",\"host\":\"");
    let host = request.uri().authority().map(|authority| authority.as_str());
    let host = host.or_else(|| request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok()));
    redaction.append(&mut line, host.unwrap_or_default());
    line.push_str("\",\"path\":\"");
    redaction.append(&mut line, request.uri().path());
    line.push_str(match request.version() {
        Version::HTTP_2 => "\",\"proto\":\"HTTP/2\",\"user_agent\":\"",
        Version::HTTP_10 => "\",\"proto\":\"HTTP/1.0\",\"user_agent\":\"",
        _ => "\",\"proto\":\"HTTP/1.1\",\"user_agent\":\"",
    });
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    redaction.append(&mut line, agent);
    line.push('"');
    line
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        let took = self.worker.elapsed_since(self.started);
        let route = self.route.map(|RouteIndex(at)| at);
        let metrics = self.worker.metrics();
        metrics.request(route, self.method.as_ref(), self.status, took);
        metrics.decision(route, self.reason);
        // A body may break after the answer has begun.
        self.reject_reason = self.reject_reason.or_else(|| self.connection.broken_body().map(Fault::label));
        if let Some(reason) = self.reject_reason {
            metrics.rejected(reason);
        }
        self.cut = self.cut.or_else(|| self.connection.cut());
        if let Some(cut) = self.cut {
            metrics.cut(cut as usize);
            if let (Cut::StreamIdle, Some(route)) = (cut, route) {
                metrics.upstream_error(self.worker.proxy().routes[route].upstream, UpstreamError::Timeout);
            }
        }
        metrics.bytes(self.received, self.sent);
        if let (Some((token, _)), Some(route), true) = (self.bearer, route, self.reason.allowed()) {
            self.worker.note_use(token, self.secret, route, self.client.address(), self.now);
        }
        if let Some(line) = self.line.take() {
            self.write_line(line, took);
        }
        self.connection.end_request(self.whole && self.cut.is_none());
    }
}
