//! Serving the management API: an ordinary listener on the control runtime.

mod calls;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use http::header::HOST;
use http::uri::Authority;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::calls::Calls;
use super::error::StartError;
use super::parts;
use super::readiness::Ready;
use crate::admin::{self, AdminLimits, AdminState, Hosts, Misdirected, Peer};
use crate::audit::Audit;
use crate::auth::{Accounts, Lifecycle, LoginGuard, Passwords, Users, Verifier};
use crate::config::Settings;
use crate::event::Webhooks;
use crate::leak::Leaks;
use crate::model::Policies;
use crate::proxy::Proxy;
use crate::server::{
    self, Announced, Bound, Duplex, Gauge, Grant, Handshake, Listener, Plain, ProxyProtocol, Socket, Tls,
    TrustedHeader, TrustedProxies,
};
use crate::store::Backups;

/// For a TLS handshake, and for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// After this long, who has not called is forgotten.
const PRUNE: Duration = Duration::from_secs(10);
/// Connections at a time: people and scripts, not the world.
const MAX_CONNECTIONS: usize = 1_024;
/// What waits of a call or of its answer for the other side to go on.
const BUFFER: usize = 64 * 1024;

pub(super) struct AdminOptions<'a> {
    pub(super) runtime: &'a Handle,
    pub(super) listener: Bound,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) trust: Trust,
    pub(super) state: AdminState,
    /// For how long a client of HTTP/2 may ask nothing.
    pub(super) idle_timeout: Duration,
    /// How long a client may take nothing of an answer.
    pub(super) stall: Grant,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Whose word is taken for where calls come from.
pub(super) struct Trust {
    pub(super) proxies: Arc<TrustedProxies>,
    pub(super) header: TrustedHeader,
    pub(super) protocol: ProxyProtocol,
}

impl Trust {
    pub(super) fn of(settings: &Settings, proxies: Arc<TrustedProxies>) -> Self {
        let (header, protocol) = (parts::trusted_header(settings), parts::proxy_protocol(&settings.admin));
        Self { proxies, header, protocol }
    }

    fn source<B>(&self, request: &Request<B>, peer: server::Peer) -> Peer {
        let told = self.proxies.provenance(self.header, request.headers(), peer);
        Peer::new(told.map_or(peer, |told| told.client).address())
    }
}

/// What all connections are served with.
struct Door {
    tls: Option<Arc<Tls>>,
    trust: Trust,
    router: Router,
    idle_timeout: Duration,
    stall: Grant,
}

/// The running listener.
pub(super) struct AdminServer {
    task: JoinHandle<()>,
}

/// What the gateway's other parts lend the management API.
pub(super) struct Parts<'a> {
    pub(super) lifecycle: &'a Lifecycle,
    pub(super) verifier: &'a Verifier,
    pub(super) accounts: &'a Accounts,
    pub(super) users: &'a Users,
    pub(super) passwords: Passwords,
    pub(super) login_guard: Arc<LoginGuard>,
    pub(super) backups: Backups,
    pub(super) audit: Audit,
    pub(super) proxy: &'a Arc<Proxy>,
    pub(super) policies: Arc<Policies>,
    pub(super) webhooks: Webhooks,
    pub(super) leaks: Leaks,
}

/// What the management API works on.
pub(super) fn state(
    settings: &Settings,
    proxy_url: &str,
    parts: Parts<'_>,
    ready: Ready,
    metrics: impl Fn() -> String + Send + Sync + 'static,
) -> AdminState {
    let Parts {
        lifecycle,
        verifier,
        accounts,
        users,
        passwords,
        login_guard,
        backups,
        audit,
        proxy,
        policies,
        webhooks,
        leaks,
    } = parts;
    let proxy = Arc::clone(proxy);
    let example = settings.routes.iter().find(|route| !route.public);
    AdminState {
        lifecycle: lifecycle.clone(),
        verifier: verifier.clone(),
        accounts: accounts.clone(),
        users: users.clone(),
        passwords,
        login_guard,
        limits: Arc::new(AdminLimits::new(settings.management.rate_limit, settings.management.address_rate_limit)),
        backups,
        audit,
        policies,
        webhooks,
        leaks,
        near_expiry: parts::near_expiry(&settings.tokens),
        proxy_url: proxy_url.to_owned(),
        example_path: example.map_or_else(|| "/".to_owned(), |route| example_path(&route.path)),
        leads: Arc::new(move |host, path, method| proxy.leads(host, path, method)),
        // Under TLS, a browser has seen to it that the name is the certificate's.
        hosts: if settings.admin.tls.is_some() { Hosts::any() } else { Hosts::named(&settings.admin_hosts) },
        realm: settings.server.realm.clone(),
        ready,
        metrics: Arc::new(metrics),
    }
}

/// A path that the pattern matches: the fixed beginning, and `1` for each parameter.
fn example_path(pattern: &str) -> String {
    let segments = pattern.split('/').map(|segment| match segment.find('{') {
        Some(at) if segment[at..].starts_with("{*") => &segment[..at],
        Some(_) => "1",
        None => segment,
    });
    let path = segments.collect::<Vec<_>>().join("/");
    if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path }
}

