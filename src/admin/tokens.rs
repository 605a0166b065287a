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
use super::condition::{Condition, tagged};
use super::cursor::List;
use super::fields::Fields;
use super::page::{PathId, QueryFields, take_limit};
use super::projection::Projection;
use super::refusal::Refusal;
use super::repeat::{self, Creation};
use super::rules::{Rules, shown};
use super::selection::{Selection, take_order};
use super::token_input::{edit as edit_of, new_token};
use super::wire::{self, Created, Page, TokenRecord};
use super::{AdminState, Shared, cursor, usage};
use crate::audit::{Change, Object};
use crate::model::{Token, TokenId, TokenText, Usage};
use crate::store::{Count, Found, Search, SortBy};

/// What a list can be sorted by.
const SORTS: [(&str, SortBy); 4] = [
    ("created", SortBy::Created),
    ("name", SortBy::Name),
    ("expires", SortBy::Expires),
    ("last_used", SortBy::LastUsed),
];

/// What `sort` can say.
pub(super) fn orders() -> Vec<String> {
    SORTS.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]).collect()
}

pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    creation: Creation,
) -> Result<Response, Refusal> {
    let (fields, once) = match creation.begin() {
        Ok(begun) => begun,
        Err(again) => return repeat::token(&again, StatusCode::CREATED, &caller, &state).await,
    };
    let (token, text) = state.lifecycle.once(once).create(new_token(fields, &caller, &state)?).await?;
    caller.record(Object::token(&token), Change::made(&token));
    let record = shown(&state, &token, Usage::default());
    let curl = curl_line(&text, &state);
    let created = Created { record, token: Some(text.expose()), curl: Some(&curl) };
    Ok(tagged(token.revision, made(token.id, &created)))
}

pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let now = state.lifecycle.clock().wall();
    let selection = Selection::take(&mut query, &caller, now);
    let order = take_order(&mut query, &SORTS);
    let (after, limit) = (cursor::take(&mut query, List::Tokens, order), take_limit(&mut query));
    let counted = query.take_switch("count").unwrap_or(false);
    let projection = Projection::take(&mut query, &TokenRecord::FIELDS);
    query.finish_query()?;
    let accounts = selection.accounts(&caller, &state)?;
    let search = Search { accounts, filter: selection.filter, order, after, limit, now };
    let count = if counted { Some(count(&state, &search).await?) } else { None };
    let Found { tokens, next } = state.lifecycle.search(search).await?;
    let usage = state.lifecycle.usage(tokens.iter().map(|token| token.id).collect()).await?;
    let items = tokens.iter().zip(usage).map(|(token, usage)| projection.of(shown(&state, token, usage))).collect();
    let next = next.map(|place| cursor::text(List::Tokens, order, &place));
    Ok(json(StatusCode::OK, &Page { items, next, count }))
}

/// How many there are; `None`: too many to be counted in one call.
pub(super) async fn count(state: &AdminState, search: &Search) -> Result<Option<u64>, Refusal> {
    Ok(match state.lifecycle.count(search.clone()).await? {
        Count::Exactly(count) => Some(count),
        Count::TooMany => None,
    })
}

pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    condition: Condition,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let projection = Projection::take(&mut query, &TokenRecord::FIELDS);
    query.finish_query()?;
    let token = within_reach(&state, &caller, id).await?;
    let usage = state.lifecycle.usage(vec![id]).await?.pop().unwrap_or_default();
    Ok(condition.answer(token.revision, json(StatusCode::OK, &projection.of(shown(&state, &token, usage)))))
}

pub(super) async fn edit(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    condition: Condition,
    fields: Fields,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let expected = condition.expected(before.revision)?;
    let token = state.lifecycle.at(expected).edit(id, edit_of(fields, &before, &caller, &state)?).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn disable(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    condition: Condition,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.at(condition.expected(before.revision)?).disable(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn enable(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    condition: Condition,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.at(condition.expected(before.revision)?).enable(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn revoke(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    condition: Condition,
) -> Result<Response, Refusal> {
    let before = within_reach(&state, &caller, id).await?;
    let token = state.lifecycle.at(condition.expected(before.revision)?).revoke(id).await?;
    caller.record(Object::token(&token), Change::edited(&before, &token));
    record(&state, &token).await
}

pub(super) async fn delete(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
    condition: Condition,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let token = within_reach(&state, &caller, id).await?;
    let expected = condition.expected(token.revision)?;
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
    state.lifecycle.at(expected).delete(id).await?;
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
    Ok(tagged(token.revision, json(StatusCode::OK, &shown(state, token, usage))))
}

/// A line for a shell that tries the token.
pub(super) fn curl_line(text: &TokenText, state: &AdminState) -> Zeroizing<String> {
    let (socket, url) = match state.proxy_url.strip_prefix("unix:") {
        Some(path) => (format!(" --unix-socket '{}'", path.replace('\'', "'\\''")), "http://localhost"),
        None => (String::new(), state.proxy_url.trim_end_matches('/')),
    };
    let url = format!("{url}/{}", state.example_path.trim_start_matches('/')).replace('\'', "%27");
    Zeroizing::new(format!("curl -i{socket} -H 'Authorization: Bearer {}' '{url}'", text.expose()))
}

pub(super) fn json(status: StatusCode, record: &impl wire::Record) -> Response {
    let mut response = Response::new(Body::from(wire::to_bytes(record)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A token that is new.
pub(super) fn made(id: TokenId, created: &Created<'_>) -> Response {
    located(format!("/v1/tokens/{id}"), json(StatusCode::CREATED, created))
}

/// Says where the object that was made is. `path` is of ids and fixed parts alone.
pub(super) fn located(path: String, mut response: Response) -> Response {
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(path).expect("ids are ASCII"));
    response
}
