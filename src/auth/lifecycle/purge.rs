//! Removing what has expired: sessions at once, other tokens when the policy of their account says so.

use std::future::Future;
use std::time::Duration;

use super::{Lifecycle, LifecycleError};
use crate::model::{AccountId, Kind, Policies, Timestamp, Token, TokenId};

/// Who is told what a purge does.
pub trait PurgeLog: Send {
    /// Tokens of the account are about to be deleted.
    fn due(&mut self, account: AccountId) -> impl Future<Output = ()> + Send;
    /// These were.
    fn gone(&mut self, account: AccountId, tokens: Vec<TokenId>) -> impl Future<Output = ()> + Send;
}

/// How many tokens are read at a time.
const BATCH: usize = if cfg!(test) { 2 } else { 256 };

impl Lifecycle {
    /// Deletes every expired session, and every other token that expired as long ago as the policy of
    /// its account lets it stay. `log` is told before some are deleted, and then which were.
    pub async fn purge(&self, policies: &Policies, log: &mut impl PurgeLog) -> Result<(), LifecycleError> {
        let Some(root) = self.accounts.root() else { return Ok(()) };
        for account in self.accounts.subtree(root.id) {
            // Of an account whose policy is not known any more, nobody can tell how long to keep them.
            let policy = policies.of(&self.accounts.way_up(account)).ok();
            let after = policy.and_then(|policy| policy.purge_expired_after);
            self.purge_account(account, after, log).await?;
        }
        Ok(())
    }

    async fn purge_account(
        &self,
        account: AccountId,
        after: Option<Duration>,
        log: &mut impl PurgeLog,
    ) -> Result<(), LifecycleError> {
        let mut last = None;
        loop {
            let tokens = self.store.list_tokens(account, last, BATCH).await?;
            let now = self.clock.wall();
            let due: Vec<_> = tokens.iter().filter(|token| is_due(token, after, now)).map(|token| token.id).collect();
            if !due.is_empty() {
                log.due(account).await;
                let (gone, done) = self.delete_due(&due, |token| is_due(token, after, now)).await;
                log.gone(account, gone).await;
                done?;
            }
            match tokens.last() {
                Some(token) if tokens.len() == BATCH => last = Some(token.id),
                _ => return Ok(()),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Which of them it deleted, also where that ended with an error.
    async fn delete_due(
        &self,
        due: &[TokenId],
        is_due: impl Fn(&Token) -> bool + Send + Sync,
    ) -> (Vec<TokenId>, Result<(), LifecycleError>) {
        let mut gone = Vec::new();
        for &id in due {
            match self.delete_if(id, &is_due).await {
                Ok(true) => gone.push(id),
                Ok(false) | Err(LifecycleError::NoToken(_)) => {}
                Err(error) => return (gone, Err(error)),
            }
        }
        (gone, Ok(()))
    }
}

fn is_due(token: &Token, after: Option<Duration>, now: Timestamp) -> bool {
    let Some(expired) = token.expires else { return false };
    match token.kind {
        Kind::Session => expired <= now,
        Kind::Personal | Kind::Service | Kind::Shared => after.is_some_and(|after| expired.plus(after) <= now),
    }
}
