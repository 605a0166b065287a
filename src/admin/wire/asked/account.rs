//! An account that is asked for, and what can be changed of one.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::wire::terms;

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewAccount {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The account above it; left out, the caller's.
    #[schema(required = false, value_type = terms::AccountId)]
    parent: String,
    /// Whether tokens of the accounts above reach it.
    #[schema(required = false, default = true)]
    visible_to_parent: bool,
    /// The most that tokens may do here and below; null for no limit of its own, `{}` for nothing at all.
    #[schema(required = false, value_type = Option<terms::Grants>)]
    ceiling: Option<BTreeMap<String, String>>,
    /// What it has booked: a plan that a policy knows.
    plan: Option<String>,
    /// The policy for its tokens; null for that of the account above.
    policy: Option<String>,
    /// Left out or null: none.
    #[schema(required = false, value_type = Option<terms::Labels>)]
    labels: Option<BTreeMap<String, String>>,
}

/// What is to be changed of an account; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct AccountEdit {
    #[schema(required = false, min_length = 1, max_length = 100)]
    name: String,
    /// Moves the account, with all below it, below another.
    #[schema(required = false, value_type = terms::AccountId)]
    parent: String,
    #[schema(required = false)]
    visible_to_parent: bool,
    /// `suspended`: no token of it, or of an account below it, is let through.
    #[schema(required = false, value_type = terms::AccountState)]
    state: String,
    /// The most that tokens may do here and below; null for no limit of its own, `{}` for nothing at all.
    #[schema(required = false, value_type = Option<terms::Grants>)]
    ceiling: Option<BTreeMap<String, String>>,
    plan: Option<String>,
    /// The policy for its tokens; null for that of the account above.
    policy: Option<String>,
    /// Null: all of them go.
    #[schema(required = false, value_type = Option<terms::LabelEdits>)]
    labels: Option<BTreeMap<String, Option<String>>>,
}
