//! A request's body: declared as JSON, not too large, and JSON indeed.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, GetAll};
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::fields::Fields;
use super::refusal::Refusal;
use super::wire::Json;

/// No call needs a tenth of it.
pub(super) const MAX_BODY: usize = 64 * 1024;

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        declared(request.headers())?;
        Fields::of_body(Json::parse(&collect(request).await?).map_err(Refusal::Malformed)?)
    }
}

/// Refuses a body that is not declared as JSON: a web page can make a browser send text or a form to anywhere, but
/// not this media type.
pub(super) fn declared(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_of(headers.get_all(CONTENT_TYPE), b"application/json") { Ok(()) } else { Err(Refusal::NotJson) }
}

/// A body that may be left out, with its `Content-Type`: no fields then.
pub(super) struct OptionalFields(pub(super) Fields);

impl<S: Sync> FromRequest<S> for OptionalFields {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        // What ends before it begins is no body, whatever it is declared as.
        if request.body().is_end_stream() {
            return Ok(Self(Fields::default()));
        }
        Fields::from_request(request, state).await.map(Self)
    }
}

/// The whole body, if it is not too large.
pub(super) async fn collect(request: Request) -> Result<Bytes, Refusal> {
    collect_most(request, MAX_BODY).await
}

/// The same with a limit of its own.
pub(super) async fn collect_most(request: Request, most: usize) -> Result<Bytes, Refusal> {
    let body = request.into_body();
    // Refused before the client is asked to send it.
    if body.size_hint().lower() > most as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let body = Limited::new(body, most)
        .collect()
        .await
        .map_err(|error| if error.is::<LengthLimitError>() { Refusal::BodyTooLarge } else { Refusal::BodyBroken })?;
    Ok(body.to_bytes())
}

/// Whether there is exactly one `Content-Type`, and it is of this media type, with whatever parameters.
pub(super) fn is_of(content_type: GetAll<'_, HeaderValue>, wanted: &[u8]) -> bool {
    let mut lines = content_type.iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let media_type = line.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(wanted)
}
