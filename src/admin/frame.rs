//! What every answer has: a request id, `Cache-Control: no-store`, and, for a refusal, its problem.
//!
//! A handler that panics costs its own request, and not the connection that carries others.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};
use uuid::Uuid;

use super::Shared;
use super::quota::Told;
use super::refusal::Refusal;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's number, in its answer and in every log line about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestId(Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// When the caller's token expires, once the door knows that, and that it is near. Clones are of the same request.
#[derive(Clone, Default)]
pub(super) struct TokenExpiry(Arc<OnceLock<HeaderValue>>);

impl TokenExpiry {
    pub(super) fn tell(&self, at: HeaderValue) {
        drop(self.0.set(at));
    }
}

pub(super) async fn frame(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let id = RequestId(Uuid::now_v7());
    request.extensions_mut().insert(id);
    let told = Told::default();
    request.extensions_mut().insert(told.clone());
    let expiry = TokenExpiry::default();
    request.extensions_mut().insert(expiry.clone());
    let mut response =
        caught(next.run(request)).await.unwrap_or_else(|| Refusal::Broken("a handler panicked").into_response());
    if let Some(refusal) = response.extensions_mut().remove::<Arc<Refusal>>() {
        refusal.log(id);
        response = refusal.respond(id, &state.realm);
    }
    let headers = response.headers_mut();
    told.write(headers);
    if let (Some(near), Some(at)) = (&state.near_expiry, expiry.0.get()) {
        headers.insert(near.header.clone(), at.clone());
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_REQUEST_ID, HeaderValue::try_from(id.to_string()).expect("a UUID is hexadecimal and hyphens"));
    response
}

/// What `work` comes to; `None` if it panicked. It is not polled again after that, so the state that
/// a panic may have left half changed is never looked at: this is what the assertion stands on.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
