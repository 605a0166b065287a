//! Accounts as the API shows them, and who a caller is.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use super::token::labels_record;
use super::{TokenRecord, grants_record};
use crate::model::{Account, AccountState};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(in crate::admin) struct AccountRecord {
    #[schema(value_type = terms::AccountId)]
    id: String,
    /// Null for the root alone.
    #[schema(required, value_type = Option<terms::AccountId>)]
    parent: Option<String>,
    name: String,
    #[schema(value_type = terms::AccountState)]
    state: &'static str,
    visible_to_parent: bool,
    /// The most that tokens may do here and below; null: no limit of its own.
    #[schema(required, value_type = Option<terms::Grants>)]
    ceiling: Option<BTreeMap<String, String>>,
    #[schema(required)]
    plan: Option<String>,
    /// Null: that of the account above.
    #[schema(required)]
    policy: Option<String>,
    #[schema(value_type = terms::Labels)]
    labels: BTreeMap<String, String>,
    #[schema(value_type = terms::Moment)]
    created: String,
}

/// The caller: its token, its account, and what it may do at present.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Whoami {
    pub(in crate::admin) token: TokenRecord,
    pub(in crate::admin) account: AccountRecord,
    #[schema(value_type = terms::Grants)]
    pub(in crate::admin) grants: BTreeMap<String, String>,
}

impl AccountRecord {
    /// What `fields` may ask for.
    pub(in crate::admin) const FIELDS: [&str; 10] =
        ["id", "parent", "name", "state", "visible_to_parent", "ceiling", "plan", "policy", "labels", "created"];

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
