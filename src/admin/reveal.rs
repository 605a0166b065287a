//! Seeing a token's text again, where the account's policy keeps a copy of it.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Shared;
use super::caller::Caller;
use super::page::PathId;
use super::refusal::Refusal;
use super::rights::Rights;
use super::rules::Rules;
use super::tokens::{curl_line, json, within_reach};
use super::wire::Revealed;
use crate::audit::{Change, Object};
use crate::model::{Reveal, Token, TokenId};

/// Whoever sees the text can do what the token can: so it takes the right to make such a token.
pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let token = within_reach(&state, &caller, id).await?;
    may_see(&token, &caller, &state)?;
    if Rules::of(token.account, &state)?.policy.reveal == Reveal::Once {
        return Err(Refusal::NotRetrievable);
    }
    let text = state.lifecycle.reveal(&token)?.ok_or(Refusal::NotRetrievable)?;
    caller.record(Object::token(&token), Change::none());
    let curl = curl_line(&text, &state);
    Ok(json(StatusCode::OK, &Revealed { id: id.to_string(), token: text.expose(), curl: &curl }))
}

/// A person's token is for that person; any other for who has all that it has.
pub(super) fn may_see(token: &Token, caller: &Caller, state: &super::AdminState) -> Result<(), Refusal> {
    match token.user {
        Some(user) if caller.user() == Some(user) => Ok(()),
        Some(_) => Err(Refusal::NotYours),
        None => {
            let rights = Rights { grants: token.grants.clone(), roles: token.roles.clone() };
            rights.held_within(&caller.effective(state), &state.users)
        }
    }
}
