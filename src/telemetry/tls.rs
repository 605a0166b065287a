//! Certificates and their reloads. Labelled by what the configuration names, and by the hosts of certificates.

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// The TLS files of one listener or upstream, when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct TlsGauge {
    /// `("listener", "public")`, or `("upstream", …)`.
    pub of: (&'static str, String),
    pub reloaded: u64,
    pub failed: u64,
    /// Whether what is in the files is what is in use.
    pub current: bool,
    pub certificates: Vec<CertificateGauge>,
}

/// A certificate that is shown.
#[derive(Debug, Clone, Default)]
pub struct CertificateGauge {
    /// The first host that it is for; empty where it names none.
    pub sni: String,
    /// In seconds since 1970.
    pub not_after: i64,
}

fn label(one: &TlsGauge) -> (&'static str, &str) {
    (one.of.0, one.of.1.as_str())
}

pub(super) fn encode(all: &[TlsGauge], to: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    let help = "TLS files that were read again, by whether they could be used";
    let mut encoder = to.encode_descriptor("keygate_tls_reloads", help, None, MetricType::Counter)?;
    for one in all {
        for (result, count) in [("ok", one.reloaded), ("failed", one.failed)] {
            let labels = vec![label(one), ("result", result)];
            ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
        }
    }
    let help = "0 while TLS files cannot be used and those of before are";
    let mut encoder = to.encode_descriptor("keygate_tls_current", help, None, MetricType::Gauge)?;
    for one in all {
        ConstGauge::new(i64::from(one.current)).encode(encoder.encode_family(&vec![label(one)])?)?;
    }
    let (name, help) = ("keygate_tls_certificate_not_after_timestamp", "When a certificate expires that is shown");
    let mut encoder = to.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for one in all {
        for certificate in &one.certificates {
            let labels = vec![label(one), ("sni", certificate.sni.as_str())];
            ConstGauge::new(certificate.not_after).encode(encoder.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
