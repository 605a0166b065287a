//! Whether the store still takes commits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Once fenced, for good: after a failed sync nobody knows what is on the disk, and a second sync that
/// succeeds says nothing about the first (the kernel may have dropped the pages it could not write).
#[derive(Default)]
pub(super) struct Health {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fence: Option<String>,
    /// A change was not done in time. It passes if the writer comes back.
    stalled: Option<String>,
}

impl Health {
    pub(super) fn check(&self) -> Result<(), String> {
        let state = self.lock();
        state.fence.as_ref().or(state.stalled.as_ref()).map_or(Ok(()), |reason| Err(reason.clone()))
    }

    /// For the writer, which no stall but its own could keep from trying.
    pub(super) fn check_fence(&self) -> Result<(), String> {
        self.lock().fence.clone().map_or(Ok(()), Err)
    }

    /// Refuses commits from now on, and says how; the first reason counts.
    pub(super) fn fence(&self, reason: &str) -> String {
        let mut state = self.lock();
        let fence = state.fence.get_or_insert_with(|| {
            tracing::error!(
                event = "store_fenced",
                reason,
                "the store takes no more changes; what it holds is still read"
            );
            format!("writing is fenced after a failure, restart keygate once it is mended: {reason}")
        });
        fence.clone()
    }

    /// A change has waited for so long; says what that means.
    pub(super) fn stall(&self, waited: Duration) -> String {
        let mut state = self.lock();
        let stalled = state.stalled.get_or_insert_with(|| {
            tracing::error!(event = "store_stalled", "the disk does not answer: changes wait");
            format!("a change was not on the disk after {} s, and may come to be made", waited.as_secs())
        });
        stalled.clone()
    }

    /// The writer has done what it had to do.
    pub(super) fn moved(&self) {
        if self.lock().stalled.take().is_some() {
            tracing::info!(event = "store_moves", "the disk answers again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_passes_and_a_fence_does_not() {
        let health = Health::default();
        assert_eq!(health.check(), Ok(()));
        let text = health.stall(Duration::from_secs(10));
        assert_eq!(text, "a change was not on the disk after 10 s, and may come to be made");
        assert_eq!((health.check(), health.check_fence()), (Err(text), Ok(())));
        health.moved();
        assert_eq!(health.check(), Ok(()));
        let text = health.fence("no disk");
        health.moved();
        assert_eq!((health.check(), health.check_fence()), (Err(text.clone()), Err(text)));
    }
}
