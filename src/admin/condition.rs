//! `If-Match` and `If-None-Match` (RFC 9110 section 13.1): changes of an object as it was read, and of no
//! other; and no second sending of what is known.
//!
//! The `ETag` of an object is the number of its record's last change. What is shown besides, its use and
//! what follows from the clock, is not in it.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::refusal::Refusal;
use crate::model::Revision;

/// What a request says of the object's revision.
pub(super) struct Condition {
    wanted: Option<Tags>,
    known: Option<Tags>,
}

enum Tags {
    /// `*`
    Any,
    These(Vec<String>),
}

impl Condition {
    /// The revision at which the object has to be when it is changed; `None`: any. Refuses where it is at
    /// another one already.
    pub(super) fn expected(&self, present: Revision) -> Result<Option<Revision>, Refusal> {
        match &self.wanted {
            None | Some(Tags::Any) => Ok(None),
            Some(Tags::These(tags)) if tags.contains(&tag(present)) => Ok(Some(present)),
            Some(Tags::These(_)) => Err(Refusal::Stale),
        }
    }

    /// The answer with its tag; without its contents where the client has them.
    pub(super) fn answer(&self, present: Revision, response: Response) -> Response {
        let is_known = match &self.known {
            None => false,
            Some(Tags::Any) => true,
            // The weak comparison: the `W/` that something in between may have put before it is passed over.
            Some(Tags::These(tags)) => tags.iter().any(|known| known.trim_start_matches("W/") == tag(present)),
        };
        let response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { response };
        tagged(present, response)
    }
}

pub(super) fn tagged(revision: Revision, mut response: Response) -> Response {
    response.headers_mut().insert(ETAG, HeaderValue::try_from(tag(revision)).expect("digits and quotes"));
    response
}

fn tag(Revision(number): Revision) -> String {
    format!("\"{number}\"")
}

/// What the header says, in one line or in several; one that is no text matches nothing.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Tags> {
    let mut found = None;
    for line in headers.get_all(name) {
        let tags = found.get_or_insert_with(Vec::new);
        for tag in line.to_str().unwrap_or_default().split(',') {
            if tag.trim() == "*" {
                return Some(Tags::Any);
            }
            tags.push(tag.trim().to_owned());
        }
    }
    found.map(Tags::These)
}

impl<S: Sync> FromRequestParts<S> for Condition {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self { wanted: tags(&parts.headers, &IF_MATCH), known: tags(&parts.headers, &IF_NONE_MATCH) })
    }
}