impl AdminServer {
    pub(super) fn start(options: AdminOptions<'_>) -> Result<Self, StartError> {
        let AdminOptions { runtime, listener, tls, trust, state, idle_timeout, stall, stopped } = options;
        let thread_error = |error| StartError::Thread("the management listener", error);
        let _inside = runtime.enter();
        let listener = listener.listen().map_err(thread_error)?;
        let limits = Arc::clone(&state.limits);
        let door = Door { tls, trust, router: admin::router(state), idle_timeout, stall };
        let task = runtime.spawn(serve(listener, Arc::new(door), limits, stopped));
        Ok(Self { task })
    }

    /// Waits for requests in flight to be answered, at most so long.
    pub(super) async fn stopped(self, at_most: Duration) {
        let abort = self.task.abort_handle();
        if tokio::time::timeout(at_most, self.task).await.is_err() {
            abort.abort();
        }
    }
}

async fn serve(listener: Listener, door: Arc<Door>, limits: Arc<AdminLimits>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut pruning = tokio::time::interval(PRUNE);
    loop {
        tokio::select! {
            biased;
            () = stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            _ = pruning.tick() => limits.prune(),
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, address)) => {
                    connections.spawn(serve_one(stream, address, Arc::clone(&door), stopped.clone()));
                }
                Err(error) => {
                    tracing::error!(%error, "a management connection cannot be accepted; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_one(stream: Plain, peer: server::Peer, door: Arc<Door>, mut stopped: watch::Receiver<bool>) {
    let gauge = Arc::default();
    let established = tokio::time::timeout(HEAD_TIMEOUT, establish(stream, peer, &gauge, &door));
    let Ok(Ok((stream, peer, handshake))) = established.await else { return };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(100).max_buf_size(BUFFER);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(64).max_send_buf_size(BUFFER);
    let (calls, service) = (Calls::new(door.stall), TowerToHyperService::new(door.router.clone()));
    let service = service_fn(|mut request| {
        let call = calls.begin(request.version());
        door.trust.source(&request, peer).note(&mut request);
        if handshake.as_ref().is_some_and(|handshake| handshake.admits(&host_of(&request)).is_err()) {
            request.extensions_mut().insert(Misdirected);
        }
        let answer = service.call(request);
        async move { answer.await.map(|answer| answer.map(|body| call.answer(body))) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is its client's affair: requests have their own answers.
    tokio::select! {
        ended = connection.as_mut() => drop(ended),
        // Nothing was asked: there is nothing to end in order.
        () = calls.none() => {}
        () = calls.idle(door.idle_timeout) => {
            connection.as_mut().graceful_shutdown();
            if tokio::time::timeout(HEAD_TIMEOUT, connection).await.is_err() {
                // There is something that is not taken, and nobody is to take what was for a whole.
                gauge.close_by_reset();
            }
        }
        () = calls.stalled(&gauge) => {
            tracing::warn!(target: "keygate::admin", "a management client does not take its answer, and is cut off");
            gauge.close_by_reset();
        }
        () = stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}

/// Until the gateway is to stop; its being gone is a reason to stop too.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// The one host of a request without its port; empty where it names none, or several.
fn host_of<B>(request: &Request<B>) -> String {
    let mut lines = request.headers().get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (line, None) => line.and_then(|line| line.to_str().ok()).and_then(|line| line.parse::<Authority>().ok()),
        (_, Some(_)) => return String::new(),
    };
    match (request.uri().authority(), line.as_ref()) {
        (Some(target), Some(line)) if target != line => String::new(),
        (Some(authority), _) | (None, Some(authority)) => {
            let host = authority.host();
            host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
        }
        (None, None) => String::new(),
    }
}

/// The stream, who is at its other end, and the handshake where clients are asked for certificates.
async fn establish(
    mut stream: Plain,
    peer: server::Peer,
    gauge: &Arc<Gauge>,
    door: &Door,
) -> io::Result<(Box<dyn Duplex>, server::Peer, Option<Handshake>)> {
    let Announced { client, first } = door.trust.protocol.receive(&mut stream, peer, &door.trust.proxies).await?;
    let stream = Socket::new(stream, Arc::clone(gauge));
    let stream: Box<dyn Duplex> = match &door.tls {
        None if first.is_empty() => Box::new(stream),
        None => {
            let (read, write) = tokio::io::split(stream);
            Box::new(tokio::io::join(io::Cursor::new(first).chain(read), write))
        }
        // No handshake begins like a header of that protocol.
        Some(_) if !first.is_empty() => return Err(io::ErrorKind::InvalidData.into()),
        Some(tls) => {
            let (stream, handshake) = tls.accept(stream).await?;
            return Ok((Box::new(stream), client, handshake));
        }
    };
    Ok((stream, client, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_path_is_one_that_the_pattern_matches() {
        for (pattern, path) in
            [("/v1/devices/{*rest}", "/v1/devices"), ("/v1/{id}/x", "/v1/1/x"), ("/{*rest}", "/"), ("/", "/")]
        {
            assert_eq!(example_path(pattern), path);
        }
    }
}
