//! Sessions: begun by a login, or by an application for one of its users; listed and ended by the user.

use std::str::FromStr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::{Caller, MaybeCaller};
use super::cursor::{self, List};
use super::login;
use super::page::{OfNoun, PathId, QueryFields, take_limit};
use super::peer::Peer;
use super::projection::Projection;
use super::recording::Recording;
use super::refusal::Refusal;
use super::repeat::{self, Creation};
use super::rights::Rights;
use super::rules::Rules;
use super::selection::{take_order, take_sessions};
use super::tokens::{count, json, located};
use super::wire::{Begun, Page, TokenRecord};
use super::{AdminState, Shared};
use crate::audit::{Actor, Change, Object};
use crate::auth::{LifecycleError, NewToken};
use crate::model::{Action, Kind, Token, TokenFilter, TokenId, Usage};
use crate::store::{Found, Search, SortBy};

/// Management of other people's sessions.
pub(super) const SESSIONS: &str = "keygate.sessions";

/// A session's id in a path.
pub(super) struct SessionId(TokenId);

pub(super) async fn create(
    State(state): State<Shared>,
    peer: Peer,
    recording: Recording,
    MaybeCaller(caller): MaybeCaller,
    creation: Creation,
) -> Result<Response, Refusal> {
    let (fields, once) = match (creation.begin(), &caller) {
        (Ok(begun), _) => begun,
        (Err(again), Some(caller)) => return repeat::session(&again, caller, &state).await,
        (Err(_), None) => return Err(Refusal::Broken("a stranger's request was taken for one that came before")),
    };
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
    let (token, text) = state.lifecycle.once(once).begin_session(new, login.password).await?;
    recording.done(Object::token(&token), Change::made(&token));
    let record = TokenRecord::new(&token, Usage::default(), now);
    Ok(begun(token.id, &Begun { record, token: Some(text.expose()) }))
}

/// A session that is new.
pub(super) fn begun(id: TokenId, begun: &Begun<'_>) -> Response {
    located(format!("/v1/sessions/{id}"), json(StatusCode::CREATED, begun))
}

/// What they can be sorted by.
const SORTS: [(&str, SortBy); 3] =
    [("created", SortBy::Created), ("expires", SortBy::Expires), ("last_used", SortBy::LastUsed)];

/// What `sort` can say.
pub(super) fn orders() -> Vec<String> {
    SORTS.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]).collect()
}

/// The sessions of the caller's user, in all accounts that it is a member of.
pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let now = state.lifecycle.clock().wall();
    let filter = take_sessions(&mut query, now);
    let order = take_order(&mut query, &SORTS);
    let (after, limit) = (cursor::take(&mut query, List::Sessions, order), take_limit(&mut query));
    let counted = query.take_switch("count").unwrap_or(false);
    let projection = Projection::take(&mut query, &TokenRecord::FIELDS);
    query.finish_query()?;
    let user = caller.user().and_then(|id| state.users.get(id)).ok_or(Refusal::NoUser)?;
    let accounts = user.memberships.iter().map(|membership| membership.account).collect();
    let filter = TokenFilter { user: Some(user.id), ..filter };
    let search = Search { accounts, filter, order, after, limit, now };
    let count = if counted { Some(count(&state, &search).await?) } else { None };
    let Found { tokens, next } = state.lifecycle.search(search).await?;
    let usage = state.lifecycle.usage(tokens.iter().map(|token| token.id).collect()).await?;
    let record = |(token, usage)| projection.of(TokenRecord::new(token, usage, now));
    let items = tokens.iter().zip(usage).map(record).collect();
    let next = next.map(|place| cursor::text(List::Sessions, order, &place));
    Ok(json(StatusCode::OK, &Page { items, next, count }))
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

impl FromStr for SessionId {
    type Err = <TokenId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl OfNoun for SessionId {
    const NOUN: &'static str = "session";
}
