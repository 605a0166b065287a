//! Whether the store still takes commits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::Impaired;

/// Once fenced, for good: after a failed sync nobody knows what is on the disk, and a second sync that
/// succeeds says nothing about the first (the kernel may have dropped the pages it could not write). A
/// full disk passes.
#[derive(Default)]
pub(super) struct Health {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fence: Option<String>,
    full: Option<String>,
}

impl Health {
    pub(super) fn check(&self) -> Result<(), Impaired> {
        let state = self.lock();
        match (&state.fence, &state.full) {
            (Some(fence), _) => Err(Impaired::Fenced(fence.clone())),
            (None, Some(full)) => Err(Impaired::Full(full.clone())),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn check_fence(&self) -> Result<(), String> {
        self.lock().fence.clone().map_or(Ok(()), Err)
    }

    /// Whether there is room at present, and if not, why.
    pub(super) fn set_full(&self, full: Option<String>) {
        let mut state = self.lock();
        match (&state.full, &full) {
            (None, Some(reason)) => {
                tracing::error!(event = "store_full", reason, "the store takes no changes until there is room")
            }
            (Some(_), None) => tracing::info!(event = "store_has_room", "the store takes changes again"),
            _ => {}
        }
        state.full = full;
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
