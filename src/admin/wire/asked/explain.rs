//! A request whose fate is asked for.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::admin::wire::terms;

/// A request to the gateway, as it would be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Question {
    #[schema(examples("GET"))]
    method: String,
    /// The path; what stands behind `?` decides nothing.
    #[schema(examples("/v1/devices/7"))]
    path: String,
    /// Where routes are told apart by host.
    #[schema(required = false)]
    host: String,
    /// Which account the request names, where the route looks for one.
    #[schema(required = false, value_type = terms::AccountId)]
    account: String,
    /// The id of the token that makes it; left out, the caller's own.
    #[schema(required = false)]
    token: String,
}
