//! When tokens were last used, brought into the index after the start: reading it takes seconds for millions
//! of tokens, and nothing but lists by use waits for it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Engine;
use crate::store::{Search, SortBy, StoreError};

/// How long a list by use waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether it is known.
#[derive(Default)]
pub(super) struct LastUse {
    known: Mutex<bool>,
    changed: Condvar,
}

impl LastUse {
    /// Reads all of it, unless the store ends meanwhile.
    pub(super) fn read(&self, engine: &Engine, is_over: impl Fn() -> bool) {
        for entry in engine.usage.last_uses() {
            if is_over() {
                return;
            }
            let noted = entry.and_then(|(id, at)| {
                if let Some(account) = engine.tokens.account_of(id)? {
                    engine.tokens.index().used(account, id, at);
                }
                Ok(())
            });
            // As elsewhere, a count that cannot be read is lost and nothing else.
            if let Err(error) = noted {
                tracing::warn!(%error, "the use of a token cannot be read, and is not in lists");
            }
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits a little where the search is by use.
    pub(super) fn wait_for(&self, search: &Search) -> Result<(), StoreError> {
        if search.order.by != SortBy::LastUsed && search.filter.unused_since.is_none() {
            return Ok(());
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, _) =
            self.changed.wait_timeout_while(known, PATIENCE, |known| !*known).unwrap_or_else(PoisonError::into_inner);
        if *known {
            return Ok(());
        }
        Err(StoreError::Unavailable("the use of tokens is still being read after the start".to_owned()))
    }
}
