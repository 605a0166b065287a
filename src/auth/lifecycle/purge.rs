//! Removing what has expired: sessions at once, other tokens when the policy of their account says so.

use std::time::Duration;

use super::{Lifecycle, LifecycleError};
use crate::model::{AccountId, Kind, Policies, Timestamp, Token};

/// How many tokens are read at a time.
const BATCH: usize = 256;

impl Lifecycle {
    /// Deletes every expired session, and every other token that expired as long ago as the policy of
    /// its account lets it stay. How many that were.
    pub async fn purge(&self, policies: &Policies) -> Result<u64, LifecycleError> {
        let Some(root) = self.accounts.root() else { return Ok(0) };
        let mut purged = 0;
        for account in self.accounts.subtree(root.id) {
            // Of an account whose policy is not known any more, nobody can tell how long to keep them.
            let policy = policies.of(&self.accounts.way_up(account)).ok();
            purged += self.purge_account(account, policy.and_then(|policy| policy.purge_expired_after)).await?;
        }
        Ok(purged)
    }

    async fn purge_account(&self, account: AccountId, after: Option<Duration>) -> Result<u64, LifecycleError> {
        let (mut last, mut purged) = (None, 0);
        loop {
            let tokens = self.store.list_tokens(account, last, BATCH).await?;
            let now = self.clock.wall();
            for token in tokens.iter().filter(|token| is_due(token, after, now)) {
                match self.delete_if(token.id, |token| is_due(token, after, now)).await {
                    Ok(deleted) => purged += u64::from(deleted),
                    Err(LifecycleError::NoToken(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            match tokens.last() {
                Some(token) if tokens.len() == BATCH => last = Some(token.id),
                _ => return Ok(purged),
            }
            tokio::task::yield_now().await;
        }
    }
}

fn is_due(token: &Token, after: Option<Duration>, now: Timestamp) -> bool {
    let Some(expired) = token.expires else { return false };
    match token.kind {
        Kind::Session => expired <= now,
        Kind::Personal | Kind::Service | Kind::Shared => after.is_some_and(|after| expired.plus(after) <= now),
    }
}
