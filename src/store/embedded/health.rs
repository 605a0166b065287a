//! Whether the store still takes commits.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Once fenced, for good: after a failed sync nobody knows what is on the disk, and a second sync that
/// succeeds says nothing about the first (the kernel may have dropped the pages it could not write).
#[derive(Default)]
pub(super) struct Health {
    fence: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn check(&self) -> Result<(), String> {
        self.lock().clone().map_or(Ok(()), Err)
    }

    /// Refuses commits from now on, and says how; the first reason counts.
    pub(super) fn fence(&self, reason: &str) -> String {
        let mut fence = self.lock();
        let fence = fence.get_or_insert_with(|| {
            tracing::error!(
                event = "store_fenced",
                reason,
                "the store takes no more changes; what it holds is still read"
            );
            format!("writing is fenced after a failure, restart keygate once it is mended: {reason}")
        });
        fence.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.fence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
