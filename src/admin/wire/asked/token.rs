//! A token that is asked for, and what can be changed of one.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::wire::terms;
use crate::admin::wire::token::RateLimit;

/// A token to be made. It gets `grants` of its own or `roles`, and never more than its giver has.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewToken {
    /// What people call it. The account's policy may demand one, and say what it looks like.
    #[schema(required = false, max_length = 100)]
    name: String,
    /// What it is for. The account's policy may demand one.
    #[schema(required = false, max_length = 1000)]
    description: String,
    /// The account that it is of; left out, the caller's.
    #[schema(required = false, value_type = terms::AccountId)]
    account: String,
    /// Left out, the usual kind of the account's policy: mostly `service`. A `personal` token is made by its
    /// user, with the token of a session.
    #[schema(required = false, value_type = terms::MadeKind)]
    kind: String,
    /// Resource to access: `{"devices": "read+write", "*": "read"}`. Access is `none`, `read`, `write` (create
    /// and update), `full`, or actions joined by `+`. `*` is every resource of the API, `keygate.*` every one of
    /// this management API. A personal token may leave out `grants` and `roles` and has its user's rights then.
    #[schema(required = false, value_type = terms::Grants)]
    grants: BTreeMap<String, String>,
    /// Roles of the configuration, in place of `grants`.
    #[schema(required = false, min_items = 1, max_items = 32)]
    roles: Vec<String>,
    /// Which part of the data it is limited to; null or `{}` for all of it.
    #[schema(required = false, value_type = Option<terms::AskedFilters>)]
    filters: Option<BTreeMap<String, Vec<String>>>,
    /// When it expires: a length of time (`90d`, `12h`), a date (`2027-01-31`), a time (`2027-01-31T12:00:00Z`)
    /// or `never`. Left out, what the account's policy says.
    #[schema(required = false, examples("90d", "2027-01-31", "never"))]
    expires: String,
    /// From when on it is valid: a date, a time, or a length of time from now. Left out, at once.
    #[schema(required = false, examples("2027-01-31T12:00:00Z"))]
    not_before: String,
    /// How often it may be used; left out, what is configured.
    #[schema(required = false, nullable = false)]
    rate_limit: RateLimit,
    /// Left out or null: none.
    #[schema(required = false, value_type = Option<terms::Labels>)]
    labels: Option<BTreeMap<String, String>>,
}

/// Which tokens are to be revoked. Filters are written as in the query of a list of tokens; all that are given
/// have to be met.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct RevokeMany {
    /// Whose tokens; left out, the caller's account.
    #[schema(required = false, value_type = terms::AccountId)]
    account: String,
    /// Whether those of the accounts below it are meant too.
    #[schema(required = false, default = false)]
    below: bool,
    /// States, with commas between; left out, every one but `revoked`.
    #[schema(required = false, examples("active", "active,disabled"))]
    state: String,
    /// Kinds, with commas between.
    #[schema(required = false, examples("service,shared"))]
    kind: String,
    /// Those that are this user's.
    #[schema(required = false, value_type = terms::Owner)]
    owner: String,
    /// Those that this token asked for.
    #[schema(required = false, value_type = terms::TokenId)]
    created_by: String,
    /// Those that were not used for so long, or never.
    #[schema(required = false, value_type = terms::Length)]
    unused_for: String,
    /// Those that expire within so long from now.
    #[schema(required = false, value_type = terms::Length)]
    expires_within: String,
    /// Those with this text in their name or description, in small or capital letters.
    #[schema(required = false, min_length = 1, max_length = 100)]
    q: String,
    /// Those with such labels: `env=prod,team!=x`.
    #[schema(required = false, examples("env=test"))]
    label: String,
    /// Every token of the account, in place of a filter.
    #[schema(required = false, default = false)]
    all: bool,
    /// Whether it is only told what is meant.
    #[schema(required = false, default = false)]
    dry_run: bool,
    /// How many tokens are meant, as a dry run told. Needed for all but that.
    #[schema(required = false, minimum = 0)]
    expect: u64,
}

/// What is to be changed of a token; what is left out stays. A policy may keep fields as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct TokenEdit {
    #[schema(required = false, max_length = 100)]
    name: String,
    #[schema(required = false, max_length = 1000)]
    description: String,
    /// All of its grants from then on, in place of grants or roles that it had.
    #[schema(required = false, value_type = terms::Grants)]
    grants: BTreeMap<String, String>,
    /// All of its roles from then on, in place of grants or roles that it had.
    #[schema(required = false, min_items = 1, max_items = 32)]
    roles: Vec<String>,
    /// All of its filters from then on; null or `{}` for none.
    #[schema(required = false, value_type = Option<terms::AskedFilters>)]
    filters: Option<BTreeMap<String, Vec<String>>>,
    /// As at a creation.
    #[schema(required = false, examples("90d", "2027-01-31", "never"))]
    expires: String,
    /// Null: what is configured for tokens without a limit of their own.
    rate_limit: Option<RateLimit>,
    /// Null: all of them go.
    #[schema(required = false, value_type = Option<terms::LabelEdits>)]
    labels: Option<BTreeMap<String, Option<String>>>,
}
