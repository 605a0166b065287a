//! What is recorded of requests: metrics, access log, last use.
//!
//! Workers count in cells of their own and write to buffers of their own; the control path sums and
//! stores. Nothing here is ever read to decide about a request.

mod access_log;
mod exposition;
mod limited;
mod metrics;
mod reason;
mod tls;
mod usage;
mod webhooks;

pub use access_log::{LogBuffer, LogSink, LogWriter, Redaction, access_log};
pub use limited::{LimitCounts, Limited};
pub use metrics::{CacheResult, GatewayGauges, Metrics, MetricsLayout, UpstreamError, WorkerMetrics};
pub use reason::Reason;
pub use tls::{CertificateGauge, TlsGauge};
pub use usage::{TokenUse, UsageCounts, Way};
pub use webhooks::WebhookGauge;
