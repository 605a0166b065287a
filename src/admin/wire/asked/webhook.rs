//! Messages that are asked for.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::wire::terms;

/// Which messages are to be sent once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct RedeliveredMessages {
    /// Left out, all of them.
    #[schema(required = false, value_type = terms::Messages)]
    ids: Vec<String>,
}

/// Which messages are to be forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct DiscardedMessages {
    #[schema(value_type = terms::Messages)]
    ids: Vec<String>,
}
