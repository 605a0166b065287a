//! Keys of another system that are to be imported.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::wire::terms;
use crate::admin::wire::token::RateLimit;

/// Keys to be taken over, each by its hash.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewImport {
    #[schema(min_items = 1, max_items = 250)]
    tokens: Vec<ForeignKey>,
    /// Tries everything and changes nothing.
    #[schema(required = false)]
    dry_run: bool,
    /// Also keys that were imported before and deleted since.
    #[schema(required = false)]
    again: bool,
}

/// A key: its hash, and besides that what can be said of a new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ForeignKey {
    /// Of the key's whole text, and of nothing else.
    #[schema(max_length = 128)]
    hash: String,
    #[schema(value_type = terms::HashAlgorithm)]
    algorithm: String,
    /// Left out, `hex`. Base64 may have its padding or not.
    #[schema(required = false, value_type = terms::HashEncoding)]
    encoding: String,
    #[schema(required = false, max_length = 100)]
    name: String,
    #[schema(required = false, max_length = 1000)]
    description: String,
    #[schema(required = false, value_type = terms::AccountId)]
    account: String,
    #[schema(required = false, value_type = terms::MadeKind)]
    kind: String,
    #[schema(required = false, value_type = terms::Grants)]
    grants: BTreeMap<String, String>,
    #[schema(required = false, min_items = 1, max_items = 32)]
    roles: Vec<String>,
    #[schema(required = false, value_type = Option<terms::AskedFilters>)]
    filters: Option<BTreeMap<String, Vec<String>>>,
    #[schema(required = false, examples("90d", "2027-01-31", "never"))]
    expires: String,
    #[schema(required = false, examples("2027-01-31T12:00:00Z"))]
    not_before: String,
    #[schema(required = false, nullable = false)]
    rate_limit: RateLimit,
    #[schema(required = false, value_type = Option<terms::Labels>)]
    labels: Option<BTreeMap<String, String>>,
}
