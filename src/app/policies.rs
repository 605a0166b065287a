//! What policies need at a start: the key of copies, and accounts whose rules are known.

use std::sync::Arc;

use crate::auth::{Accounts, LifecycleError, Sealer};
use crate::config::Tokens;
use crate::model::Policies;

/// What encrypts copies of tokens, where there is a key for it.
pub(super) fn sealer(tokens: &Tokens) -> Result<Option<Arc<Sealer>>, LifecycleError> {
    let sealer = tokens.reveal_key.as_ref().map(Sealer::new).transpose()?;
    Ok(sealer.map(Arc::new))
}

/// An account whose policy was removed from the configuration has no rules: it gets no tokens until it has.
pub(super) fn report_unknown(accounts: &Accounts, policies: &Policies) {
    let all = accounts.root().map(|root| accounts.subtree(root.id)).unwrap_or_default();
    for account in all.into_iter().filter_map(|id| accounts.get(id)) {
        if let Some(policy) = account.policy.as_ref().filter(|name| policies.get(name).is_none()) {
            tracing::error!(account = %account.id, %policy, "the account's policy is not in the configuration: no token can be made or changed there, nor below it, until it is back or the account has another");
        }
        if let Some(plan) = account.plan.as_ref().filter(|name| !policies.knows_plan(name)) {
            tracing::warn!(account = %account.id, %plan, "no policy in the configuration knows the account's plan");
        }
    }
}
