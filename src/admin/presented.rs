//! Calls about a token's text: what it is worth (RFC 7662), and that it is worth nothing from now on
//! (RFC 7009). Whoever holds a token may ask about it and give it up; for others it takes a right.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Caller;
use super::endpoint::{INTROSPECTION, TOKENS};
use super::form::TokenForm;
use super::refusal::Refusal;
use super::tokens::{json, record};
use super::wire::Introspection;
use super::{AdminState, Shared};
use crate::audit::{Change, Object};
use crate::auth::{LifecycleError, Principal, Verdict, standing};
use crate::model::{Action, Secret, Token};

/// What the text is worth now: the decision that the proxy would make, and not what is remembered of it.
pub(super) async fn introspect(
    State(state): State<Shared>,
    caller: Caller,
    form: TokenForm,
) -> Result<Response, Refusal> {
    let about = asked(&state, &caller, form, INTROSPECTION, Action::Read).await?;
    let now = state.lifecycle.clock().wall();
    let active = about.filter(|principal| standing(principal, &state.accounts, now).is_ok());
    let answer = active.map_or(Introspection::Inactive { active: false }, |principal| {
        let login = principal.token.user.and_then(|user| state.users.get(user)).map(|user| user.login.to_string());
        Introspection::of(&principal, &principal.effective(&state.accounts), login)
    });
    Ok(json(StatusCode::OK, &answer))
}

/// Whether there was something to revoke is not told (RFC 7009 section 2.2).
pub(super) async fn revoke(State(state): State<Shared>, caller: Caller, form: TokenForm) -> Result<Response, Refusal> {
    if let Some(principal) = asked(&state, &caller, form, TOKENS, Action::Delete).await? {
        match give_up(&state, &caller, &principal).await {
            // Somebody else was faster.
            Ok(_) | Err(Refusal::NoSuch(_) | Refusal::NoOverlap | Refusal::AlreadyRevoked) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(StatusCode::OK.into_response())
}

/// The token that makes the call gives itself up.
pub(super) async fn revoke_self(State(state): State<Shared>, caller: Caller) -> Result<Response, Refusal> {
    let token = give_up(&state, &caller, caller.principal()).await?;
    record(&state, &token).await
}

/// Whose the text is, if it is the caller's own or of somebody within its reach. Who lacks the right is
/// told so whatever the text is, and learns nothing about it.
async fn asked(
    state: &AdminState,
    caller: &Caller,
    form: TokenForm,
    resource: &'static str,
    action: Action,
) -> Result<Option<Arc<Principal>>, Refusal> {
    let (_, verdict) = state.verifier.verify(form.text()).await;
    let about = match verdict.map_err(|error| Refusal::Store(error.0))? {
        Verdict::Known(principal) => Some(principal),
        Verdict::Unknown | Verdict::NotAToken(_) => None,
    };
    if about.as_ref().is_some_and(|principal| principal.token.id == caller.token().id) {
        return Ok(about);
    }
    caller.may(state, resource, action)?;
    Ok(about.filter(|principal| state.accounts.reaches(caller.account(), principal.token.account)))
}

/// Ends what was presented: a token by its present text; by an old one, that text alone, since the token
/// goes on with another.
async fn give_up(state: &AdminState, caller: &Caller, principal: &Principal) -> Result<Token, Refusal> {
    let before = &principal.token;
    let ended: Result<Token, LifecycleError> = match principal.secret {
        Secret::Present => state.lifecycle.revoke(before.id).await,
        Secret::Old => state.lifecycle.end_overlap(before.id).await,
    };
    let token = ended?;
    caller.record(Object::token(&token), Change::edited(before, &token));
    Ok(token)
}
