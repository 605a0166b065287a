//! Webhooks: how they are, what they could not deliver, and a try. They are made in the configuration, for
//! the whole installation, so that only the root account sees them.

use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::Shared;
use super::body::OptionalFields;
use super::caller::Caller;
use super::fields::Fields;
use super::page::QueryFields;
use super::refusal::Refusal;
use super::tokens::json;
use super::wire::{AttemptRecord, DeadLetterRecord, Discarded, Json, Page, Redelivered, WebhookRecord};
use crate::audit::{Change, Object, ObjectKind};

/// Ids in one call.
const MOST_IDS: usize = 1_000;
const IDS: &str = "a list of ids of messages, or \"all\"";

/// The name in a path.
pub(super) struct PathName(String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| Self(text)).map_err(|_| Refusal::NoSuch("webhook"))
    }
}

pub(super) async fn list(
    State(state): State<Shared>,
    _: Caller,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    query.finish_query()?;
    let items = state.webhooks.list().into_iter().map(WebhookRecord::new).collect();
    Ok(json(StatusCode::OK, &Page { items, next: None, count: None }))
}

pub(super) async fn get(
    State(state): State<Shared>,
    _: Caller,
    PathName(name): PathName,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    query.finish_query()?;
    let found = state.webhooks.list().into_iter().find(|webhook| webhook.name == name);
    Ok(json(StatusCode::OK, &WebhookRecord::new(found.ok_or(Refusal::NoSuch("webhook"))?)))
}

/// The dead letters, the oldest first: as many as are kept.
pub(super) async fn dead(
    State(state): State<Shared>,
    _: Caller,
    PathName(name): PathName,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    query.finish_query()?;
    let letters = state.webhooks.dead(&name).ok_or(Refusal::NoSuch("webhook"))?;
    let items = letters.into_iter().map(DeadLetterRecord::new).collect();
    Ok(json(StatusCode::OK, &Page { items, next: None, count: None }))
}

pub(super) async fn letter(
    State(state): State<Shared>,
    _: Caller,
    Path((name, id)): Path<(String, String)>,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    query.finish_query()?;
    let letters = state.webhooks.dead(&name).ok_or(Refusal::NoSuch("webhook"))?;
    let found = letters.into_iter().find(|letter| letter.id == id).ok_or(Refusal::NoSuch("dead letter"))?;
    Ok(json(StatusCode::OK, &DeadLetterRecord::new(found)))
}

/// Sends a message that says nothing, and answers how the receiver took it.
pub(super) async fn test(
    State(state): State<Shared>,
    caller: Caller,
    PathName(name): PathName,
) -> Result<Response, Refusal> {
    let attempt = state.webhooks.test(&name).await.ok_or(Refusal::NoSuch("webhook"))?;
    caller.record(Object::of_id(ObjectKind::Webhook, &name), Change::none());
    Ok(json(StatusCode::OK, &AttemptRecord::new(&attempt)))
}

/// Puts dead letters into the line again: those with the `ids`, or all.
pub(super) async fn redeliver(
    State(state): State<Shared>,
    caller: Caller,
    PathName(name): PathName,
    OptionalFields(mut fields): OptionalFields,
) -> Result<Response, Refusal> {
    let ids = take_ids(&mut fields);
    fields.finish()?;
    let moved = state.webhooks.redeliver(&name, ids.as_deref()).ok_or(Refusal::NoSuch("webhook"))?;
    let fact = ("messages", moved.into());
    caller.record(Object::of_id(ObjectKind::Webhook, &name), Change::noted([fact]));
    Ok(json(StatusCode::OK, &Redelivered { redelivered: moved }))
}

/// Forgets dead letters: those with the `ids`, or all where that is what `ids` says.
pub(super) async fn discard(
    State(state): State<Shared>,
    caller: Caller,
    PathName(name): PathName,
    mut fields: Fields,
) -> Result<Response, Refusal> {
    if !fields.has("ids") {
        fields.refuse("ids", "is missing: write a list of ids of messages, or \"all\"");
    }
    let ids = take_ids(&mut fields);
    fields.finish()?;
    let gone = state.webhooks.discard(&name, ids.as_deref()).ok_or(Refusal::NoSuch("webhook"))?;
    let fact = ("messages", gone.into());
    caller.record(Object::of_id(ObjectKind::Webhook, &name), Change::noted([fact]));
    Ok(json(StatusCode::OK, &Discarded { discarded: gone }))
}

/// `None`: all, for which the field may be absent too.
fn take_ids(fields: &mut Fields) -> Option<Vec<String>> {
    let items = match fields.take("ids")? {
        Json::Text(all) if all == "all" => return None,
        Json::List(items) => items,
        other => return fields.wrong_kind("ids", IDS, &other),
    };
    if items.is_empty() || items.len() > MOST_IDS {
        fields.refuse("ids", format!("must have 1 to {MOST_IDS} ids; \"all\" for all"));
    }
    let mut ids = Vec::new();
    for item in items.into_iter().take(MOST_IDS) {
        match item {
            Json::Text(id) => ids.push(id),
            other => return fields.wrong_kind("ids", IDS, &other),
        }
    }
    Some(ids)
}
