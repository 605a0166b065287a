//! Texts that somebody found.

use serde::Deserialize;
use utoipa::ToSchema;

/// Texts of tokens that were found where they do not belong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct LeakReport {
    #[schema(min_items = 1, max_items = 500)]
    leaks: Vec<LeakedText>,
}

/// One text, and where it was found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct LeakedText {
    token: String,
    #[serde(rename = "type")]
    #[schema(required = false)]
    kind: String,
    #[schema(required = false)]
    url: String,
    #[schema(required = false)]
    source: String,
}

/// One text of an alert. Whatever else its sender says is for others.
#[derive(Deserialize, ToSchema)]
pub(in crate::admin) struct AlertedText {
    token: String,
}
