//! Whether the gateway lives, whether it is ready, and its metrics: for probes, without a token.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::Shared;
use super::refusal::Refusal;

/// Whether the gateway can serve now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Requests are served and changes are not, for this reason.
    ReadOnly(String),
    /// With the reason, which strangers may read.
    NotReady(String),
}

pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn livez() -> &'static str {
    "live\n"
}

pub(super) async fn readyz(State(state): State<Shared>) -> Result<String, Refusal> {
    match (state.ready)() {
        Readiness::Ready => Ok("ready\n".to_owned()),
        Readiness::ReadOnly(reason) => Ok(format!("ready\nchanges are refused: {reason}\n")),
        Readiness::NotReady(reason) => Err(Refusal::NotReady(reason)),
    }
}

pub(super) async fn metrics(State(state): State<Shared>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], (state.metrics)()).into_response()
}
