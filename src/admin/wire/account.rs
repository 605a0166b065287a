//! Accounts as the API shows them, and who a caller is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::token::labels_record;
use super::{TokenRecord, grants_record};
use crate::model::{Account, AccountState};

#[derive(Debug, Serialize)]
pub(in crate::admin) struct AccountRecord {
    id: String,
    /// Null for the root alone.
    parent: Option<String>,
    name: String,
    state: &'static str,
    visible_to_parent: bool,
    /// The most that tokens may do here and below; null: no limit of its own.
    ceiling: Option<BTreeMap<String, String>>,
    plan: Option<String>,
    /// Null: that of the account above.
    policy: Option<String>,
    labels: BTreeMap<String, String>,
    created: String,
}

/// The caller: its token, its account, and what it may do at present.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Whoami {
    pub(in crate::admin) token: TokenRecord,
    pub(in crate::admin) account: AccountRecord,
    pub(in crate::admin) grants: BTreeMap<String, String>,
}

impl AccountRecord {
    pub(in crate::admin) fn new(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            parent: account.parent.map(|id| id.to_string()),
            name: account.name.clone(),
            state: match account.state {
                AccountState::Active => "active",
                AccountState::Suspended => "suspended",
            },
            visible_to_parent: account.visible_to_parent,
            ceiling: account.ceiling.as_ref().map(grants_record),
            plan: account.plan.as_ref().map(ToString::to_string),
            policy: account.policy.as_ref().map(ToString::to_string),
            labels: labels_record(&account.labels),
            created: account.created.to_string(),
        }
    }
}
