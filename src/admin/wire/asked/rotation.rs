//! A rotation that is asked for.

use serde::Deserialize;
use utoipa::ToSchema;

/// How a token's text is to be replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct NewRotation {
    /// How long the old text stays valid: a length of time such as `1d`, or `0s` for not at all. Left out, what
    /// the account's policy says.
    #[schema(required = false, examples("1d", "0s"))]
    overlap: String,
    /// Whether an old text that is valid yet, from a rotation before, ends now.
    #[schema(required = false, default = false)]
    end_overlap: bool,
}

/// By how much longer the old text is to be valid.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct LongerOverlap {
    /// A length of time.
    #[schema(examples("1d"))]
    by: String,
}
