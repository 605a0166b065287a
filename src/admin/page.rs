//! Which part of a list is asked for: `?limit=…&cursor=…`.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;

use super::fields::Fields;
use super::refusal::Refusal;
use crate::problem::FieldError;

const DEFAULT: usize = 50;
const MOST: usize = 200;

/// From the first object after `after`, at most `limit`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<I> {
    pub(super) after: Option<I>,
    pub(super) limit: usize,
}

/// Takes `limit`.
pub(super) fn take_limit(query: &mut Fields) -> usize {
    match query.take_text("limit").map(|text| text.parse()) {
        None => DEFAULT,
        Some(Ok(limit @ 1..=MOST)) => limit,
        Some(_) => {
            query.refuse("limit", format!("must be a whole number from 1 to {MOST}"));
            DEFAULT
        }
    }
}

impl<I: FromStr> Window<I> {
    pub(super) fn take(query: &mut Fields) -> Self {
        let limit = take_limit(query);
        // A cursor is the id of the last object before it; clients are not told, so it may change.
        let after = match query.take_text("cursor").map(|text| text.parse()) {
            None => None,
            Some(Ok(after)) => Some(after),
            Some(Err(_)) => {
                query.refuse("cursor", "is not the `next` of an earlier answer; leave it out to begin at the start");
                None
            }
        };
        Self { after, limit }
    }
}

/// The parameters of a query, each a text.
pub(super) struct QueryFields(pub(super) Fields);

impl<S: Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let pairs = Query::try_from_uri(&parts.uri).map_err(|_| {
            let message = "is not made of `name=value` pairs joined by `&`".into();
            Refusal::InvalidQuery(vec![FieldError { field: "query".into(), message }])
        })?;
        Ok(Self(Fields::of_query(pairs.0)))
    }
}

/// The id in a path; one that cannot be an id is the id of nothing.
pub(super) struct PathId<I>(pub(super) I);

/// What an id is of, for "there is no such …".
pub(super) trait OfNoun: FromStr {
    const NOUN: &'static str;
}

impl OfNoun for crate::model::TokenId {
    const NOUN: &'static str = "token";
}

impl OfNoun for crate::model::AccountId {
    const NOUN: &'static str = "account";
}

impl OfNoun for crate::model::UserId {
    const NOUN: &'static str = "user";
}

impl<I: OfNoun, S: Send + Sync> FromRequestParts<S> for PathId<I> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or(Refusal::NoSuch(I::NOUN))
    }
}
