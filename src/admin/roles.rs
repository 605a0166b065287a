//! Roles: which there are, and what each gives. They are made in the configuration.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Shared;
use super::caller::Caller;
use super::page::QueryFields;
use super::refusal::Refusal;
use super::tokens::json;
use super::wire::{Page, RoleRecord};

/// All of them: they are as many as the configuration has.
pub(super) async fn list(
    State(state): State<Shared>,
    _: Caller,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    query.finish_query()?;
    let items = state.users.roles().iter().map(|(name, role)| RoleRecord::new(name, role)).collect();
    Ok(json(StatusCode::OK, &Page { items, next: None, count: None }))
}
