//! How long each of many operations took.

use std::time::Duration;

#[derive(Debug, Default)]
pub struct Samples {
    /// Nanoseconds; sorted when they are asked.
    nanos: Vec<u64>,
}

impl Samples {
    pub fn add(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn join(&mut self, others: Samples) {
        self.nanos.extend(others.nanos);
    }

    pub fn count(&self) -> usize {
        self.nanos.len()
    }

    /// In microseconds; `share` is 0.5 for the median.
    pub fn quantile(&mut self, share: f64) -> f64 {
        self.nanos.sort_unstable();
        let last = self.nanos.len().saturating_sub(1);
        // The cast cuts off, which is what is meant.
        let at = ((self.nanos.len() as f64 * share) as usize).min(last);
        self.nanos.get(at).map_or(f64::NAN, |&nanos| nanos as f64 / 1e3)
    }
}
