//! Counters and histograms: counted in cells of one worker each, summed when somebody asks.
//!
//! A cell is an atomic that one thread writes with a plain load and store, so counting costs no lock
//! and no shared cache line. Labels are bounded: route names come from the configuration, and no
//! token, account, path or address is ever one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;

use super::exposition::Snapshot;
use super::reason::Reason;
use super::tls::TlsGauge;
use super::webhooks::WebhookGauge;

/// Upper bounds in seconds of the buckets of request durations (OpenTelemetry's, and finer below).
pub(super) const DURATIONS: [f64; 16] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub(super) const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "_OTHER"];

/// Statuses that are told apart; any other counts as the first of its class.
pub(super) const STATUSES: [u16; 43] = [
    100, 101, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406,
    408, 409, 410, 412, 413, 414, 415, 416, 417, 421, 422, 429, 431, 499, 500, 501, 502, 503, 504, 508,
];

/// What a look-up in the hot cache found.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum CacheResult {
    Hit,
    Negative,
    Miss,
}

pub(super) const CACHE_RESULTS: [&str; 3] = ["hit", "negative", "miss"];

/// What went wrong with an upstream.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum UpstreamError {
    Connect,
    Timeout,
    Protocol,
}

pub(super) const UPSTREAM_ERRORS: [&str; 3] = ["connect", "timeout", "protocol"];

/// One number that one thread counts and any thread may read.
#[derive(Default)]
pub(super) struct Cell(AtomicU64);

impl Cell {
    fn add(&self, by: u64) {
        // A load and a store, not a locked addition: no other thread writes this cell.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn cells(count: usize) -> Box<[Cell]> {
    std::iter::repeat_with(Cell::default).take(count).collect()
}

/// The names behind the indices.
#[derive(Debug, Clone, Default)]
pub struct MetricsLayout {
    /// Route names in the order of their indices; requests without a route are counted apart.
    pub routes: Vec<String>,
    pub upstreams: Vec<String>,
    /// Why a request has no single reading.
    pub reject_reasons: Vec<&'static str>,
    /// Why an answer ends too early.
    pub cut_reasons: Vec<&'static str>,
    /// Why a connection is not served.
    pub refused_reasons: Vec<&'static str>,
}

/// The cells of one worker.
pub struct WorkerMetrics {
    /// route × method × status.
    pub(super) requests: Box<[Cell]>,
    /// route × bucket, the last one for what is longer than all bounds.
    pub(super) durations: Box<[Cell]>,
    /// route: nanoseconds.
    pub(super) duration_sums: Box<[Cell]>,
    /// route × reason.
    pub(super) decisions: Box<[Cell]>,
    pub(super) cache: [Cell; CACHE_RESULTS.len()],
    /// upstream × kind.
    pub(super) upstream_errors: Box<[Cell]>,
    /// The words, and how often each was the reason.
    reject_reasons: Vec<&'static str>,
    pub(super) rejected: Box<[Cell]>,
    pub(super) cut: Box<[Cell]>,
    pub(super) refused: Box<[Cell]>,
    pub(super) received_bytes: Cell,
    pub(super) sent_bytes: Cell,
    pub(super) connections_opened: Cell,
    pub(super) connections_closed: Cell,
    pub(super) tunnels_opened: Cell,
    pub(super) tunnels_closed: Cell,
}

pub(super) const BUCKETS: usize = DURATIONS.len() + 1;

impl WorkerMetrics {
    fn new(layout: &MetricsLayout) -> Self {
        let routes = layout.routes.len() + 1;
        Self {
            requests: cells(routes * METHODS.len() * STATUSES.len()),
            durations: cells(routes * BUCKETS),
            duration_sums: cells(routes),
            decisions: cells(routes * Reason::ALL.len()),
            cache: Default::default(),
            upstream_errors: cells(layout.upstreams.len() * UPSTREAM_ERRORS.len()),
            reject_reasons: layout.reject_reasons.clone(),
            rejected: cells(layout.reject_reasons.len()),
            cut: cells(layout.cut_reasons.len()),
            refused: cells(layout.refused_reasons.len()),
            received_bytes: Cell::default(),
            sent_bytes: Cell::default(),
            connections_opened: Cell::default(),
            connections_closed: Cell::default(),
            tunnels_opened: Cell::default(),
            tunnels_closed: Cell::default(),
        }
    }

