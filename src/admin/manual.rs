//! The API's own description, for programs and for people. Says nothing of this installation, so strangers may
//! read it.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};

use super::about::description;
use super::about::reference::reference;

pub(super) const HTML: &str = "text/html; charset=utf-8";

/// OpenAPI 3.1.
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], description()).into_response()
}

/// The same, to be read.
pub(super) async fn docs() -> Response {
    let about = reference();
    let headers =
        [(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, about.policy.as_str()), (REFERRER_POLICY, "no-referrer")];
    (headers, about.page.as_str()).into_response()
}
