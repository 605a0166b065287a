//! The audit log: what was done, by whom and to what. A caller sees what concerns the accounts that it
//! reaches; the root account sees besides what concerns all of them, or one that is gone.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::caller::Caller;
use super::expiry::past;
use super::fields::Fields;
use super::page::{QueryFields, Window};
use super::pieces::{self, Source};
use super::refusal::Refusal;
use super::token_input::reached;
use super::tokens::json;
use super::wire::{EntryRecord, Page};
use super::{AdminState, Shared};
use crate::audit::{Action, AuditExport, Change, Object, ObjectKind, Outcome, Query};
use crate::model::{AccountId, Timestamp};

pub(super) const JSON_LINES: &str = "application/jsonl";

/// Newest first.
pub(super) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    QueryFields(query): QueryFields,
) -> Result<Response, Refusal> {
    let page = state.audit.list(query_of(query, &caller, &state)?).await?;
    let items = page.lines.into_iter().map(EntryRecord::new).collect();
    Ok(json(StatusCode::OK, &Page { items, next: page.next.map(|place| place.to_string()), count: None }))
}

/// All of it, as it lies on the disk.
pub(super) async fn export(State(state): State<Shared>, caller: Caller) -> Response {
    caller.record(Object::whole(ObjectKind::Audit), Change::none());
    ([(CONTENT_TYPE, JSON_LINES)], pieces::body(state.audit.export())).into_response()
}

impl Source for AuditExport {
    const NAME: &'static str = "an export of the audit log";

    async fn next(self) -> Result<Option<(Self, Vec<u8>)>, String> {
        let (left, lines) = AuditExport::next(self).await.map_err(|error| error.to_string())?;
        Ok(lines.map(|lines| (left, lines)))
    }
}

fn query_of(mut query: Fields, caller: &Caller, state: &AdminState) -> Result<Query, Refusal> {
    let Window { after, limit } = Window::take(&mut query);
    let action = take_action(&mut query);
    let outcome = query.take_text("outcome");
    if outcome.as_ref().is_some_and(|outcome| !Outcome::NAMES.contains(&outcome.as_str())) {
        query.refuse("outcome", format!("must be one of {}", Outcome::NAMES.join(", ")));
    }
    let account = query.take_text("account");
    let (since, until) = (take_time(&mut query, "since", state), take_time(&mut query, "until", state));
    let text = query.take_text("text").map(|text| text.to_lowercase());
    let (actor, object) = (query.take_text("actor"), query.take_text("object"));
    query.finish_query()?;
    let account = match account {
        None => None,
        Some(text) => Some(reached(&text, caller, state).ok_or(Refusal::NoSuch("account"))?),
    };
    let visible = Box::new(visible(caller, state));
    Ok(Query { action, actor, object, account, outcome, since, until, text, visible, after, limit })
}

/// Which entries the caller may see, by the account that they concern.
fn visible(caller: &Caller, state: &AdminState) -> impl Fn(Option<AccountId>) -> bool + Send + Sync + 'static {
    let (own, accounts) = (caller.account(), state.accounts.clone());
    let is_root = accounts.get(own).is_some_and(|account| account.parent.is_none());
    move |account| match account {
        Some(account) => accounts.reaches(own, account) || (is_root && accounts.get(account).is_none()),
        None => is_root,
    }
}

/// The name of an action, or `token.*` for all that is done to tokens.
fn take_action(query: &mut Fields) -> Option<String> {
    let text = query.take_text("action")?;
    let is_one = match text.strip_suffix('*') {
        Some(begin) => begin.ends_with('.') && Action::ALL.iter().any(|action| action.name().starts_with(begin)),
        None => Action::from_name(&text).is_some(),
    };
    if !is_one {
        let names: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
        query.refuse("action", format!("is no action, nor such as `token.*`. There are: {}", names.join(", ")));
    }
    Some(text)
}

fn take_time(query: &mut Fields, name: &'static str, state: &AdminState) -> Option<Timestamp> {
    let time = past(&query.take_text(name)?, state.lifecycle.clock().wall());
    if time.is_none() {
        query.refuse(
            name,
            "must be a date such as `2027-01-31`, a time such as `2027-01-31T12:00:00Z`, or how long ago, such as `24h`",
        );
    }
    time
}
