//! What is noted of one request. Observes and never decides; emits when it is dropped, so that a
//! client who vanished leaves its line too.

use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};

use super::worker::Worker;
use crate::auth::Principal;
use crate::model::{Moment, Timestamp, TokenId};
use crate::route::RouteIndex;
use crate::server::{ConnectionState, Cut, Fault, Peer};
use crate::telemetry::{Reason, UpstreamError, push_client, push_millis, push_number};

/// nginx's word for a request whose client went away before an answer.
const CLIENT_CLOSED: u16 = 499;

/// Bytes of an ordinary log line.
const ROOM: usize = 768;

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
    token: Option<TokenId>,
    /// Whose request it is, where there is a log.
    bearer: Option<Arc<Principal>>,
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
            token: None,
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

    pub(super) fn known(&mut self, principal: &Arc<Principal>) {
        self.token = Some(principal.token.id);
        self.bearer = self.line.is_some().then(|| Arc::clone(principal));
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
        line.push_str(",\"route\":\"");
        line.push_str(route.map_or("", |route| &route.name));
        line.push_str("\",\"upstream\":\"");
        line.push_str(upstream);
        line.push_str("\",\"status\":");
        push_number(&mut line, self.status.into());
        let whole = self.whole && self.cut.is_none();
        line.push_str(if whole { ",\"complete\":true,\"bytes_in\":" } else { ",\"complete\":false,\"bytes_in\":" });
        push_number(&mut line, self.received);
        line.push_str(",\"bytes_out\":");
        push_number(&mut line, self.sent);
        line.push_str(",\"dur_ms\":");
        push_millis(&mut line, took);
        line.push_str(if self.reason.allowed() { ",\"decision\":\"allow\"" } else { ",\"decision\":\"deny\"" });
        line.push_str(",\"reason\":\"");
        line.push_str(self.reason.label());
        line.push('"');
        if let Some(time) = self.upstream_time {
            line.push_str(",\"upstream_ms\":");
            push_millis(&mut line, time);
        }
        let rejected = self.reject_reason.map_or(Ok(()), |reason| write!(line, r#","reject_reason":"{reason}""#));
        let cut = self.cut.map_or(Ok(()), |cut| write!(line, r#","cut_reason":"{}""#, cut.label()));
        if let Some(bearer) = &self.bearer {
            line.push_str(",\"token_id\":\"");
            line.push_str(bearer.identity.token.to_str().unwrap_or_default());
            line.push_str("\",\"account\":\"");
            line.push_str(bearer.identity.account.to_str().unwrap_or_default());
            line.push('"');
        }
        let tunnel = self.tunnel.map_or(Ok(()), |how| write!(line, r#","tunnel":"{how}""#));
        line.push('}');
        // A string takes any text: these cannot fail.
        if rejected.and(cut).and(tunnel).is_ok() {
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
    let mut line = String::with_capacity(ROOM);
    line.push_str("{\"ts\":\"");
    worker.push_moment(&mut line, now);
    line.push_str("\",\"request_id\":\"");
    line.push_str(id.to_str().unwrap_or_default());
    line.push_str("\",\"listener\":\"public\",\"client_ip\":\"");
    push_client(&mut line, client.address());
    line.push_str("\",\"method\":\"");
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
        if let (Some(token), Some(route), true) = (self.token, route, self.reason.allowed()) {
            self.worker.note_use(token, self.secret, route, self.client.address(), self.now);
        }
        if let Some(line) = self.line.take() {
            self.write_line(line, took);
        }
        self.connection.end_request(self.whole && self.cut.is_none());
    }
}
