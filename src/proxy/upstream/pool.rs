//! A worker's connections to one upstream: the last one used is the first to be used again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{HOST, TE, TRANSFER_ENCODING};
use http::response::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use super::connect::{ConnectError, connect};
use super::http1::{ExchangeError, Link};
use super::{HostHeader, Outgoing, UpstreamOptions, http2};
use crate::proxy::bad_request::BadRequest;
use crate::proxy::headers;
use crate::proxy::introduction::Put;
use crate::proxy::reject::Rejection;
use crate::proxy::reply::Content;
use crate::proxy::request_body::{BodyFault, Progress};
use crate::proxy::websocket::{Key, fault_of_switch};
use crate::server::Sweep;
use crate::telemetry::{UpstreamError, WorkerMetrics};

/// The connections of one worker to one upstream. Bounded by the upstream's `max_idle`.
pub(in crate::proxy) struct Pool {
    upstream: Arc<UpstreamOptions>,
    /// Its place in the list, for metrics.
    index: usize,
    metrics: Arc<WorkerMetrics>,
    sweep: Rc<Sweep>,
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Option<http2::Sender>>,
}

struct Idle {
    link: Box<Link>,
    since: u64,
}

/// A response's head, and where its body comes from. But for a 101's, headers that are about the connection to the
/// upstream alone are gone.
pub(in crate::proxy) struct Exchanged {
    pub(in crate::proxy) head: http::response::Parts,
    pub(in crate::proxy) content: Content,
}

/// A way to send one request.
enum Route {
    Http1(Box<Link>),
    Http2(http2::Sender),
}

impl Pool {
    pub(in crate::proxy) fn new(
        upstream: Arc<UpstreamOptions>,
        index: usize,
        metrics: Arc<WorkerMetrics>,
        sweep: Rc<Sweep>,
    ) -> Rc<Self> {
        Rc::new(Self { upstream, index, metrics, sweep, idle: RefCell::default(), shared: RefCell::default() })
    }

    /// Sends the request over a kept connection, or a fresh one, until the response's head.
    ///
    /// A request of which nothing was sent is tried again once, over a fresh connection; one that
    /// may have reached the upstream never is.
    pub(in crate::proxy) async fn exchange(
        self: &Rc<Self>,
        outgoing: &mut Outgoing<'_>,
        progress: &Progress,
    ) -> Result<Exchanged, Rejection> {
        let for_upgrade = outgoing.websocket.is_some();
        if let Some(route) = self.kept(for_upgrade) {
            match self.send(route, outgoing, progress).await {
                Err(ExchangeError::Unsent) => {}
                done => return done.map_err(|error| self.failed(error, progress)),
            }
        }
        // Boxed: connecting is rare, and its state would lie in every request's.
        let route = Box::pin(self.fresh(for_upgrade)).await?;
        progress.connected();
        self.send(route, outgoing, progress).await.map_err(|error| self.failed(error, progress))
    }

    /// Takes a connection back that can carry another request.
    pub(super) fn put(&self, mut link: Box<Link>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.upstream.max_idle {
            link.shrink();
            idle.push(Idle { link, since: self.sweep.now() });
        }
    }

    /// Closes what was idle for too long. The oldest stand first.
    pub(in crate::proxy) fn expire(&self) {
        let ticks = u64::try_from(self.upstream.idle_timeout.as_millis() / Sweep::TICK.as_millis()).unwrap_or(u64::MAX);
        let now = self.sweep.now();
        let mut idle = self.idle.borrow_mut();
        let old = idle.iter().take_while(|entry| entry.since.saturating_add(ticks) < now).count();
        idle.drain(..old);
    }

