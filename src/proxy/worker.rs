//! What one data-path thread has for itself: upstream connections, counters, buffers, deadlines.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};

use super::client::Client;
use super::pipeline;
use super::reply::ReplyBody;
use super::request_id::RequestIds;
use super::routes::Proxy;
use super::upstream::Pool;
use super::via::Via;
use super::websocket::Leases;
use crate::auth::ThreadVerifier;
use crate::model::{self, Moment, Timestamp, TokenId};
use crate::server::{ConnectionHandler, ConnectionState, Sweep};
use crate::telemetry::{LimitCounts, Limited, LogBuffer, Moments, TokenUse, UsageCounts, WorkerMetrics};

/// Ticks between two hand-overs of usage counts: two seconds.
const USAGE_TICKS: u64 = 20;

/// Ticks between two looks at what open tunnels depend on.
const LEASE_TICKS: u64 = 3;

/// Takes the usage counts of a worker to whoever stores them, or gives them back where there is no
/// room at present.
pub type UsageReport = Box<dyn Fn(Vec<(TokenId, TokenUse)>) -> Result<(), Vec<(TokenId, TokenUse)>>>;

/// Takes what a worker refused over limits; what finds no room is not told.
pub type LimitReport = Box<dyn Fn(Vec<(TokenId, Limited)>)>;

/// Where a worker's counts go.
pub struct Reports {
    pub usage: UsageReport,
    pub limited: LimitReport,
}

/// One thread's share of the proxy.
pub struct Worker {
    proxy: Arc<Proxy>,
    verifier: ThreadVerifier,
    pools: Vec<Rc<Pool>>,
    sweep: Rc<Sweep>,
    metrics: Arc<WorkerMetrics>,
    log: RefCell<LogBuffer>,
    moments: RefCell<Moments>,
    usage: RefCell<UsageCounts>,
    limited: RefCell<LimitCounts>,
    reports: Reports,
    ids: RefCell<RequestIds>,
    leases: Rc<Leases>,
    via: Option<Via>,
}

impl Worker {
    pub fn new(
        proxy: Arc<Proxy>,
        sweep: Rc<Sweep>,
        metrics: Arc<WorkerMetrics>,
        log: LogBuffer,
        reports: Reports,
    ) -> Rc<Self> {
        let upstreams = proxy.upstreams.iter().enumerate();
        let pools = upstreams
            .map(|(at, upstream)| Pool::new(Arc::clone(upstream), at, Arc::clone(&metrics), Rc::clone(&sweep)))
            .collect();
        let (log, usage, ids) = (RefCell::new(log), RefCell::default(), RefCell::new(RequestIds::new()));
        let verifier = ThreadVerifier::new(proxy.verifier.clone());
        let via = proxy.forwarding.via.as_deref().map(Via::new);
        Rc::new(Self {
            proxy,
            verifier,
            pools,
            sweep,
            metrics,
            log,
            moments: RefCell::default(),
            usage,
            limited: RefCell::default(),
            reports,
            ids,
            leases: Rc::default(),
            via,
        })
    }

    /// What is due after a tick of the sweep.
    pub fn tick(&self, now: u64) {
        self.log.borrow_mut().hand_over();
        if now.is_multiple_of(USAGE_TICKS) || self.usage.borrow().is_full() {
            self.report_usage();
        }
        if now.is_multiple_of(LEASE_TICKS) {
            self.leases.look(&self.proxy);
        }
        if now.is_multiple_of(10) {
            self.pools.iter().for_each(|pool| pool.expire());
        }
    }

    /// Hands over everything that is still held here. The last call to a worker.
    pub fn finish(&self) {
        self.log.borrow_mut().hand_over();
        self.report_usage();
    }

    fn report_usage(&self) {
        let mut limited = self.limited.borrow_mut();
        if !limited.is_empty() {
            (self.reports.limited)(limited.take());
        }
        let mut usage = self.usage.borrow_mut();
        if usage.is_empty() {
            return;
        }
        if let Err(counts) = (self.reports.usage)(usage.take()) {
            usage.put_back(counts);
        }
    }

    pub(super) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    pub(super) fn verifier(&self) -> &ThreadVerifier {
        &self.verifier
    }

    pub(super) fn pool(&self, upstream: usize) -> &Rc<Pool> {
        &self.pools[upstream]
    }

    pub(super) fn sweep(&self) -> &Rc<Sweep> {
        &self.sweep
    }

    pub(super) fn via(&self) -> Option<&Via> {
        self.via.as_ref()
    }

    pub(super) fn leases(&self) -> &Rc<Leases> {
        &self.leases
    }

    pub(super) fn metrics(&self) -> &WorkerMetrics {
        &self.metrics
    }

    pub(super) fn now(&self) -> Moment {
        self.proxy.clock.now()
    }

    pub(super) fn elapsed_since(&self, since: Instant) -> Duration {
        self.proxy.clock.mono().saturating_duration_since(since)
    }

    pub(super) fn next_request_id(&self, now: Timestamp) -> HeaderValue {
        self.ids.borrow_mut().next(now)
    }

    pub(super) fn has_log(&self) -> bool {
        self.log.borrow().is_on()
    }

    pub(super) fn push_moment(&self, line: &mut String, at: Timestamp) {
        self.moments.borrow_mut().push(line, at);
    }

    pub(super) fn log(&self, line: &str) {
        self.log.borrow_mut().push(line);
    }

    pub(super) fn note_limited(&self, token: TokenId, at: Timestamp) {
        self.limited.borrow_mut().note(token, at);
    }

    /// `peer`: `None` where it has no address.
    pub(super) fn note_use(
        &self,
        token: TokenId,
        secret: Option<u32>,
        route: usize,
        peer: Option<IpAddr>,
        at: Timestamp,
    ) {
        self.usage.borrow_mut().note(token, secret, route, peer.map(model::peer), at);
    }
}

/// Makes the service of each connection of a worker.
pub struct Handler(pub Rc<Worker>);

impl ConnectionHandler for Handler {
    type Body = ReplyBody;

    fn connected(
        &self,
        state: Rc<ConnectionState>,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<ReplyBody>,
        Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        Future: 'static,
    > + 'static {
        let client = Rc::new(Client::new(Rc::clone(&self.0), state));
        service_fn(move |request: Request<Incoming>| {
            let client = Rc::clone(&client);
            let (handed_over, waits) = (client.hand_over(&request), client.connection.head_waits());
            async move {
                drop(waits);
                Ok::<Response<ReplyBody>, Infallible>(match handed_over {
                    Ok(asked) => pipeline::answer(&client, request, asked).await,
                    Err(fault) => pipeline::turn_away(&client, fault),
                })
            }
        })
    }
}
