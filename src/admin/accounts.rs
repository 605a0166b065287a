//! Accounts: create, list, show, edit, move, delete. A caller sees its own and those below it that it
//! reaches; what limits an account is set from above.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Caller;
use super::condition::{Condition, tagged};
use super::cursor::List;
use super::fields::{Fields, Length};
use super::page::{PathId, QueryFields};
use super::projection::Projection;
use super::refusal::Refusal;
use super::repeat::{self, Creation};
use super::roster::{Collection, Roster, Wanted};
use super::rules::Rules;
use super::selection::{one_or_more, take_labels};
use super::token_input::reached;
use super::tokens::{json, located};
use super::wire::AccountRecord;
use super::{AdminState, Shared, grants, labels};
use crate::audit::{Action, Change, Object};
use crate::auth::{AccountEdit, Again, LifecycleError, NewAccount};
use crate::model::{Account, AccountId, AccountState, MadeObject, PlanName, PolicyName, Selector};

const ACCOUNT_NAME: Length = Length { min: 1, max: 100 };
const STATES: [&str; 2] = ["active", "suspended"];

pub(super) static ACCOUNTS: Collection<Account> = Collection {
    list: List::Accounts,
    sorts: &[("created", |_| ""), ("name", |account| &account.name)],
    id: |account| account.id.to_bytes(),
    fields: &AccountRecord::FIELDS,
};

/// What accounts of a list must be like.
struct AccountFilter {
    /// It, or below it.
    account: Option<String>,
    /// Directly below it.
    parent: Option<AccountId>,
    states: Vec<AccountState>,
    plan: Option<PlanName>,
    policy: Option<PolicyName>,
    name: Wanted,
    labels: Selector,
}

impl AccountFilter {
    fn take(query: &mut Fields) -> Self {
        let state = |name: &str| match name {
            "active" => Some(AccountState::Active),
            "suspended" => Some(AccountState::Suspended),
            _ => None,
        };
        Self {
            account: query.take_text("account"),
            parent: query.take_parsed("parent"),
            states: one_or_more(query, "state", &STATES, state),
            plan: query.take_parsed("plan"),
            policy: query.take_parsed("policy"),
            name: Wanted::take(query),
            labels: take_labels(query),
        }
    }

    fn has(&self, account: &Account) -> bool {
        self.parent.is_none_or(|parent| account.parent == Some(parent))
            && (self.states.is_empty() || self.states.contains(&account.state))
            && self.plan.as_ref().is_none_or(|plan| account.plan.as_ref() == Some(plan))
            && self.policy.as_ref().is_none_or(|policy| account.policy.as_ref() == Some(policy))
            && self.name.is_in(&[&account.name])
            && self.labels.has(&account.labels)
    }
}

pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    creation: Creation,
) -> Result<Response, Refusal> {
    let (fields, once) = match creation.begin() {
        Ok(begun) => begun,
        Err(again) => return created_before(&again, &caller, &state),
    };
    let (account, token) =
        state.lifecycle.once(once).create_account_with(new_account(fields, &caller, &state)?).await?;
    caller.record(Object::account(&account), Change::made(&account));
    if let Some(token) = token {
        caller.record_as(Action::TokenCreate, Object::token(&token), Change::made(&token));
    }
    Ok(made(&account))
}

/// An account that is new.
fn made(account: &Account) -> Response {
    let response = json(StatusCode::CREATED, &AccountRecord::new(account));
    located(format!("/v1/accounts/{}", account.id), tagged(account.revision, response))
}

fn created_before(again: &Again, caller: &Caller, state: &AdminState) -> Result<Response, Refusal> {
    let MadeObject::Account(id) = again.object() else { return Err(repeat::other_object()) };
    let account = within_reach(state, caller, id).map_err(repeat::gone)?;
    repeat::note(caller, Object::account(&account), false);
    Ok(repeat::replayed(made(&account)))
}

pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let filter = AccountFilter::take(&mut query);
    let roster = Roster::take(&mut query, &ACCOUNTS);
    query.finish_query()?;
    let top = match &filter.account {
        None => caller.account(),
        Some(text) => reached(text, &caller, &state).ok_or(Refusal::NoSuch("account"))?,
    };
    let page = state.accounts.look_within_reach(top, |all| {
        roster.page(all.filter(|account| filter.has(account)), |account: &Account| AccountRecord::new(account))
    });
    Ok(json(StatusCode::OK, &page))
}

pub(super) async fn show(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    condition: Condition,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let projection = Projection::take(&mut query, &AccountRecord::FIELDS);
    query.finish_query()?;
    let account = within_reach(&state, &caller, id)?;
    Ok(condition.answer(account.revision, json(StatusCode::OK, &projection.of(AccountRecord::new(&account)))))
}

pub(super) async fn edit(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    condition: Condition,
    fields: Fields,
) -> Result<Response, Refusal> {
    let present = within_reach(&state, &caller, id)?;
    let edit = edit_of(fields, &caller, &state)?;
    if id == caller.account() {
        may_edit_own(&present, &edit)?;
    }
    if edit.state != Some(AccountState::Suspended) {
        caller.takes_nothing_away()?;
    }
    let account = state.lifecycle.at(condition.expected(present.revision)?).edit_account(id, edit).await?;
    caller.record(Object::account(&account), Change::edited(&present, &account));
    Ok(tagged(account.revision, json(StatusCode::OK, &AccountRecord::new(&account))))
}

