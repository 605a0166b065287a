//! The counters as text: every cell of every worker, summed and named.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::metrics::{BUCKETS, CACHE_RESULTS, DURATIONS, GatewayGauges, METHODS, Metrics, STATUSES, UPSTREAM_ERRORS};
use super::reason::Reason;
use super::{tls, webhooks};

/// What is printed: the cells as they are then, and what was read beside them.
pub(super) struct Snapshot {
    pub(super) metrics: Arc<Metrics>,
    pub(super) gauges: GatewayGauges,
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
        self.rejected(&mut to)?;
        self.cut(&mut to)?;
        self.cache(&mut to)?;
        self.upstreams(&mut to)?;
        self.connections(&mut to)?;
        webhooks::encode(&self.gauges.webhooks, &mut to)?;
        tls::encode(&self.gauges.tls, &mut to)?;
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

    fn rejected(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Requests that could be read in two ways, by what was wrong";
        let mut encoder = to.encode_descriptor("keygate_rejected_requests", help, None, MetricType::Counter)?;
        for (at, reason) in self.metrics.layout.reject_reasons.iter().enumerate() {
            let count = self.metrics.sum(|w| &w.rejected[at]);
            if count > 0 {
                ConstCounter::new(count).encode(encoder.encode_family(&vec![("reject_reason", *reason)])?)?;
            }
        }
        Ok(())
    }

    fn cut(&self, to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Requests that were ended before their answer was";
        let mut encoder = to.encode_descriptor("keygate_cut_requests", help, None, MetricType::Counter)?;
        for (at, reason) in self.metrics.layout.cut_reasons.iter().enumerate() {
            let count = self.metrics.sum(|w| &w.cut[at]);
            if count > 0 {
                ConstCounter::new(count).encode(encoder.encode_family(&vec![("cut_reason", *reason)])?)?;
            }
        }
        let help = "Connections that ended before they were served";
        let mut encoder = to.encode_descriptor("keygate_refused_connections", help, None, MetricType::Counter)?;
        for (at, reason) in self.metrics.layout.refused_reasons.iter().enumerate() {
            let count = self.metrics.sum(|w| &w.refused[at]);
            if count > 0 {
                ConstCounter::new(count).encode(encoder.encode_family(&vec![("reason", *reason)])?)?;
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
        let (tunnels, over) = (self.metrics.sum(|w| &w.tunnels_opened), self.metrics.sum(|w| &w.tunnels_closed));
        let open_tunnels = i64::try_from(tunnels.saturating_sub(over)).unwrap_or(i64::MAX);
        let counters = [
            ("keygate_connections", "Connections accepted", opened),
            ("keygate_tunnels", "WebSockets opened", tunnels),
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
            ("keygate_open_tunnels", "WebSockets that are open", open_tunnels),
            ("keygate_ready", "1 while /readyz says yes", i64::from(self.gauges.ready)),
            ("keygate_store_writable", "1 while the store takes changes", i64::from(self.gauges.store_writable)),
        ] {
            ConstGauge::new(value).encode(to.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        Ok(())
    }
}
