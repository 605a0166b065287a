//! Counters and histograms: counted in cells of one worker each, summed when somebody asks.
//!
//! A cell is an atomic that one thread writes with a plain load and store, so counting costs no lock
//! and no shared cache line. Labels are bounded: route names come from the configuration, and no
//! token, account, path or address is ever one.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::reason::Reason;

/// Upper bounds in seconds of the buckets of request durations (OpenTelemetry's, and finer below).
const DURATIONS: [f64; 16] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "_OTHER"];

/// Statuses that are told apart; any other counts as the first of its class.
const STATUSES: [u16; 40] = [
    100, 101, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406,
    408, 409, 410, 412, 413, 415, 416, 417, 422, 429, 499, 500, 501, 502, 503, 504, 508,
];

/// What a look-up in the hot cache found.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum CacheResult {
    Hit,
    Negative,
    Miss,
}

const CACHE_RESULTS: [&str; 3] = ["hit", "negative", "miss"];

/// What went wrong with an upstream.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub enum UpstreamError {
    Connect,
    Timeout,
    Protocol,
}

const UPSTREAM_ERRORS: [&str; 3] = ["connect", "timeout", "protocol"];

/// One number that one thread counts and any thread may read.
#[derive(Default)]
struct Cell(AtomicU64);

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
#[derive(Debug, Clone)]
pub struct MetricsLayout {
    /// Route names in the order of their indices; requests without a route are counted apart.
    pub routes: Vec<String>,
    pub upstreams: Vec<String>,
}

/// The cells of one worker.
pub struct WorkerMetrics {
    /// route × method × status.
    requests: Box<[Cell]>,
    /// route × bucket, the last one for what is longer than all bounds.
    durations: Box<[Cell]>,
    /// route: nanoseconds.
    duration_sums: Box<[Cell]>,
    /// route × reason.
    decisions: Box<[Cell]>,
    cache: [Cell; CACHE_RESULTS.len()],
    /// upstream × kind.
    upstream_errors: Box<[Cell]>,
    received_bytes: Cell,
    sent_bytes: Cell,
    connections_opened: Cell,
    connections_closed: Cell,
}

const BUCKETS: usize = DURATIONS.len() + 1;

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
            received_bytes: Cell::default(),
            sent_bytes: Cell::default(),
            connections_opened: Cell::default(),
            connections_closed: Cell::default(),
        }
    }

    /// A request is over. `route` counts from 0; `None`: it had none.
    pub fn request(&self, route: Option<usize>, method: &http::Method, status: u16, took: Duration) {
        let route = route.map_or(0, |route| route + 1);
        let method = METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1);
        self.requests[(route * METHODS.len() + method) * STATUSES.len() + status_slot(status)].add(1);
        let seconds = took.as_secs_f64();
        let bucket = DURATIONS.iter().position(|&bound| seconds <= bound).unwrap_or(DURATIONS.len());
        self.durations[route * BUCKETS + bucket].add(1);
        self.duration_sums[route].add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn decision(&self, route: Option<usize>, reason: Reason) {
        self.decisions[route.map_or(0, |route| route + 1) * Reason::ALL.len() + reason as usize].add(1);
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

fn status_slot(status: u16) -> usize {
    STATUSES.binary_search(&status).unwrap_or_else(|_| {
        let class = (status / 100).clamp(1, 5) * 100;
        STATUSES.binary_search(&class).expect("each class's first status is in the list")
    })
}

/// Numbers that are read when somebody asks, not counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct GatewayGauges {
    pub cached_tokens: u64,
    pub cached_unknown: u64,
    pub log_lines_dropped: u64,
    pub ready: bool,
    pub store_writable: bool,
}

/// All cells, and how to print them.
pub struct Metrics {
    layout: MetricsLayout,
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

    fn sum(&self, cell: impl Fn(&WorkerMetrics) -> &Cell) -> u64 {
        self.workers.iter().map(|worker| cell(worker).get()).sum()
    }

    fn routes(&self) -> impl Iterator<Item = (usize, &str)> {
        std::iter::once("none").chain(self.layout.routes.iter().map(String::as_str)).enumerate()
    }
}

struct Snapshot {
    metrics: Arc<Metrics>,
    gauges: GatewayGauges,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.requests(&mut to)?;
        self.durations(&mut to)?;
        self.decisions(&mut to)?;
        self.cache(&mut to)?;
        self.upstreams(&mut to)?;
        self.connections(&mut to)?;
        let mut build = to.encode_descriptor("keygate_build_info", "The version that runs", None, MetricType::Gauge)?;
        ConstGauge::new(1i64).encode(build.encode_family(&vec![("version", env!("CARGO_PKG_VERSION"))])?)
    }
}