/// Those above the caller's account are out of its reach, so its own is the only one on its way up: what
/// would lock the caller out, or free it of a limit, is for those above.
fn may_edit_own(account: &Account, edit: &AccountEdit) -> Result<(), Refusal> {
    let is_root = account.parent.is_none();
    let locks_out = edit.state == Some(AccountState::Suspended) || edit.ceiling.is_some();
    let frees = edit.parent.is_some() || edit.plan.is_some() || edit.policy.is_some();
    if locks_out || (frees && !is_root) { Err(Refusal::OwnAccount) } else { Ok(()) }
}

pub(super) async fn delete(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    condition: Condition,
    QueryFields(mut query): QueryFields,
) -> Result<Response, Refusal> {
    let account = within_reach(&state, &caller, id)?;
    let everything = query.take_text("everything");
    if everything.as_ref().is_some_and(|name| *name != account.name) {
        query.refuse("everything", "is not the account's name");
    }
    query.finish_query()?;
    if id == caller.account() {
        return Err(Refusal::OwnAccount);
    }
    let (object, change) = (Object::gone(&account), Change::gone(&account));
    let expected = condition.expected(account.revision)?;
    match state.lifecycle.at(expected).delete_account(id, everything.is_some()).await {
        Err(LifecycleError::NotEmpty(below)) => return Err(Refusal::AccountNotEmpty { below, name: account.name }),
        done => done?,
    }
    caller.record(object, change);
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn within_reach(state: &AdminState, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
    let account = state.accounts.get(id).filter(|_| state.accounts.reaches(caller.account(), id));
    account.ok_or(Refusal::NoSuch("account"))
}

fn new_account(mut fields: Fields, caller: &Caller, state: &AdminState) -> Result<NewAccount, Refusal> {
    let name = fields.take_label("name", ACCOUNT_NAME);
    if name.is_none() && !fields.is_refused("name") {
        fields.refuse("name", "is needed");
    }
    let parent = match fields.take_text("parent") {
        None => caller.account(),
        Some(text) => reached(&text, caller, state).unwrap_or_else(|| {
            fields.refuse("parent", "there is no such account, or it is out of the token's reach");
            caller.account()
        }),
    };
    let visible_to_parent = fields.take_flag("visible_to_parent").unwrap_or(true);
    let ceiling = grants::take_ceiling(&mut fields).flatten();
    let plan = take_plan(&mut fields, state).flatten();
    let policy = take_policy(&mut fields, state).flatten();
    let labels = labels::take_new(&mut fields);
    fields.finish()?;
    let rules = match &policy {
        Some(name) => state.policies.get(name).cloned().ok_or_else(|| Refusal::UnknownPolicy(name.clone()))?,
        None => Rules::of(parent, state)?.policy,
    };
    let token = rules.account_token.clone();
    let name = name.unwrap_or_default();
    Ok(NewAccount { parent: Some(parent), name, visible_to_parent, ceiling, plan, policy, labels, token })
}

/// A name that the configuration gives; `Some(None)` for null.
fn take_name<N: FromStr<Err: Display>>(fields: &mut Fields, field: &'static str) -> Option<Option<N>> {
    if fields.has_null(field) {
        return Some(None);
    }
    let name = fields.take_text(field)?.parse();
    Some(name.map_err(|error: N::Err| fields.refuse(field, error.to_string())).ok())
}

fn take_plan(fields: &mut Fields, state: &AdminState) -> Option<Option<PlanName>> {
    let plan = take_name::<PlanName>(fields, "plan")?;
    if let Some(name) = plan.as_ref().filter(|name| !state.policies.knows_plan(name)) {
        fields.refuse("plan", format!("no policy in the configuration knows the plan `{name}`"));
    }
    Some(plan)
}

fn take_policy(fields: &mut Fields, state: &AdminState) -> Option<Option<PolicyName>> {
    let policy = take_name::<PolicyName>(fields, "policy")?;
    if let Some(name) = policy.as_ref().filter(|name| state.policies.get(name).is_none()) {
        let known: Vec<_> = state.policies.iter().map(|policy| policy.name.to_string()).collect();
        fields.refuse("policy", format!("there is no policy `{name}`. There are: {}", known.join(", ")));
    }
    Some(policy)
}

fn edit_of(mut fields: Fields, caller: &Caller, state: &AdminState) -> Result<AccountEdit, Refusal> {
    let name = fields.take_label("name", ACCOUNT_NAME);
    let visible_to_parent = fields.take_flag("visible_to_parent");
    let parent = fields.take_text("parent").and_then(|text| {
        let parent = reached(&text, caller, state);
        if parent.is_none() {
            fields.refuse("parent", "there is no such account, or it is out of the token's reach");
        }
        parent
    });
    let ceiling = grants::take_ceiling(&mut fields);
    let plan = take_plan(&mut fields, state);
    let policy = take_policy(&mut fields, state);
    let labels = labels::take_edit(&mut fields);
    let state = match fields.take_text("state").as_deref() {
        None => None,
        Some("active") => Some(AccountState::Active),
        Some("suspended") => Some(AccountState::Suspended),
        Some(_) => {
            fields.refuse("state", "must be `active` or `suspended`");
            None
        }
    };
    for field in ["id", "created"] {
        fields.immutable(field);
    }
    fields.finish()?;
    Ok(AccountEdit { name, parent, visible_to_parent, state, ceiling, plan, policy, labels })
}
