//! Tokens: create, list, show, edit, disable, enable, revoke, delete.
//!
//! A token of an account that the caller does not reach is answered as one that is not there.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::caller::Caller;
use super::fields::Fields;
use super::page::{PathId, QueryFields};
use super::refusal::Refusal;
use super::rules::{Rules, shown};
use super::token_input::{Selection, edit as edit_of, new_token};
use super::wire::{self, Created, Page};
use super::{AdminState, Shared, usage};
use crate::audit::{Change, Object};
use crate::model::{Token, TokenId, TokenText, Usage};

/// How many tokens one read of a filtered list takes from the store.
const BATCH: usize = 256;
/// How many tokens one call looks at for a filter; the rest is for the next call.
const MOST_LOOKED_AT: usize = 2_048;

pub(super) async fn create(State(state): State<Shared>, caller: Caller, fields: Fields) -> Result<Response, Refusal> {
    let (token, text) = state.lifecycle.create(new_token(fields, &caller, &state)?).await?;
    caller.record(Object::token(&token), Change::made(&token));
    let record = shown(&state, &token, Usage::default());
    let curl = curl_line(&text, &state);
    let created = Created { record, token: text.expose(), curl: &curl };
    let mut response = json(StatusCode::CREATED, &created);
    let location = HeaderValue::try_from(format!("/v1/tokens/{}", token.id)).expect("an id is ASCII");
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    let selection = Selection::of(query, &caller, &state)?;
    let (tokens, next) = select(&state, &selection).await?;
    let usage = state.lifecycle.usage(tokens.iter().map(|token| token.id).collect()).await?;
    let items = tokens.iter().zip(usage).map(|(token, usage)| shown(&state, token, usage)).collect();
    Ok(json(StatusCode::OK, &Page { items, next: next.map(|id| id.to_string()) }))
}

pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let token = within_reach(&state, &caller, id).await?;
    record(&state, &token).await
}

pub(super) async fn edit(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    fields: Fields,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.edit(id, edit_of(fields, &before, &caller, &state)?).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn disable(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.disable(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn enable(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.enable(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn revoke(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.revoke(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn delete(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let token = within_reach(&state, &caller, id).await?;
    let confirm = query.take_text("confirm");
    let acknowledged = query.take_text("acknowledge");
    if acknowledged.as_ref().is_some_and(|what| what != "use") {
        query.refuse("acknowledge", "must be `use`");
    }
    query.finish_query()?;
    let rules = Rules::of(token.account, &state)?;
    rules.check_confirmation(&token, confirm.as_deref())?;
    if acknowledged.is_none() {
        usage::check(&token, &rules, &state).await?;
    }
    state.lifecycle.delete(id).await?;
    caller.record(Object::token(&token), Change::gone(&token));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The token, if the caller reaches its account. A token never changes its account, so what is done
/// to it after this is done to one within reach.
pub(super) async fn within_reach(state: &AdminState, caller: &Caller, id: TokenId) -> Result<Token, Refusal> {
    let token = state.lifecycle.get(id).await?;
    if state.accounts.reaches(caller.account(), token.account) { Ok(token) } else { Err(Refusal::NoSuch("token")) }
}

pub(super) async fn record(state: &AdminState, token: &Token) -> Result<Response, Refusal> {
    let usage = state.lifecycle.usage(vec![token.id]).await?.pop().unwrap_or_default();
    Ok(json(StatusCode::OK, &shown(state, token, usage)))
}

/// The selected tokens, and after which one to go on; `None` at the end of the list.
async fn select(state: &AdminState, selection: &Selection) -> Result<(Vec<Token>, Option<TokenId>), Refusal> {
    let now = state.lifecycle.clock().wall();
    let limit = selection.window.limit;
    // One more than asked for tells whether there are more.
    let batch = if selection.is_filtered() { BATCH } else { limit + 1 };
    let mut after = selection.window.after;
    let mut found = Vec::new();
    let mut looked_at = 0;
    loop {
        let tokens = state.lifecycle.list(selection.account, after, batch).await?;
        let is_last = tokens.len() < batch;
        for token in tokens {
            if found.len() == limit || looked_at == MOST_LOOKED_AT {
                return Ok((found, after));
            }
            looked_at += 1;
            after = Some(token.id);
            if selection.has(&token, now) {
                found.push(token);
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
}

/// A line for a shell that tries the token.
pub(super) fn curl_line(text: &TokenText, state: &AdminState) -> Zeroizing<String> {
    let url = format!("{}/{}", state.proxy_url.trim_end_matches('/'), state.example_path.trim_start_matches('/'));
    let url = url.replace('\'', "%27");
    Zeroizing::new(format!("curl -i -H 'Authorization: Bearer {}' '{url}'", text.expose()))
}

pub(super) fn json(status: StatusCode, record: &impl wire::Record) -> Response {
    let mut response = Response::new(Body::from(wire::to_bytes(record)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
