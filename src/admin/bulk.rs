//! Many tokens revoked by one call: those that a filter is true for, once somebody has said how many they are.
//!
//! A dry run tells the number and some of them; the call itself has to bring the number back, and where another one
//! is meant by then, nothing is done. They are revoked part by part, so that nobody else waits for long: each part
//! is announced in the audit log with the ids of its tokens, committed as a whole, and told of token by token,
//! before the next begins. What a crash cuts off is finished by calling again.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::caller::Caller;
use super::fields::Fields;
use super::refusal::Refusal;
use super::rules::shown;
use super::selection::Selection;
use super::tokens::json;
use super::wire::{Json, RevokedMany};
use super::{AdminState, Shared};
use crate::audit::{Action, Change, Object, ObjectKind};
use crate::model::{AccountId, Standing, Timestamp, Token, TokenFilter, TokenId};
use crate::problem::FieldError;
use crate::store::{Found, Search, to_second};

/// Tokens that one call revokes at most: it has to end while somebody waits for its answer.
const MOST: usize = 100_000;
/// Tokens that are looked for at a time.
const PAGE: usize = 1_000;
/// Tokens that are revoked by one commit: what other changes wait for at most.
const PART: usize = 200;
/// Tokens that are shown.
const SAMPLE: usize = 10;

/// What a body asks for.
struct Asked {
    selection: Selection,
    /// How many tokens are expected; `None`: it is only asked how many there are.
    expect: Option<u64>,
    now: Timestamp,
}

/// The tokens that are meant: their ids, and the first of them whole.
#[derive(Default)]
struct Meant {
    ids: Vec<TokenId>,
    sample: Vec<Token>,
}

pub(super) async fn revoke(State(state): State<Shared>, caller: Caller, fields: Fields) -> Result<Response, Refusal> {
    let Asked { selection, expect, now } = asked(fields, &caller, &state)?;
    if expect.is_none() {
        caller.takes_nothing_away()?;
    }
    let (account, accounts) = (selection.account(&caller, &state)?, selection.accounts(&caller, &state)?);
    let filter = selection.filter;
    let Meant { ids, mut sample } = meant(Search::of(accounts, filter.clone(), PAGE, now), &caller, &state).await?;
    let count = ids.len() as u64;
    let mut revoked = 0;
    match expect {
        None => {}
        Some(expected) if expected != count => return Err(Refusal::CountDiffers { expected, count }),
        Some(_) => {
            sample.clear();
            for part in ids.chunks(PART) {
                let done = revoke_part(part, &filter, now, &caller, &state).await?;
                revoked += done.len() as u64;
                sample.extend(done.into_iter().take(SAMPLE - sample.len()));
            }
        }
    }
    let facts = [("dry_run", expect.is_none().into()), ("count", count.into()), ("revoked", revoked.into())];
    caller.record(of_account(account), Change::noted(facts));
    let usage = state.lifecycle.usage(sample.iter().map(|token| token.id).collect()).await?;
    let sample = sample.iter().zip(usage).map(|(token, usage)| shown(&state, token, usage)).collect();
    Ok(json(StatusCode::OK, &RevokedMany { dry_run: expect.is_none(), count, revoked, sample }))
}

fn asked(mut fields: Fields, caller: &Caller, state: &AdminState) -> Result<Asked, Refusal> {
    let now = state.lifecycle.clock().wall();
    let mut selection = Selection::take(&mut fields, caller, now);
    let all = fields.take_flag("all").unwrap_or(false);
    let dry_run = fields.take_flag("dry_run").unwrap_or(false);
    let expect = take_count(&mut fields);
    if selection.account(caller, state).is_err() {
        fields.refuse("account", "there is no such account, or it is out of the token's reach");
    }
    match (selection.is_narrow(), all) {
        (false, false) => fields.refuse(
            "body",
            "has no filter, such as `label`, `unused_for` or `state`; to revoke every token of the account, say `\"all\": true`",
        ),
        (true, true) => fields.refuse("all", "is for every token of the account, and there is a filter besides"),
        _ => {}
    }
    if dry_run && expect.is_some() {
        fields.refuse("expect", "is for the call that revokes, and this one has `dry_run`");
    } else if !dry_run && expect.is_none() && !fields.is_refused("expect") {
        fields.refuse("expect", "is needed: how many tokens are meant, as the same call with `dry_run` tells");
    }
    fields.finish()?;
    // What is revoked stays so, and is not counted again.
    if selection.filter.states.is_empty() {
        selection.filter.states = Standing::NAMES.into_iter().filter(|name| *name != REVOKED).collect();
    }
    Ok(Asked { selection, expect, now })
}

const REVOKED: &str = "revoked";

fn take_count(fields: &mut Fields) -> Option<u64> {
    match fields.take("expect")? {
        Json::Whole(count) => Some(count),
        other => fields.wrong_kind("expect", "a whole number from 0 up", &other),
    }
}

/// All tokens that are meant, but for the one that calls: it would be the end of whoever manages the others.
async fn meant(mut search: Search, caller: &Caller, state: &AdminState) -> Result<Meant, Refusal> {
    let mut meant = Meant::default();
    loop {
        let Found { tokens, next } = state.lifecycle.search(search.clone()).await?;
        for token in tokens.into_iter().filter(|token| token.id != caller.token().id && !is_revoked(token)) {
            meant.ids.push(token.id);
            if meant.sample.len() < SAMPLE {
                meant.sample.push(token);
            }
        }
        if meant.ids.len() > MOST {
            let message = format!("means more than {MOST} tokens; narrow the filter, and call more than once");
            return Err(Refusal::InvalidFields(vec![FieldError { field: "body".into(), message }]));
        }
        match next {
            Some(place) => search.after = Some(place),
            None => return Ok(meant),
        }
    }
}

fn is_revoked(token: &Token) -> bool {
    matches!(token.state, crate::model::State::Revoked { .. })
}

/// Those of these tokens that were revoked: what the filter is true for no more is left alone.
async fn revoke_part(
    ids: &[TokenId],
    filter: &TokenFilter,
    now: Timestamp,
    caller: &Caller,
    state: &AdminState,
) -> Result<Vec<Token>, Refusal> {
    let usage = state.lifecycle.usage(ids.to_vec()).await?;
    let last_used = ids.iter().zip(usage).filter_map(|(id, usage)| Some((*id, to_second(usage.last_used?))));
    let last_used: HashMap<TokenId, Timestamp> = last_used.collect();
    let recording = caller.recording();
    let named = ids.iter().map(ToString::to_string).collect();
    let intent = recording.begin_part(Action::TokenRevoke, Change::noted([("tokens", named)])).await;
    let is_meant = |token: &Token| filter.has(token, last_used.get(&token.id).copied(), now);
    let done = state.lifecycle.revoke_all(ids, is_meant).await.map_err(Refusal::from);
    let entries = done.as_ref().map(|done| {
        let entry = |(before, after): &(Token, Token)| (Object::token(after), Change::edited(before, after));
        done.iter().map(entry).collect()
    });
    recording.end_part(intent, Action::TokenRevoke, entries).await;
    Ok(done?.into_iter().map(|(_, after)| after).collect())
}

fn of_account(account: AccountId) -> Object {
    Object { account: Some(account), ..Object::of_id(ObjectKind::Account, account) }
}
