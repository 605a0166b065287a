//! What policies need at a start: the key of copies, accounts whose rules are known, and members whose roles are.

use std::sync::Arc;

use crate::auth::{Accounts, LifecycleError, Sealer, Users};
use crate::config::Tokens;
use crate::model::{AccountId, Policies};

/// What encrypts copies of tokens, where there is a key for it.
pub(super) fn sealer(tokens: &Tokens) -> Result<Option<Arc<Sealer>>, LifecycleError> {
    let sealer = tokens.reveal_key.as_ref().map(Sealer::new).transpose()?;
    Ok(sealer.map(Arc::new))
}

/// An account whose policy was removed from the configuration has no rules: it gets no tokens until it has.
pub(super) fn report_unknown(accounts: &Accounts, policies: &Policies, users: &Users) {
    let all = accounts.root().map(|root| accounts.subtree(root.id)).unwrap_or_default();
    for account in all.into_iter().filter_map(|id| accounts.get(id)) {
        if let Some(policy) = account.policy.as_ref().filter(|name| policies.get(name).is_none()) {
            tracing::error!(account = %account.id, %policy, "the account's policy is not in the configuration: no token can be made or changed there, nor below it, until it is back or the account has another");
        }
        if let Some(plan) = account.plan.as_ref().filter(|name| !policies.knows_plan(name)) {
            tracing::warn!(account = %account.id, %plan, "no policy in the configuration knows the account's plan");
        }
        report_unknown_roles(account.id, users);
    }
}

/// A member whose roles are gone may do nothing there, and nobody would tell it why.
fn report_unknown_roles(account: AccountId, users: &Users) {
    for user in users.members(account) {
        for role in users.roles().unknown(user.roles_in(account).unwrap_or_default()) {
            tracing::warn!(%account, user = %user.id, %role, "the member's role is not in the configuration and gives nothing: put it back, or give the member another");
        }
    }
}
