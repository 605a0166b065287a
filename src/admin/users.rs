//! Users: create, list, show, edit, delete. A user is managed from its home account; who reaches only
//! another account that it is a member of sees it, and changes that membership alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Caller;
use super::condition::{Condition, tagged};
use super::cursor::List;
use super::fields::{Fields, NAME};
use super::page::{PathId, QueryFields};
use super::projection::Projection;
use super::refusal::Refusal;
use super::repeat::{self, Creation};
use super::rights::{self, Rights};
use super::roster::{Collection, Roster, Sort, Wanted};
use super::selection::one_or_more;
use super::token_input::reached;
use super::tokens::{json, located};
use super::wire::UserRecord;
use super::{AdminState, Shared, passwords};
use crate::audit::{Change, Object};
use crate::auth::{Again, NewUser, UserEdit};
use crate::model::{AccountId, Login, LoginError, MadeObject, RoleName, User, UserId, UserState};

/// In the order of creation, by name or by login; each has one.
pub(super) const USER_SORTS: &[Sort<User>] =
    &[("created", |_| ""), ("name", |user| &user.name), ("login", |user| user.login.as_str())];

pub(super) static USERS: Collection<User> =
    Collection { list: List::Users, sorts: USER_SORTS, id: |user| user.id.to_bytes(), fields: &UserRecord::FIELDS };

/// What users of a list must be like.
pub(super) struct UserFilter {
    states: Vec<UserState>,
    role: Option<RoleName>,
    text: Wanted,
}

impl UserFilter {
    pub(super) fn take(query: &mut Fields) -> Self {
        let state = |name: &str| match name {
            "active" => Some(UserState::Active),
            "disabled" => Some(UserState::Disabled),
            _ => None,
        };
        Self {
            states: one_or_more(query, "state", &["active", "disabled"], state),
            role: query.take_parsed("role"),
            text: Wanted::take(query),
        }
    }

    /// The role has to be one in an account that `is_meant`.
    pub(super) fn has(&self, user: &User, is_meant: impl Fn(AccountId) -> bool) -> bool {
        let has = |role| {
            let meant = user.memberships.iter().filter(|membership| is_meant(membership.account));
            meant.flat_map(|membership| &membership.roles).any(|held| held == role)
        };
        (self.states.is_empty() || self.states.contains(&user.state))
            && self.role.as_ref().is_none_or(has)
            && self.text.is_in(&[&user.name, user.login.as_str()])
    }
}

pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    creation: Creation,
) -> Result<Response, Refusal> {
    let (mut fields, once) = match creation.begin() {
        Ok(begun) => begun,
        Err(again) => return created_before(&again, &caller, &state),
    };
    let login = login(&mut fields);
    let name = fields.take_label("name", NAME).unwrap_or_default();
    let account = home(&mut fields, &caller, &state);
    let roles = rights::take_roles(&mut fields, state.users.roles()).unwrap_or_default();
    let password = passwords::take_new(&mut fields, "password", login.as_ref().map(|login| (login, account)), &state);
    fields.finish()?;
    let login = login.ok_or(Refusal::Broken("a login that is needed was not missed"))?;
    given(&roles, &caller, &state)?;
    // A hash takes its time, and is not made in vain.
    if state.users.by_login(&login).is_some() {
        return Err(Refusal::LoginTaken);
    }
    let password = match password {
        None => None,
        Some(password) => Some(state.passwords.hash(password).await?),
    };
    let user = state.lifecycle.once(once).create_user(NewUser { account, login, name, password, roles }).await?;
    caller.record(Object::user(&user), Change::made(&user));
    Ok(made(&user, &caller, &state))
}

/// A user who is new.
fn made(user: &User, caller: &Caller, state: &AdminState) -> Response {
    let response = json(StatusCode::CREATED, &record(user, caller, state));
    located(format!("/v1/users/{}", user.id), tagged(user.revision, response))
}

fn created_before(again: &Again, caller: &Caller, state: &AdminState) -> Result<Response, Refusal> {
    let MadeObject::User(id) = again.object() else { return Err(repeat::other_object()) };
    let user = seen(state, caller, id).map_err(repeat::gone)?;
    repeat::note(caller, Object::user(&user), false);
    Ok(repeat::replayed(made(&user, caller, state)))
}

pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let account = query.take_text("account");
    let below = query.take_switch("below").unwrap_or(false);
    let filter = UserFilter::take(&mut query);
    let roster = Roster::take(&mut query, &USERS);
    query.finish_query()?;
    let account = match account {
        None => caller.account(),
        Some(text) => reached(&text, &caller, &state).ok_or(Refusal::NoSuch("account"))?,
    };
    let accounts: BTreeSet<_> = if below {
        state.accounts.look_within_reach(account, |all| all.map(|account| account.id).collect())
    } else {
        BTreeSet::from([account])
    };
    // One may be of several accounts, and is listed once.
    let users: BTreeMap<_, _> =
        accounts.iter().flat_map(|id| state.users.of(*id)).map(|user| (user.id, user)).collect();
    let meant = users.into_values().filter(|user| filter.has(user, |account| accounts.contains(&account)));
    Ok(json(StatusCode::OK, &roster.page(meant, |user: &User| record(user, &caller, &state))))
}

pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    condition: Condition,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let projection = Projection::take(&mut query, &UserRecord::FIELDS);
    query.finish_query()?;
    let user = seen(&state, &caller, id)?;
    Ok(condition.answer(user.revision, json(StatusCode::OK, &projection.of(record(&user, &caller, &state)))))
}

pub(super) async fn edit(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    condition: Condition,
    fields: Fields,
) -> Result<Response, Refusal> {
    let before = managed(&state, &caller, id)?;
    let edit = edit_of(fields, &before, &caller, &state).await?;
    if edit.state != Some(UserState::Disabled) {
        caller.takes_nothing_away()?;
    }
    let user = state.lifecycle.at(condition.expected(before.revision)?).edit_user(id, edit).await?;
    caller.record(Object::user(&user), Change::edited(&before, &user));
    Ok(tagged(user.revision, json(StatusCode::OK, &record(&user, &caller, &state))))
}

pub(super) async fn delete(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    condition: Condition,
) -> Result<Response, Refusal> {
    let user = managed(&state, &caller, id)?;
    state.lifecycle.at(condition.expected(user.revision)?).delete_user(id).await?;
    caller.record(Object::user(&user), Change::gone(&user));
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The user, if the caller reaches an account that it is of.
pub(super) fn seen(state: &AdminState, caller: &Caller, id: UserId) -> Result<User, Refusal> {
    let reaches = |account| state.accounts.reaches(caller.account(), account);
    let user = state.users.get(id);
    let user = user.filter(|user| reaches(user.account) || user.memberships.iter().any(|of| reaches(of.account)));
    user.ok_or(Refusal::NoSuch("user"))
}

/// The user, if the caller reaches the account from which it is managed.
pub(super) fn managed(state: &AdminState, caller: &Caller, id: UserId) -> Result<User, Refusal> {
    let user = seen(state, caller, id)?;
    if state.accounts.reaches(caller.account(), user.account) { Ok(user) } else { Err(Refusal::ManagedElsewhere) }
}

/// Refuses where the user may do more than the caller, somewhere: who sets its password can be it.
pub(super) fn may_become(user: &User, caller: &Caller, state: &AdminState) -> Result<(), Refusal> {
    if caller.user() == Some(user.id) {
        return Ok(());
    }
    for membership in &user.memberships {
        if !state.accounts.reaches(caller.account(), membership.account) {
            return Err(Refusal::MemberElsewhere);
        }
        has(&membership.roles, caller, state)?;
    }
    Ok(())
}

/// Refuses a field `roles` that comes to more than the caller has.
pub(super) fn given(roles: &[RoleName], caller: &Caller, state: &AdminState) -> Result<(), Refusal> {
    of_roles(roles).within(&caller.effective(state), &state.users)
}

/// The same of roles that somebody has already.
pub(super) fn has(roles: &[RoleName], caller: &Caller, state: &AdminState) -> Result<(), Refusal> {
    of_roles(roles).held_within(&caller.effective(state), &state.users)
}

fn of_roles(roles: &[RoleName]) -> Rights {
    Rights { roles: roles.to_vec(), ..Rights::default() }
}

fn record(user: &User, caller: &Caller, state: &AdminState) -> UserRecord {
    let now = state.lifecycle.clock().wall();
    UserRecord::new(user, now, |account| state.accounts.reaches(caller.account(), account))
}

fn login(fields: &mut Fields) -> Option<Login> {
    let text = fields.take_text("login");
    passwords::need(fields, "login", text.is_some());
    text?.parse().map_err(|error: LoginError| fields.refuse("login", error.to_string())).ok()
}

/// Where the user is to be managed: the caller's account where none is named.
fn home(fields: &mut Fields, caller: &Caller, state: &AdminState) -> AccountId {
    let Some(text) = fields.take_text("account") else { return caller.account() };
    reached(&text, caller, state).unwrap_or_else(|| {
        fields.refuse("account", "there is no such account, or it is out of the token's reach");
        caller.account()
    })
}

async fn edit_of(mut fields: Fields, user: &User, caller: &Caller, state: &AdminState) -> Result<UserEdit, Refusal> {
    for field in ["id", "account", "login", "memberships", "invitation_expires", "created"] {
        fields.immutable(field);
    }
    let name = fields.take_label("name", NAME);
    let state_asked = match fields.take_text("state").as_deref() {
        None => None,
        Some("active") => Some(UserState::Active),
        Some("disabled") => Some(UserState::Disabled),
        Some(_) => {
            fields.refuse("state", "must be `active` or `disabled`");
            None
        }
    };
    let password = passwords::take_new(&mut fields, "password", Some((&user.login, user.account)), state);
    fields.finish()?;
    let password = match password {
        None => None,
        Some(password) => {
            may_become(user, caller, state)?;
            Some(state.passwords.hash(Arc::clone(&password)).await?)
        }
    };
    Ok(UserEdit { name, state: state_asked, password, invitation: None })
}