    fn kept(&self, for_upgrade: bool) -> Option<Route> {
        if let Some(sender) = self.shared.borrow().as_ref().filter(|sender| !for_upgrade && !sender.is_closed()) {
            return Some(Route::Http2(sender.clone()));
        }
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if idle.link.is_silent() {
                return Some(Route::Http1(idle.link));
            }
        }
    }

    async fn fresh(&self, for_upgrade: bool) -> Result<Route, Rejection> {
        let transport = match connect(&self.upstream, for_upgrade).await {
            Ok(transport) => transport,
            Err(error) => {
                tracing::warn!(upstream = self.upstream.name, %error, "no connection to the upstream");
                self.metrics.upstream_error(self.index, UpstreamError::Connect);
                return Err(match error {
                    ConnectError::Timeout(_) => Rejection::UpstreamConnectTimeout,
                    ConnectError::Io(_) | ConnectError::NoHttp2 => Rejection::UpstreamConnect,
                });
            }
        };
        if !transport.http2 {
            return Ok(Route::Http1(Link::new(transport.stream)));
        }
        let sender = http2::open(transport.stream).await.map_err(|error| self.broken(&error))?;
        *self.shared.borrow_mut() = Some(sender.clone());
        Ok(Route::Http2(sender))
    }

    async fn send(
        self: &Rc<Self>,
        route: Route,
        outgoing: &mut Outgoing<'_>,
        progress: &Progress,
    ) -> Result<Exchanged, ExchangeError> {
        match route {
            Route::Http1(link) => {
                outgoing.request.iter_mut().for_each(|request| self.address_http1(request));
                let Outgoing { request, introduction, is_introduced, .. } = &mut *outgoing;
                let introduce = |put: &mut Put<'_>| {
                    if !*is_introduced {
                        introduction.tell(put);
                    }
                };
                let answer = link.exchange(request, &introduce, progress).await?;
                if let Some(fault) = fault(&answer.head, outgoing.websocket.as_ref()) {
                    return Err(ExchangeError::Unlawful(fault));
                }
                if answer.head.status == StatusCode::SWITCHING_PROTOCOLS {
                    let early = ExchangeError::Unlawful("it switches protocols too early");
                    let (head, side) = answer.tunnel().ok_or(early)?;
                    return Ok(Exchanged { head, content: Content::Switched(Some(Box::new(side))) });
                }
                let (head, relay) = answer.relay(Rc::clone(self));
                Ok(Exchanged { head, content: Content::Http1(relay) })
            }
            Route::Http2(sender) => {
                let takes_trailers = outgoing.takes_trailers;
                if let Some(request) = &mut outgoing.request {
                    self.address_http2(request, takes_trailers);
                    if !std::mem::replace(&mut outgoing.is_introduced, true) {
                        let headers = request.headers_mut();
                        outgoing.introduction.tell(&mut |name, value| {
                            headers.append(name, value.clone());
                        });
                    }
                }
                let exchanged = Box::pin(http2::exchange(sender, &mut outgoing.request, progress)).await;
                if matches!(exchanged, Err(ExchangeError::Stalled)) && progress.fault().is_none() {
                    // Perhaps nobody is at the other end any more, which TCP takes many minutes to say. What
                    // else runs over the connection goes on there; later requests get a fresh one.
                    self.shared.take();
                }
                let response: Response<Incoming> = exchanged?;
                if let Some(fault) = fault_of_refusal(response.status(), outgoing.websocket.as_ref()) {
                    return Err(ExchangeError::Unlawful(fault));
                }
                let (mut head, body) = response.into_parts();
                headers::clean_response(&mut head.headers);
                Ok(Exchanged { head, content: Content::Http2(body) })
            }
        }
    }

    /// Origin form, and the host in its header.
    fn address_http1<B>(&self, request: &mut Request<B>) {
        *request.version_mut() = Version::HTTP_11;
        if let Some(authority) = request.uri().authority() {
            // It was addressed for an HTTP/2 connection first, which then could not take it.
            let host = HeaderValue::from_str(authority.as_str()).ok();
            let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
            *request.uri_mut() = Uri::from(path);
            request.headers_mut().remove(TE);
            host.and_then(|host| request.headers_mut().insert(HOST, host));
        }
        if let HostHeader::Fixed(host) = &self.upstream.host_header {
            request.headers_mut().insert(HOST, host.clone());
        } else if !request.headers().contains_key(HOST) {
            // A client of HTTP/1.0 may leave it out, and we may not (RFC 9112 section 3.2).
            HeaderValue::try_from(self.own_host()).ok().and_then(|own| request.headers_mut().insert(HOST, own));
        }
    }

    /// The upstream by its own name.
    fn own_host(&self) -> String {
        let UpstreamOptions { host, port, socket, .. } = &*self.upstream;
        if socket.is_some() {
            return host.clone();
        }
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Scheme and authority in the target, and none of the headers that HTTP/2 forbids.
    fn address_http2<B>(&self, request: &mut Request<B>, takes_trailers: bool) {
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.remove(TRANSFER_ENCODING);
        if takes_trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        let host = headers.remove(HOST);
        let host = match &self.upstream.host_header {
            HostHeader::Fixed(host) => Some(host.clone()),
            HostHeader::Preserve => host,
        };
        // A request that is tried again has its host in the target already.
        let present = || request.uri().authority().map(|authority| authority.as_str().to_owned());
        let host = host.as_ref().and_then(|host| host.to_str().ok()).map(str::to_owned);
        let authority = host.or_else(present).unwrap_or_else(|| self.own_host());
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let scheme = if self.upstream.tls.is_some() { "https" } else { "http" };
        if let Ok(target) = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build() {
            *request.uri_mut() = target;
        }
    }

    fn failed(&self, error: ExchangeError, progress: &Progress) -> Rejection {
        let (kind, rejection) = match (error, progress.fault()) {
            // The fault was the client's, and the upstream's connection was closed because of it.
            (_, Some(BodyFault::TooLarge { limit })) => return Rejection::BodyTooLarge { limit },
            (_, Some(BodyFault::Client)) => return Rejection::ClientBody,
            (_, Some(BodyFault::Trailer)) => return Rejection::Bad(BadRequest::Trailer),
            (_, Some(BodyFault::Late)) => return Rejection::ClientLate,
            (ExchangeError::Stalled, None) => (UpstreamError::Timeout, Rejection::UpstreamTimeout),
            (ExchangeError::Unsent, None) => (UpstreamError::Connect, Rejection::UpstreamConnect),
            (ExchangeError::Broken(error), None) => return self.broken(&*error),
            (ExchangeError::Unlawful(fault), None) => {
                tracing::warn!(upstream = self.upstream.name, fault, "the upstream's answer cannot be passed on");
                (UpstreamError::Protocol, Rejection::UpstreamProtocol)
            }
        };
        self.metrics.upstream_error(self.index, kind);
        rejection
    }

    fn broken(&self, error: &dyn std::error::Error) -> Rejection {
        tracing::warn!(upstream = self.upstream.name, %error, "an exchange with the upstream failed");
        self.metrics.upstream_error(self.index, UpstreamError::Protocol);
        Rejection::UpstreamProtocol
    }
}

