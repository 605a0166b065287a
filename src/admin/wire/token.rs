//! Tokens as the API shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rotation::RotationRecord;
use super::terms;
use crate::model::{ForeignHash, Grants, Labels, State, Timestamp, Token, Usage, Warning};

/// All that is shown of a token: everything but its secret and its digest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(in crate::admin) struct TokenRecord {
    #[schema(value_type = terms::TokenId)]
    id: String,
    #[schema(value_type = terms::AccountId)]
    account: String,
    #[schema(value_type = terms::Kind)]
    kind: &'static str,
    name: String,
    description: String,
    /// Its own; empty where it has roles.
    #[schema(value_type = terms::Grants)]
    grants: BTreeMap<String, String>,
    roles: Vec<String>,
    /// Whose it is; null: tied to nobody.
    #[schema(required, value_type = Option<terms::UserId>)]
    user: Option<String>,
    /// Which part of the data it is limited to.
    #[schema(value_type = terms::Filters)]
    filters: BTreeMap<String, Vec<String>>,
    #[schema(value_type = terms::Labels)]
    labels: BTreeMap<String, String>,
    /// `active`, `disabled`, `revoked`, `expired` or `not_yet_valid`, at the time of the answer.
    #[schema(value_type = terms::Standing)]
    state: &'static str,
    #[schema(value_type = terms::Moment)]
    created: String,
    /// The token that asked for this one; null for the first of an installation.
    #[schema(required, value_type = Option<terms::TokenId>)]
    created_by: Option<String>,
    /// Null: never.
    #[schema(required, value_type = Option<terms::Moment>)]
    expires: Option<String>,
    /// Null: valid from its creation.
    #[schema(required, value_type = Option<terms::Moment>)]
    not_before: Option<String>,
    /// Null: not used yet, as far as is stored; uses of the last seconds may be missing.
    #[schema(required, value_type = Option<terms::Moment>)]
    last_used: Option<String>,
    requests: u64,
    /// The last four characters of the token's text.
    hint: String,
    /// Null: what is configured for tokens without a limit of their own.
    #[schema(required)]
    rate_limit: Option<RateLimit>,
    #[schema(required, value_type = Option<terms::Moment>)]
    revoked_at: Option<String>,
    /// By which hash the key was imported that it stands for; null: it was made here.
    #[schema(required, value_type = Option<terms::HashAlgorithm>)]
    imported: Option<&'static str>,
    /// Whether a copy of its text is kept, which may be seen again.
    retrievable: bool,
    /// Its two texts, and those from before; null: it was never rotated.
    #[schema(required)]
    rotation: Option<RotationRecord>,
    /// What is worth a word about it.
    warnings: Vec<WarningRecord>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Warning)]
struct WarningRecord {
    code: &'static str,
    message: String,
}

/// So many requests within so long.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct RateLimit {
    #[schema(minimum = 1)]
    requests: u32,
    /// A length of time: `60s`, `1m`.
    #[schema(examples("60s"))]
    window: String,
}

/// The one answer that has a secret in it. Not `Debug`, so that it cannot be printed by mistake.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken, description = "A token that was made, with its text.")]
pub(in crate::admin) struct Created<'a> {
    #[serde(flatten)]
    pub(in crate::admin) record: TokenRecord,
    /// The token's text, shown this once. Null where the request came again and the token was used since: then
    /// somebody has it.
    #[schema(required)]
    pub(in crate::admin) token: Option<&'a str>,
    /// A line that tries the token, ready to copy.
    #[schema(required)]
    pub(in crate::admin) curl: Option<&'a str>,
}

/// A token's text once more. Not `Debug`, so that it cannot be printed by mistake.
#[derive(Serialize, ToSchema)]
#[schema(as = RevealedToken, description = "A token's text.")]
pub(in crate::admin) struct Revealed<'a> {
    #[schema(value_type = terms::TokenId)]
    pub(in crate::admin) id: String,
    pub(in crate::admin) token: &'a str,
    /// A line that tries the token, ready to copy.
    pub(in crate::admin) curl: &'a str,
}

/// What a call that revokes many tokens means, or did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevokedTokens)]
pub(in crate::admin) struct RevokedMany {
    /// Whether nothing was done.
    pub(in crate::admin) dry_run: bool,
    /// How many tokens are meant: what `expect` has to say.
    pub(in crate::admin) count: u64,
    /// How many were revoked: fewer than `count` where some of them were changed, revoked or deleted by others
    /// while this went on.
    pub(in crate::admin) revoked: u64,
    /// Ten of them at most, the oldest first.
    #[schema(max_items = 10)]
    pub(in crate::admin) sample: Vec<TokenRecord>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Page<T> {
    pub(in crate::admin) items: Vec<T>,
    /// To be given as `cursor` for what follows; null at the end.
    #[schema(required)]
    pub(in crate::admin) next: Option<String>,
    /// How many there are on all pages together, where that was asked for; null: too many to be counted at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Option<u64>)]
    pub(in crate::admin) count: Option<Option<u64>>,
}

impl TokenRecord {
    /// What `fields` may ask for.
    pub(in crate::admin) const FIELDS: [&str; 24] = [
        "id",
        "account",
        "kind",
        "name",
        "description",
        "grants",
        "roles",
        "user",
        "filters",
        "labels",
        "state",
        "created",
        "created_by",
        "expires",
        "not_before",
        "last_used",
        "requests",
        "hint",
        "rate_limit",
        "revoked_at",
        "imported",
        "retrievable",
        "rotation",
        "warnings",
    ];

    pub(in crate::admin) fn new(token: &Token, usage: Usage, now: Timestamp) -> Self {
        Self {
            id: token.id.to_string(),
            account: token.account.to_string(),
            kind: token.kind.name(),
            name: token.name.clone(),
            description: token.description.clone(),
            grants: grants_record(&token.grants),
            roles: token.roles.iter().map(ToString::to_string).collect(),
            user: token.user.map(|id| id.to_string()),
            filters: token.filters.iter().map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
            labels: labels_record(&token.labels),
            state: token.standing(now).name(),
            created: token.created.to_string(),
            created_by: token.created_by.map(|id| id.to_string()),
            expires: token.expires.map(|at| at.to_string()),
            not_before: token.not_before.map(|at| at.to_string()),
            rotation: token.rotation.as_ref().map(|rotation| RotationRecord::new(rotation, &usage, token.created, now)),
            last_used: usage.last_used.map(|at| at.to_string()),
            requests: usage.requests,
            hint: token.hint.clone(),
            rate_limit: token.rate_limit.map(|quota| RateLimit {
                requests: quota.requests().get(),
                window: format!("{}s", quota.window().as_secs_f64()),
            }),
            revoked_at: match token.state {
                State::Revoked { at } => Some(at.to_string()),
                State::Active | State::Disabled => None,
            },
            imported: token.id.imported_by().map(ForeignHash::name),
            retrievable: token.sealed.is_some(),
            warnings: Vec::new(),
        }
    }

    pub(in crate::admin) fn with_warnings(self, warnings: Vec<Warning>) -> Self {
        let record = |Warning { code, message }| WarningRecord { code, message };
        Self { warnings: warnings.into_iter().map(record).collect(), ..self }
    }
}

pub(in crate::admin) fn labels_record(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Resource → access.
pub(in crate::admin) fn grants_record(grants: &Grants) -> BTreeMap<String, String> {
    grants.iter().map(|(resource, access)| (resource.to_string(), access.to_string())).collect()
}
