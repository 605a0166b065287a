//! What a token was used for of late, and the check of it before a deletion.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::caller::Caller;
use super::page::PathId;
use super::refusal::Refusal;
use super::rules::Rules;
use super::tokens::{json, within_reach};
use super::wire::UsageRecord;
use super::{AdminState, Shared};
use crate::model::{Token, TokenId, Usage};

/// Routes and peers that a message names.
const MOST_NAMED: usize = 5;

pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Response, Refusal> {
    let token = within_reach(&state, &caller, id).await?;
    let usage = of(&token, &state).await?;
    let window = Rules::of(token.account, &state).ok().and_then(|rules| rules.policy.dependency_window);
    let now = state.lifecycle.clock().wall();
    Ok(json(StatusCode::OK, &UsageRecord::new(&token, &usage, window, now)))
}

async fn of(token: &Token, state: &AdminState) -> Result<Usage, Refusal> {
    Ok(state.lifecycle.usage(vec![token.id]).await?.pop().unwrap_or_default())
}

/// Refuses where the token was used within the window of its account's policy.
pub(super) async fn check(token: &Token, rules: &Rules, state: &AdminState) -> Result<(), Refusal> {
    let Some(window) = rules.policy.dependency_window else { return Ok(()) };
    let usage = of(token, state).await?;
    let now = state.lifecycle.clock().wall();
    match usage.last_used {
        Some(last) if last.plus(window) > now => Err(Refusal::TokenInUse(in_words(&usage))),
        _ => Ok(()),
    }
}

/// `it was used 12 times, the last time at …, by devices (9), files (3), from 192.0.2.7 (12)`.
fn in_words(usage: &Usage) -> String {
    let routes = usage.routes.iter().map(|seen| format!("{} ({})", seen.what, seen.requests));
    let peers = usage.peers.iter().map(|seen| format!("{} ({})", seen.what, seen.requests));
    let last = usage.last_used.map(|at| at.to_string()).unwrap_or_default();
    let (by, from) = (listed(routes), listed(peers));
    let used = match usage.requests {
        1 => format!("it was used once, at {last}"),
        more => format!("it was used {more} times, the last time at {last}"),
    };
    format!("{used}{}{}", led(", by ", &by), led(", from ", &from))
}

fn listed(all: impl Iterator<Item = String>) -> String {
    all.take(MOST_NAMED).collect::<Vec<_>>().join(", ")
}

fn led(lead: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{lead}{text}") }
}