/// Over HTTP/2, a client that asked for a WebSocket takes any success for one (RFC 8441 section 5).
fn fault_of_refusal(status: StatusCode, websocket: Option<&Key>) -> Option<&'static str> {
    let is_taken_for_one = status.is_success() && websocket.is_some_and(Key::is_ours);
    is_taken_for_one.then_some("it answers the request for a WebSocket without switching")
}

/// What a client must not see of a response: what follows a 101 would be no HTTP of ours, so it must be what was asked
/// for.
fn fault(head: &Parts, websocket: Option<&Key>) -> Option<&'static str> {
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return websocket.map_or(Some("it switches protocols unasked"), |key| fault_of_switch(&head.headers, key));
    }
    fault_of_refusal(head.status, websocket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proxy::upstream::UpstreamVersion;
    use crate::telemetry::{Metrics, MetricsLayout};

    fn pool() -> Rc<Pool> {
        let upstream = UpstreamOptions {
            name: "api".to_owned(),
            host: "10.0.0.1".to_owned(),
            port: 8080,
            socket: None,
            tls: None,
            version: UpstreamVersion::Http2,
            host_header: HostHeader::Preserve,
            connect_timeout: Duration::from_secs(1),
            max_idle: 1,
            idle_timeout: Duration::from_secs(1),
        };
        let metrics = Metrics::new(MetricsLayout { upstreams: vec!["api".to_owned()], ..MetricsLayout::default() }, 1);
        Pool::new(Arc::new(upstream), 0, metrics.worker(0), Sweep::new())
    }

    #[test]
    fn a_request_that_is_tried_again_over_http2_keeps_its_host() {
        let pool = pool();
        let mut request = Request::builder().uri("/x?y=1").header(HOST, "a.example").body(()).expect("a request");
        for _ in 0..2 {
            pool.address_http2(&mut request, false);
            assert_eq!(request.uri(), "http://a.example/x?y=1");
        }
    }

    #[test]
    fn a_request_without_a_host_is_sent_with_the_upstreams_own() {
        let pool = pool();
        let request = || Request::builder().uri("/x").version(Version::HTTP_10).body(()).expect("a request");
        let (mut one, mut two) = (request(), request());
        pool.address_http1(&mut one);
        assert_eq!(
            (one.version(), &one.headers()[HOST]),
            (Version::HTTP_11, &HeaderValue::from_static("10.0.0.1:8080"))
        );
        pool.address_http2(&mut two, false);
        assert_eq!(two.uri(), "http://10.0.0.1:8080/x");
    }
}
