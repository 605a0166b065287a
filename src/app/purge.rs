//! What has expired is removed, once at the start and then every hour.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::audit::{Action, Audit, Change, Entry, Intent, Object, ObjectKind};
use crate::auth::{Lifecycle, LifecycleError, PurgeLog};
use crate::model::{AccountId, Policies, TokenId};

const PERIOD: Duration = Duration::from_secs(3_600);

/// Removes expired tokens. Cheap to clone.
#[derive(Clone)]
pub(super) struct Purge {
    pub(super) lifecycle: Lifecycle,
    pub(super) policies: Arc<Policies>,
    pub(super) audit: Audit,
}

impl Purge {
    /// How many tokens were removed.
    pub(super) async fn once(&self) -> Result<u64, LifecycleError> {
        let mut log = Noted { audit: &self.audit, intent: None, purged: 0 };
        let done = self.lifecycle.purge(&self.policies, &mut log).await;
        let purged = log.purged;
        done?;
        if purged > 0 {
            tracing::info!(tokens = purged, "expired tokens were removed");
        }
        Ok(purged)
    }

    /// For as long as the gateway runs.
    pub(super) async fn run(self) {
        let mut interval = tokio::time::interval(PERIOD);
        loop {
            interval.tick().await;
            self.lifecycle.forget_requests().await;
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "expired tokens could not be removed; tried again in an hour");
            }
        }
    }
}

/// What a purge leaves in the audit log.
struct Noted<'a> {
    audit: &'a Audit,
    intent: Option<Intent>,
    purged: u64,
}

impl PurgeLog for Noted<'_> {
    /// What has expired is worth nothing any more: it goes also where that cannot be announced.
    async fn due(&mut self, account: AccountId) {
        self.intent = self.audit.begin(Entry::system(Action::TokenPurge, of(account), Change::none())).await.ok();
    }

    async fn gone(&mut self, account: AccountId, tokens: Vec<TokenId>) {
        self.purged += tokens.len() as u64;
        let ids = Value::from_iter(tokens.iter().map(ToString::to_string));
        let change = Change { before: Change::noted([("tokens", ids)]).after, after: None };
        let entry = Entry::system(Action::TokenPurge, of(account), change);
        if let Err(error) = self.audit.settle(self.intent.take(), vec![entry.clone()]).await {
            tracing::error!(target: "keygate::audit", %error, ?entry, "an entry is not in the audit log yet");
        }
    }
}

fn of(account: AccountId) -> Object {
    Object { account: Some(account), ..Object::of_id(ObjectKind::Account, account) }
}
