//! The use of tokens, folded: what the workers counted goes to the store every few seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::model::{TokenId, Usage};
use crate::store::{Store, StoreError};
use crate::telemetry::UsageCounts;

/// Between two writes. Workers report every two seconds, so "last used" is right to five.
const PERIOD: Duration = Duration::from_secs(3);
/// Reports that may wait; a worker keeps its counts when there is no room.
const WAITING: usize = 64;

type Report = Vec<(TokenId, Usage)>;

/// Adds reports up and stores them.
pub(super) struct UsageFolder {
    store: Arc<dyn Store>,
    reports: mpsc::Receiver<Report>,
    counts: UsageCounts,
}

impl UsageFolder {
    pub(super) fn new(store: Arc<dyn Store>) -> (Self, mpsc::Sender<Report>) {
        let (sender, reports) = mpsc::channel(WAITING);
        (Self { store, reports, counts: UsageCounts::default() }, sender)
    }

    /// Until every sender is gone; what is held then is stored before it returns.
    pub(super) async fn run(mut self) {
        let mut interval = tokio::time::interval(PERIOD);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => self.counts.absorb(report),
                    None => return self.store().await,
                },
                _ = interval.tick() => self.store().await,
            }
        }
    }

    async fn store(&mut self) {
        if self.counts.is_empty() {
            return;
        }
        let counts = self.counts.take();
        // Kept until it is known that the store has them; an outage must not lose what was counted.
        if let Err(error) = self.store.record_usage(counts.clone()).await {
            // Want of room lasts, and the store has told it.
            if !matches!(error, StoreError::Full(_)) {
                tracing::warn!(%error, tokens = counts.len(), "the use of tokens could not be stored; it is kept and tried again");
            }
            if !self.counts.is_full() {
                self.counts.absorb(counts);
            }
        }
    }
}
