//! What has expired is removed, once at the start and then every hour.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Lifecycle, LifecycleError};
use crate::model::Policies;

const PERIOD: Duration = Duration::from_secs(3_600);

/// Removes expired tokens. Cheap to clone.
#[derive(Clone)]
pub(super) struct Purge {
    pub(super) lifecycle: Lifecycle,
    pub(super) policies: Arc<Policies>,
}

impl Purge {
    /// How many tokens were removed.
    pub(super) async fn once(&self) -> Result<u64, LifecycleError> {
        let purged = self.lifecycle.purge(&self.policies).await?;
        if purged > 0 {
            tracing::info!(tokens = purged, "expired tokens were removed");
        }
        Ok(purged)
    }

    /// For as long as the gateway runs.
    pub(super) async fn run(self) {
        let mut interval = tokio::time::interval(PERIOD);
        loop {
            interval.tick().await;
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "expired tokens could not be removed; tried again in an hour");
            }
        }
    }
}
