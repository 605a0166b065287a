//! Sessions: begun by a login, or by an application for one of its users; listed and ended by the user.

use std::str::FromStr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use super::caller::{Caller, MaybeCaller};
use super::fields::Fields;
use super::login;
use super::page::{OfNoun, PathId, QueryFields, Window};
use super::peer::Peer;
use super::recording::Recording;
use super::refusal::Refusal;
use super::rights::Rights;
use super::rules::Rules;
use super::tokens::json;
use super::wire::{Begun, Page, TokenRecord};
use super::{AdminState, Shared};
use crate::audit::{Actor, Change, Object};
use crate::auth::{LifecycleError, NewToken};
use crate::model::{AccountId, Action, Kind, Token, TokenId, Usage, UserId};

/// How many tokens one call looks at for the sessions among them; the rest is for the next call.
const MOST_LOOKED_AT: usize = 2_048;
const BATCH: usize = 256;

/// Management of other people's sessions.
pub(super) const SESSIONS: &str = "keygate.sessions";

/// A session's id in a path.
pub(super) struct SessionId(TokenId);

/// Where a list of sessions goes on: behind this token of this account.
#[derive(Clone, Copy)]
struct Place(AccountId, TokenId);

pub(super) async fn create(
    State(state): State<Shared>,
    peer: Peer,
    recording: Recording,
    MaybeCaller(caller): MaybeCaller,
    fields: Fields,
) -> Result<Response, Refusal> {
    let login = login::admit(fields, caller.as_ref(), peer, &recording, &state).await?;
    let rules = Rules::of(login.account, &state)?;
    rules.check_session()?;
    let Rights { grants, roles } = Rights::of_user();
    let now = state.lifecycle.clock().wall();
    let new = NewToken {
        kind: Kind::Session,
        roles,
        user: Some(login.user),
        expires: Some(now.plus(rules.policy.session_lifetime)),
        created_by: caller.as_ref().map(|caller| caller.token().id),
        ..NewToken::service(login.account, "", grants)
    };
    if caller.is_none() {
        recording.acts(Actor::user(login.user, login.account));
        recording.begin().await?;
    }
    let (token, text) = state.lifecycle.begin_session(new, login.password).await?;
    recording.done(Object::token(&token), Change::made(&token));
    let record = TokenRecord::new(&token, Usage::default(), now);
    let mut response = json(StatusCode::CREATED, &Begun { record, token: text.expose() });
    let location = HeaderValue::try_from(format!("/v1/sessions/{}", token.id)).expect("an id is ASCII");
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// The sessions of the caller's user, in all accounts that it is a member of.
pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let Window { after, limit } = Window::<Place>::take(&mut query);
    query.finish_query()?;
    let user = caller.user().and_then(|id| state.users.get(id)).ok_or(Refusal::NoUser)?;
    let mut accounts: Vec<_> = user.memberships.iter().map(|membership| membership.account).collect();
    accounts.sort();
    let (sessions, next) = select(&state, user.id, &accounts, after, limit).await?;
    let usage = state.lifecycle.usage(sessions.iter().map(|token| token.id).collect()).await?;
    let now = state.lifecycle.clock().wall();
    let items = sessions.iter().zip(usage).map(|(token, usage)| TokenRecord::new(token, usage, now)).collect();
    Ok(json(
        StatusCode::OK,
        &Page { items, next: next.map(|Place(account, token)| format!("{account}.{token}")), count: None },
    ))
}

/// Logs out: the session is gone, and nobody can tell that it was there.
pub(super) async fn end_current(State(state): State<Shared>, caller: Caller) -> Result<Response, Refusal> {
    if caller.token().kind != Kind::Session {
        return Err(Refusal::NotASession);
    }
    state.lifecycle.delete(caller.token().id).await?;
    caller.record(Object::token(caller.token()), Change::gone(caller.token()));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends a session of the caller's user, or, with the right to, one of somebody else.
pub(super) async fn end(
    State(state): State<Shared>,
    caller: Caller,
    PathId(SessionId(id)): PathId<SessionId>,
) -> Result<Response, Refusal> {
    let token = match state.lifecycle.get(id).await {
        Err(LifecycleError::NoToken(_)) => None,
        found => Some(found?),
    };
    let session = token.filter(|token| token.kind == Kind::Session && may_end(token, &caller, &state));
    let session = session.ok_or(Refusal::NoSuch("session"))?;
    state.lifecycle.delete(id).await?;
    caller.record(Object::token(&session), Change::gone(&session));
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn may_end(token: &Token, caller: &Caller, state: &AdminState) -> bool {
    let is_own = caller.user().is_some() && token.user == caller.user();
    is_own
        || (state.accounts.reaches(caller.account(), token.account)
            && caller.effective(state).allow(SESSIONS, Action::Delete))
}

/// At most `limit` sessions of the user, and where to go on.
async fn select(
    state: &AdminState,
    user: UserId,
    accounts: &[AccountId],
    after: Option<Place>,
    limit: usize,
) -> Result<(Vec<Token>, Option<Place>), Refusal> {
    let mut found = Vec::new();
    let (mut looked_at, mut place) = (0, after);
    for &account in accounts.iter().filter(|&&account| after.is_none_or(|Place(begin, _)| account >= begin)) {
        loop {
            let last = place.filter(|place| place.0 == account).map(|Place(_, token)| token);
            let tokens = state.lifecycle.list(account, last, BATCH).await?;
            let is_end = tokens.len() < BATCH;
            for token in tokens {
                if found.len() == limit || looked_at == MOST_LOOKED_AT {
                    return Ok((found, place));
                }
                looked_at += 1;
                place = Some(Place(account, token.id));
                if token.kind == Kind::Session && token.user == Some(user) {
                    found.push(token);
                }
            }
            if is_end {
                break;
            }
        }
    }
    Ok((found, None))
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (account, token) = text.split_once('.').ok_or(())?;
        Ok(Self(account.parse().map_err(drop)?, token.parse().map_err(drop)?))
    }
}

impl FromStr for SessionId {
    type Err = <TokenId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl OfNoun for SessionId {
    const NOUN: &'static str = "session";
}
