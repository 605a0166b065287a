//! Tokens by their texts, for those who found one.

use tokio::sync::watch;

use super::{Lifecycle, LifecycleError};
use crate::model::{Account, AccountId, Digest, Token};

/// One that is replaced between two looks is found by the next.
const LOOKS: usize = 3;

impl Lifecycle {
    /// Under what a token with this text could be known; empty where certainly nobody has such a token. Takes
    /// no look at any disk.
    pub fn digests_of(&self, text: &str) -> Vec<Digest> {
        let digests = self.verifier.digests_of(text);
        let is_held = digests.iter().any(|digest| self.store.may_hold(digest));
        if is_held || self.replaced(&digests).is_some() { digests } else { Vec::new() }
    }

    /// The account and those above it, up to the root.
    pub fn way_up(&self, account: AccountId) -> Vec<Account> {
        self.accounts.way_up(account)
    }

    /// The token that is known under one of them, by its present text or an earlier one; and under which.
    pub async fn find(&self, digests: &[Digest]) -> Result<Option<(Token, Digest)>, LifecycleError> {
        for _ in 0..LOOKS {
            for digest in digests {
                if let Some(token) = self.store.tokens_by_digest(vec![*digest]).await?.pop().flatten() {
                    return Ok(Some((token, *digest)));
                }
            }
            // While an imported key gets its own digest, there is a moment in which it has neither.
            match self.replaced(digests) {
                Some(mut waiting) => drop(waiting.changed().await),
                None => tokio::task::yield_now().await,
            }
        }
        Ok(None)
    }

    fn replaced(&self, digests: &[Digest]) -> Option<watch::Receiver<()>> {
        digests.iter().find_map(|digest| self.verifier.rehashing().of(digest))
    }
}
