//! What a form says about the text of a token.

use serde::Deserialize;
use utoipa::ToSchema;

/// The text of a token (RFC 7662 section 2.1, RFC 7009 section 2.1). Parameters that are not known are passed over.
#[derive(Deserialize, ToSchema)]
pub(in crate::admin) struct AboutText {
    /// The text.
    #[schema(min_length = 1, write_only)]
    token: String,
    /// Passed over: a token says itself what it is.
    #[schema(required = false)]
    token_type_hint: String,
}
