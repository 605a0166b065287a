//! Who is a member of an account, and with which roles. A member may be managed elsewhere: adding it
//! shares the account with it.

use axum::extract::{FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::caller::Caller;
use super::condition::{Condition, tagged};
use super::cursor::List;
use super::fields::Fields;
use super::page::{PathId, QueryFields};
use super::passwords::need;
use super::projection::Projection;
use super::refusal::Refusal;
use super::repeat::{self, Creation};
use super::roster::{Collection, Roster};
use super::tokens::{json, located};
use super::users::{USER_SORTS, UserFilter, given};
use super::wire::MemberRecord;
use super::{AdminState, Shared, rights};
use crate::audit::{Change, Object};
use crate::auth::Again;
use crate::model::{AccountId, MadeObject, RoleName, User, UserId};

pub(super) static MEMBERS: Collection<User> =
    Collection { list: List::Members, sorts: USER_SORTS, id: |user| user.id.to_bytes(), fields: &MemberRecord::FIELDS };

/// An account and a user in a path, `/v1/accounts/{id}/members/{user}`.
pub(super) struct PathMember(AccountId, UserId);

pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    PathId(account): PathId<AccountId>,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    within_reach(&state, &caller, account)?;
    let filter = UserFilter::take(&mut query);
    let roster = Roster::take(&mut query, &MEMBERS);
    query.finish_query()?;
    let members = state.users.members(account).into_iter().filter(|user| filter.has(user, |id| id == account));
    let record = |user: &User| MemberRecord::new(user, user.roles_in(account).unwrap_or_default());
    Ok(json(StatusCode::OK, &roster.page(members, record)))
}

pub(super) async fn add(
    State(state): State<Shared>,
    caller: Caller,
    PathId(account): PathId<AccountId>,
    creation: Creation,
) -> Result<Response, Refusal> {
    within_reach(&state, &caller, account)?;
    let (mut fields, once) = match creation.begin() {
        Ok(begun) => begun,
        Err(again) => return added_before(&again, &caller, &state),
    };
    let user = fields.take_text("user");
    need(&mut fields, "user", user.is_some());
    let user = user.and_then(|text| {
        let user = find(&text, &state);
        if user.is_none() {
            fields.refuse("user", "there is no user with this id or login");
        }
        user
    });
    let roles = roles(&mut fields, &state);
    fields.finish()?;
    let user = user.ok_or(Refusal::Broken("a user that is needed was not missed"))?;
    given(&roles, &caller, &state)?;
    if user.roles_in(account).is_some() {
        return Err(Refusal::AlreadyMember);
    }
    let user = state.lifecycle.once(once).set_member(user.id, account, roles).await?;
    caller.record(Object::member(account, user.id), Change::roles(None, user.roles_in(account)));
    made(&user, account)
}

/// A membership that is new.
fn made(user: &User, account: AccountId) -> Result<Response, Refusal> {
    let path = format!("/v1/accounts/{account}/members/{}", user.id);
    Ok(located(path, shown(StatusCode::CREATED, user, account)?))
}

fn added_before(again: &Again, caller: &Caller, state: &AdminState) -> Result<Response, Refusal> {
    let MadeObject::Member(account, id) = again.object() else { return Err(repeat::other_object()) };
    let user = member(state, caller, account, id).map_err(repeat::gone)?;
    repeat::note(caller, Object::member(account, id), false);
    Ok(repeat::replayed(made(&user, account)?))
}

pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathMember(account, id): PathMember,
    condition: Condition,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let projection = Projection::take(&mut query, &MemberRecord::FIELDS);
    query.finish_query()?;
    let user = member(&state, &caller, account, id)?;
    let record = record(&user, account).ok_or(Refusal::NoSuch("member"))?;
    Ok(condition.answer(user.revision, json(StatusCode::OK, &projection.of(record))))
}

pub(super) async fn edit(
    State(state): State<Shared>,
    caller: Caller,
    PathMember(account, id): PathMember,
    condition: Condition,
    mut fields: Fields,
) -> Result<Response, Refusal> {
    let before = member(&state, &caller, account, id)?;
    for field in ["user", "login", "name", "state"] {
        fields.immutable(field);
    }
    let roles = roles(&mut fields, &state);
    fields.finish()?;
    given(&roles, &caller, &state)?;
    let user = state.lifecycle.at(condition.expected(before.revision)?).set_member(id, account, roles).await?;
    caller.record(Object::member(account, id), Change::roles(before.roles_in(account), user.roles_in(account)));
    shown(StatusCode::OK, &user, account)
}

pub(super) async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    PathMember(account, id): PathMember,
    condition: Condition,
) -> Result<Response, Refusal> {
    let before = member(&state, &caller, account, id)?;
    state.lifecycle.at(condition.expected(before.revision)?).remove_member(id, account).await?;
    caller.record(Object::member(account, id), Change::roles(before.roles_in(account), None));
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn within_reach(state: &AdminState, caller: &Caller, account: AccountId) -> Result<(), Refusal> {
    let is_there = state.accounts.get(account).is_some() && state.accounts.reaches(caller.account(), account);
    if is_there { Ok(()) } else { Err(Refusal::NoSuch("account")) }
}

fn member(state: &AdminState, caller: &Caller, account: AccountId, id: UserId) -> Result<User, Refusal> {
    within_reach(state, caller, account)?;
    let user = state.users.get(id).filter(|user| user.roles_in(account).is_some());
    user.ok_or(Refusal::NoSuch("member"))
}

/// By id or by login.
pub(super) fn find(text: &str, state: &AdminState) -> Option<User> {
    match text.parse::<UserId>() {
        Ok(id) => state.users.get(id),
        Err(_) => state.users.by_login(&text.parse().ok()?),
    }
}

fn roles(fields: &mut Fields, state: &AdminState) -> Vec<RoleName> {
    let roles = rights::take_roles(fields, state.users.roles());
    need(fields, "roles", roles.is_some());
    roles.unwrap_or_default()
}

fn record(user: &User, account: AccountId) -> Option<MemberRecord> {
    Some(MemberRecord::new(user, user.roles_in(account)?))
}

fn shown(status: StatusCode, user: &User, account: AccountId) -> Result<Response, Refusal> {
    Ok(tagged(user.revision, json(status, &record(user, account).ok_or(Refusal::NoSuch("member"))?)))
}

impl<S: Send + Sync> FromRequestParts<S> for PathMember {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let ids = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (account, user) = ids.map(|Path(ids)| ids).map_err(|_| Refusal::NoSuch("member"))?;
        let account = account.parse().map_err(|_| Refusal::NoSuch("account"))?;
        Ok(Self(account, user.parse().map_err(|_| Refusal::NoSuch("member"))?))
    }
}
