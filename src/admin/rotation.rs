//! Rotation: another text for a token, and the end of the old one: at once, later, or not after all.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::body::OptionalFields;
use super::caller::Caller;
use super::condition::tagged;
use super::page::PathId;
use super::refusal::Refusal;
use super::repeat::{self, OptionalCreation};
use super::reveal::may_see;
use super::rules::{Rules, shown};
use super::tokens::{curl_line, json, record, within_reach};
use super::wire::Created;
use super::{Shared, expiry};
use crate::audit::{Change, Object};
use crate::auth::Rotate;
use crate::model::{Reveal, TokenId};

/// Whoever gets the new text can do what the token can: so it takes what making such a token takes.
pub(super) async fn rotate(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    OptionalCreation(creation): OptionalCreation,
) -> Result<Response, Refusal> {
    let (mut fields, once) = match creation.begin() {
        Ok(begun) => begun,
        Err(again) => return repeat::token(&again, StatusCode::OK, &caller, &state).await,
    };
    let before = within_reach(&state, &caller, id).await?;
    let rules = Rules::of(before.account, &state)?;
    let overlap = rules.take_overlap(&mut fields);
    let ends_running = fields.take_flag("end_overlap").unwrap_or(false);
    fields.finish()?;
    may_see(&before, &caller, &state)?;
    rules.check_rotation()?;
    let retrievable = rules.policy.reveal == Reveal::Retrievable;
    let rotate = Rotate { overlap, ends_running, by: Some(caller.token().id), retrievable };
    let (token, text) = state.lifecycle.once(once).rotate(id, rotate).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    let usage = state.lifecycle.usage(vec![id]).await?.pop().unwrap_or_default();
    let (record, curl) = (shown(&state, &token, usage), curl_line(&text, &state));
    Ok(tagged(token.revision, json(StatusCode::OK, &Created { record, token: Some(text.expose()), curl: Some(&curl) })))
}

/// The old text is refused from now on.
pub(super) async fn end(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.end_overlap(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

/// The old text is good for longer, as far as the policy goes.
pub(super) async fn extend(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    OptionalFields(mut fields): OptionalFields,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let rules = Rules::of(before.account, &state)?;
    let by = fields.take_text("by").and_then(|text| expiry::length(&text)).filter(|by| !by.is_zero());
    if by.is_none() && !fields.is_refused("by") {
        fields.refuse("by", "is needed: the length of time by which the old text is valid longer, such as `1d`");
    }
    fields.finish()?;
    let token = state.lifecycle.extend_overlap(id, by.unwrap_or_default(), rules.policy.rotation.max_overlap).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

/// The old text takes its place back, and the new one is refused from now on.
pub(super) async fn undo(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.undo_rotation(id, Some(caller.token().id)).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}