    /// A request is over. `route` counts from 0; `None`: it had none. `method`: `None` where it is not known.
    pub fn request(&self, route: Option<usize>, method: Option<&http::Method>, status: u16, took: Duration) {
        let route = route.map_or(0, |route| route + 1);
        let method = method.and_then(|method| METHODS.iter().position(|name| *name == method.as_str()));
        let method = method.unwrap_or(METHODS.len() - 1);
        self.requests[(route * METHODS.len() + method) * STATUSES.len() + status_slot(status)].add(1);
        let seconds = took.as_secs_f64();
        let bucket = DURATIONS.iter().position(|&bound| seconds <= bound).unwrap_or(DURATIONS.len());
        self.durations[route * BUCKETS + bucket].add(1);
        self.duration_sums[route].add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn decision(&self, route: Option<usize>, reason: Reason) {
        self.decisions[route.map_or(0, |route| route + 1) * Reason::ALL.len() + reason as usize].add(1);
    }

    /// A request had no single reading. Rare, so that its word may be looked for.
    pub fn rejected(&self, reason: &str) {
        if let Some(at) = self.reject_reasons.iter().position(|have| *have == reason) {
            self.rejected[at].add(1);
        }
    }

    /// An answer ended too early, for the reason at this place of the layout.
    pub fn cut(&self, reason: usize) {
        self.cut.get(reason).into_iter().for_each(|cell| cell.add(1));
    }

    pub fn cache_lookup(&self, result: CacheResult) {
        self.cache[result as usize].add(1);
    }

    pub fn upstream_error(&self, upstream: usize, kind: UpstreamError) {
        self.upstream_errors[upstream * UPSTREAM_ERRORS.len() + kind as usize].add(1);
    }

    pub fn bytes(&self, received: u64, sent: u64) {
        self.received_bytes.add(received);
        self.sent_bytes.add(sent);
    }

    pub fn connection_opened(&self) {
        self.connections_opened.add(1);
    }

    pub fn connection_closed(&self) {
        self.connections_closed.add(1);
    }
}

impl WorkerMetrics {
    /// A connection ended before it was served, for the reason at this place of the layout.
    pub fn connection_refused(&self, reason: usize) {
        self.refused.get(reason).into_iter().for_each(|cell| cell.add(1));
    }

    /// A WebSocket is open.
    pub fn tunnel_opened(&self) {
        self.tunnels_opened.add(1);
    }

    pub fn tunnel_closed(&self) {
        self.tunnels_closed.add(1);
    }
}

fn status_slot(status: u16) -> usize {
    STATUSES.binary_search(&status).unwrap_or_else(|_| {
        let class = (status / 100).clamp(1, 5) * 100;
        STATUSES.binary_search(&class).expect("each class's first status is in the list")
    })
}

/// Numbers that are read when somebody asks, not counted.
#[derive(Debug, Clone, Default)]
pub struct GatewayGauges {
    pub cached_tokens: u64,
    pub cached_unknown: u64,
    pub log_lines_dropped: u64,
    pub ready: bool,
    pub store_writable: bool,
    pub webhooks: Vec<WebhookGauge>,
    pub tls: Vec<TlsGauge>,
}

/// All cells, and how to print them.
pub struct Metrics {
    pub(super) layout: MetricsLayout,
    workers: Vec<Arc<WorkerMetrics>>,
}

impl Metrics {
    pub fn new(layout: MetricsLayout, workers: usize) -> Self {
        let workers = (0..workers).map(|_| Arc::new(WorkerMetrics::new(&layout))).collect();
        Self { layout, workers }
    }

    pub fn worker(&self, index: usize) -> Arc<WorkerMetrics> {
        Arc::clone(&self.workers[index])
    }

    /// The exposition in OpenMetrics text.
    pub fn render(self: &Arc<Self>, gauges: GatewayGauges) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Snapshot { metrics: Arc::clone(self), gauges }));
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
            tracing::error!("the metrics could not be encoded");
        }
        text
    }

    pub(super) fn sum(&self, cell: impl Fn(&WorkerMetrics) -> &Cell) -> u64 {
        self.workers.iter().map(|worker| cell(worker).get()).sum()
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = (usize, &str)> {
        std::iter::once("none").chain(self.layout.routes.iter().map(String::as_str)).enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_count_is_summed_under_its_labels() {
        let (routes, upstreams) = (vec!["devices".to_owned()], vec!["api".to_owned()]);
        let layout = MetricsLayout {
            routes,
            upstreams,
            reject_reasons: vec!["one", "other"],
            cut_reasons: vec!["slow"],
            refused_reasons: vec!["many"],
        };
        let metrics = Arc::new(Metrics::new(layout, 2));
        for worker in 0..2 {
            let cells = metrics.worker(worker);
            cells.request(Some(0), Some(&http::Method::GET), 200, Duration::from_millis(3));
            cells.request(None, Some(&http::Method::GET), 418, Duration::from_millis(3));
            cells.rejected("other");
            cells.cut(0);
            cells.connection_refused(0);
            cells.decision(Some(0), Reason::Ok);
            cells.cache_lookup(CacheResult::Hit);
            cells.upstream_error(0, UpstreamError::Connect);
        }
        let text = metrics.render(GatewayGauges { ready: true, store_writable: true, ..GatewayGauges::default() });
        for line in [
            r#"keygate_http_requests_total{listener="public",route="devices",method="GET",code="200"} 2"#,
            r#"keygate_http_requests_total{listener="public",route="none",method="GET",code="400"} 2"#,
            r#"keygate_auth_decisions_total{route="devices",decision="allow",reason="ok"} 2"#,
            r#"keygate_rejected_requests_total{reject_reason="other"} 2"#,
            r#"keygate_refused_connections_total{reason="many"} 2"#,
            r#"keygate_cut_requests_total{cut_reason="slow"} 2"#,
            r#"keygate_cache_lookups_total{cache="tokens",result="hit"} 2"#,
            r#"keygate_upstream_errors_total{upstream="api",kind="connect"} 2"#,
            r#"keygate_http_request_duration_seconds_bucket{le="0.005",route="devices"} 2"#,
            r#"keygate_http_request_duration_seconds_bucket{le="+Inf",route="devices"} 2"#,
            r#"keygate_http_request_duration_seconds_count{route="devices"} 2"#,
            "keygate_ready 1",
            "keygate_store_writable 1",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\nis not in\n{text}");
        }
    }
}
