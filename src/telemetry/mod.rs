//! What is recorded of requests: metrics, access log, last use.
//!
//! Workers count in cells of their own and write to buffers of their own; the control path sums and
//! stores. Nothing here is ever read to decide about a request.

mod access_log;
mod exposition;
mod limited;
mod log_line;
mod metrics;
mod reason;
mod redaction;
mod tls;
mod usage;
mod webhooks;

pub use access_log::{LogBuffer, LogSink, LogWriter, access_log};
pub use limited::{LimitCounts, Limited};
pub use log_line::{Moments, push_client, push_millis, push_number};
pub use metrics::{CacheResult, GatewayGauges, Metrics, MetricsLayout, UpstreamError, WorkerMetrics};
pub use reason::Reason;
pub use redaction::Redaction;
pub use tls::{CertificateGauge, TlsGauge};
pub use usage::{TokenUse, UsageCounts, Way};
pub use webhooks::WebhookGauge;
