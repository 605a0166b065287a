//! Policies as the API shows them: the same words as in the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::grants_record;
use super::terms;
use crate::model::{Field, Kind, Policy};

/// Lengths of time are texts such as `30d`; null where there is no limit, or nothing is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub(in crate::admin) struct PolicyRecord {
    name: String,
    description: String,
    kinds: Vec<&'static str>,
    /// Kinds of accounts with a plan, in place of `kinds`.
    plans: BTreeMap<String, Vec<&'static str>>,
    #[schema(required)]
    max_active: Option<u32>,
    name_required: bool,
    #[schema(required)]
    name_pattern: Option<String>,
    #[schema(required)]
    name_message: Option<String>,
    description_required: bool,
    /// If there are any: the only lengths that may be chosen.
    expiry_presets: Vec<String>,
    #[schema(required)]
    default_expiry: Option<String>,
    #[schema(required)]
    max_expiry: Option<String>,
    allow_never: bool,
    mutable: Vec<&'static str>,
    reveal: &'static str,
    rotation: bool,
    #[schema(required)]
    rotation_overlap: Option<String>,
    #[schema(required)]
    rotation_overlap_max: Option<String>,
    delete_confirm: &'static str,
    #[schema(required)]
    dependency_window: Option<String>,
    shared_requires_filter: bool,
    session_lifetime: String,
    password_min_length: usize,
    #[schema(required)]
    purge_expired_after: Option<String>,
    #[schema(required)]
    account_token: Option<AccountTokenRecord>,
    /// `revoke`, `disable` or `notify`: for a token whose text was found where it does not belong.
    leak_action: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountToken)]
struct AccountTokenRecord {
    name: String,
    #[schema(value_type = terms::Grants)]
    grants: BTreeMap<String, String>,
}

impl PolicyRecord {
    pub(in crate::admin) fn new(policy: &Policy) -> Self {
        let (expiry, pattern) = (&policy.expiry, policy.naming.pattern.as_ref());
        Self {
            name: policy.name.to_string(),
            description: policy.description.clone(),
            kinds: kinds(&policy.kinds),
            plans: policy.plans.iter().map(|(plan, of)| (plan.to_string(), kinds(of))).collect(),
            max_active: policy.max_active,
            name_required: policy.naming.required,
            name_pattern: pattern.map(|pattern| pattern.text().to_owned()),
            name_message: pattern.and_then(|pattern| pattern.message.clone()),
            description_required: policy.description_required,
            expiry_presets: expiry.presets.iter().copied().map(spell).collect(),
            default_expiry: expiry.default.map(spell),
            max_expiry: expiry.max.map(spell),
            allow_never: expiry.allow_never,
            mutable: policy.mutable.iter().copied().map(Field::name).collect(),
            reveal: policy.reveal.name(),
            rotation: policy.rotation.allowed,
            rotation_overlap: overlap(policy.rotation.overlap),
            rotation_overlap_max: overlap(policy.rotation.max_overlap),
            delete_confirm: policy.delete_confirm.name(),
            dependency_window: policy.dependency_window.map(spell),
            shared_requires_filter: policy.shared_requires_filter,
            session_lifetime: spell(policy.session_lifetime),
            password_min_length: policy.password_min_length,
            purge_expired_after: policy.purge_expired_after.map(spell),
            account_token: policy
                .account_token
                .as_ref()
                .map(|token| AccountTokenRecord { name: token.name.clone(), grants: grants_record(&token.grants) }),
            leak_action: policy.leak_action.name(),
        }
    }
}

fn overlap(length: Duration) -> Option<String> {
    (!length.is_zero()).then(|| spell(length))
}

fn kinds(kinds: &[Kind]) -> Vec<&'static str> {
    kinds.iter().copied().map(Kind::name).collect()
}

fn spell(length: Duration) -> String {
    crate::admin::expiry::spell(length)
}
