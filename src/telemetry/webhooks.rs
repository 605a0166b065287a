//! What webhooks have delivered, and what waits. Labelled by the names of the configuration alone.

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// One webhook, when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct WebhookGauge {
    pub name: String,
    pub pending: usize,
    pub dead: usize,
    pub delivered: u64,
    pub failed: u64,
    pub dropped: u64,
}

type Count = (&'static str, &'static str, fn(&WebhookGauge) -> u64);

const COUNTERS: [Count; 3] = [
    ("keygate_webhook_deliveries", "Messages that webhooks took", |webhook| webhook.delivered),
    ("keygate_webhook_failures", "Attempts to deliver that failed", |webhook| webhook.failed),
    ("keygate_webhook_dropped", "Dead letters that made room for newer ones", |webhook| webhook.dropped),
];

const GAUGES: [Count; 2] = [
    ("keygate_webhook_pending", "Messages that wait", |webhook| webhook.pending as u64),
    ("keygate_webhook_dead_letters", "Messages that could not be delivered", |webhook| webhook.dead as u64),
];

pub(super) fn encode(webhooks: &[WebhookGauge], to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
    if webhooks.is_empty() {
        return Ok(());
    }
    for (name, help, count) in COUNTERS {
        let mut encoder = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for webhook in webhooks {
            let labels = vec![("webhook", webhook.name.as_str())];
            ConstCounter::new(count(webhook)).encode(encoder.encode_family(&labels)?)?;
        }
    }
    for (name, help, count) in GAUGES {
        let mut encoder = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for webhook in webhooks {
            let labels = vec![("webhook", webhook.name.as_str())];
            let count = i64::try_from(count(webhook)).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(encoder.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
