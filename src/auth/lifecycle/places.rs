//! At most so many tokens of an account at a time: who makes one more finds out first whether there is a
//! place, and nobody else takes it meanwhile.

use std::future::Future;
use std::sync::Arc;

use super::{Lifecycle, LifecycleError, interrupted};
use crate::model::{AccountId, Kind, Standing, Token};

/// How many tokens are read at a time.
const BATCH: usize = if cfg!(test) { 2 } else { 256 };

impl Lifecycle {
    /// Does `work`, which takes a place among the account's `max` active tokens, if one is left. To its
    /// end, whatever the caller does.
    pub(super) async fn in_place<T: Send + 'static>(
        &self,
        account: AccountId,
        max: u32,
        work: impl Future<Output = Result<T, LifecycleError>> + Send + 'static,
    ) -> Result<T, LifecycleError> {
        let lifecycle = self.clone();
        let waiting = Arc::clone(&self.places).lock_owned();
        let done = tokio::spawn(async move {
            let _guard = waiting.await;
            lifecycle.has_place(account, max).await?;
            work.await
        });
        done.await.unwrap_or_else(|_| Err(interrupted().into()))
    }

    async fn has_place(&self, account: AccountId, max: u32) -> Result<(), LifecycleError> {
        let now = self.clock.wall();
        let takes_one = |token: &&Token| {
            let is_over = matches!(token.standing(now), Standing::Revoked { .. } | Standing::Expired { .. });
            token.kind != Kind::Session && !is_over
        };
        let (mut taken, mut after) = (0, None);
        loop {
            let tokens = self.store.list_tokens(account, after, BATCH).await?;
            taken += tokens.iter().filter(takes_one).count();
            if taken >= max as usize {
                return Err(LifecycleError::TooMany(max));
            }
            match tokens.last() {
                Some(last) if tokens.len() == BATCH => after = Some(last.id),
                _ => return Ok(()),
            }
        }
    }
}