impl Snapshot {
    fn requests(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut encoder = to.encode_descriptor(
            "keygate_http_requests",
            "Requests by route, method and status",
            None,
            MetricType::Counter,
        )?;
        let mut code = String::new();
        for (route, name) in self.metrics.routes() {
            for (method, method_name) in METHODS.iter().enumerate() {
                for (slot, status) in STATUSES.iter().enumerate() {
                    let count =
                        self.metrics.sum(|w| &w.requests[(route * METHODS.len() + method) * STATUSES.len() + slot]);
                    if count == 0 {
                        continue;
                    }
                    code.clear();
                    write!(code, "{status}")?;
                    let labels = vec![
                        ("listener", "public"),
                        ("route", name),
                        ("method", *method_name),
                        ("code", code.as_str()),
                    ];
                    ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn durations(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "From a request's head to the end of its response";
        let mut encoder =
            to.encode_descriptor("keygate_http_request_duration", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (route, name) in self.metrics.routes() {
            let counts: Vec<u64> =
                (0..BUCKETS).map(|bucket| self.metrics.sum(|w| &w.durations[route * BUCKETS + bucket])).collect();
            let count: u64 = counts.iter().sum();
            if count == 0 {
                continue;
            }
            let bounds = DURATIONS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
            let sum = Duration::from_nanos(self.metrics.sum(|w| &w.duration_sums[route])).as_secs_f64();
            let labels = vec![("route", name)];
            encoder.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn decisions(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut encoder =
            to.encode_descriptor("keygate_auth_decisions", "Decisions by route and reason", None, MetricType::Counter)?;
        for (route, name) in self.metrics.routes() {
            for reason in Reason::ALL {
                let count = self.metrics.sum(|w| &w.decisions[route * Reason::ALL.len() + reason as usize]);
                if count > 0 {
                    let decision = if reason.allowed() { "allow" } else { "deny" };
                    let labels = vec![("route", name), ("decision", decision), ("reason", reason.label())];
                    ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn cache(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut encoder =
            to.encode_descriptor("keygate_cache_lookups", "Look-ups in the hot cache", None, MetricType::Counter)?;
        for (at, result) in CACHE_RESULTS.into_iter().enumerate() {
            let labels = vec![("cache", "tokens"), ("result", result)];
            ConstCounter::new(self.metrics.sum(|w| &w.cache[at])).encode(encoder.encode_family(&labels)?)?;
        }
        let mut encoder =
            to.encode_descriptor("keygate_cache_entries", "Entries of the hot cache", None, MetricType::Gauge)?;
        for (cache, count) in [("tokens", self.gauges.cached_tokens), ("unknown", self.gauges.cached_unknown)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(encoder.encode_family(&vec![("cache", cache)])?)?;
        }
        Ok(())
    }

    fn upstreams(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut encoder = to.encode_descriptor(
            "keygate_upstream_errors",
            "Failed exchanges with upstreams",
            None,
            MetricType::Counter,
        )?;
        for (upstream, name) in self.metrics.layout.upstreams.iter().enumerate() {
            for (at, kind) in UPSTREAM_ERRORS.into_iter().enumerate() {
                let count = self.metrics.sum(|w| &w.upstream_errors[upstream * UPSTREAM_ERRORS.len() + at]);
                let labels = vec![("upstream", name.as_str()), ("kind", kind)];
                ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn connections(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let (opened, closed) =
            (self.metrics.sum(|w| &w.connections_opened), self.metrics.sum(|w| &w.connections_closed));
        let open = i64::try_from(opened.saturating_sub(closed)).unwrap_or(i64::MAX);
        let counters = [
            ("keygate_connections", "Connections accepted", opened),
            (
                "keygate_http_request_body_bytes",
                "Body bytes received from clients",
                self.metrics.sum(|w| &w.received_bytes),
            ),
            ("keygate_http_response_body_bytes", "Body bytes sent to clients", self.metrics.sum(|w| &w.sent_bytes)),
            (
                "keygate_log_lines_dropped",
                "Access log lines lost because the output was too slow",
                self.gauges.log_lines_dropped,
            ),
        ];
        for (name, help, count) in counters {
            ConstCounter::new(count).encode(to.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        for (name, help, value) in [
            ("keygate_open_connections", "Client connections that are open", open),
            ("keygate_ready", "1 while /readyz says yes", i64::from(self.gauges.ready)),
            ("keygate_store_writable", "1 while the store takes changes", i64::from(self.gauges.store_writable)),
        ] {
            ConstGauge::new(value).encode(to.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_count_is_summed_under_its_labels() {
        let layout = MetricsLayout { routes: vec!["devices".to_owned()], upstreams: vec!["api".to_owned()] };
        let metrics = Arc::new(Metrics::new(layout, 2));
        for worker in 0..2 {
            let cells = metrics.worker(worker);
            cells.request(Some(0), &http::Method::GET, 200, Duration::from_millis(3));
            cells.request(None, &http::Method::GET, 418, Duration::from_millis(3));
            cells.decision(Some(0), Reason::Ok);
            cells.cache_lookup(CacheResult::Hit);
            cells.upstream_error(0, UpstreamError::Connect);
        }
        let text = metrics.render(GatewayGauges { ready: true, store_writable: true, ..GatewayGauges::default() });
        for line in [
            r#"keygate_http_requests_total{listener="public",route="devices",method="GET",code="200"} 2"#,
            r#"keygate_http_requests_total{listener="public",route="none",method="GET",code="400"} 2"#,
            r#"keygate_auth_decisions_total{route="devices",decision="allow",reason="ok"} 2"#,
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
