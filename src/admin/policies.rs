//! Policies: which there are, and which holds in an account. They are made in the configuration.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Shared;
use super::accounts::within_reach;
use super::caller::Caller;
use super::page::{PathId, QueryFields};
use super::refusal::Refusal;
use super::rules::Rules;
use super::tokens::json;
use super::wire::{Page, PolicyRecord};
use crate::model::AccountId;

/// All of them: they are as many as the configuration has.
pub(super) async fn list(
    State(state): State<Shared>,
    _: Caller,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    query.finish_query()?;
    let items = state.policies.iter().map(|policy| PolicyRecord::new(policy)).collect();
    Ok(json(StatusCode::OK, &Page { items, next: None, count: None }))
}

/// The one that holds in the account.
pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
) -> Result<Response, Refusal> {
    let account = within_reach(&state, &caller, id)?;
    Ok(json(StatusCode::OK, &PolicyRecord::new(&Rules::of(account.id, &state)?.policy)))
}
