//! Why a token may or may not do something: for the caller itself, or for a token that it may read.

use axum::extract::State;
use axum::response::Response;
use http::{Method, StatusCode};

use super::caller::Caller;
use super::fields::Fields;
use super::refusal::Refusal;
use super::tokens::json;
use super::wire::{ExplainedRoute, ExplainedStep, ExplanationRecord};
use super::{AdminState, Shared};
use crate::auth::{Denial, Explanation, Need, explain as explained};
use crate::model::{AccountId, Token, TokenId};
use crate::route::{Leads, RouteView};

/// What is asked about.
struct Question {
    token: Token,
    method: Method,
    path: String,
    host: String,
    account: Option<AccountId>,
}

pub(super) async fn show(State(state): State<Shared>, caller: Caller, fields: Fields) -> Result<Response, Refusal> {
    let question = question(fields, &caller, &state).await?;
    let record = match (state.leads)(&question.host, &question.path, &question.method) {
        Leads::To(route) => on_route(&question, route, &state),
        Leads::Nowhere => nowhere(&question, 404, "no_route", "no route of the gateway leads there".into()),
        Leads::OtherMethods(allowed) => {
            let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
            nowhere(&question, 405, "method_not_allowed", format!("the path takes {}", names.join(", ")))
        }
        Leads::BadPath(fault) => nowhere(&question, 400, "bad_path", fault.text().into()),
    };
    Ok(json(StatusCode::OK, &record))
}

async fn question(mut fields: Fields, caller: &Caller, state: &AdminState) -> Result<Question, Refusal> {
    let token = fields.take_text("token");
    let method = match fields.take_text("method").map(|text| text.parse::<Method>()) {
        Some(Ok(method)) => Some(method),
        Some(Err(_)) => {
            fields.refuse("method", "is no HTTP method");
            None
        }
        None => {
            fields.refuse("method", "is needed, such as `GET`");
            None
        }
    };
    let path = fields.take_text("path");
    if path.is_none() && !fields.is_refused("path") {
        fields.refuse("path", "is needed, such as `/v1/devices/7`");
    }
    let host = fields.take_text("host").unwrap_or_default();
    let account = fields.take_text("account").map(|text| text.parse::<AccountId>());
    if matches!(account, Some(Err(_))) {
        fields.refuse("account", "is no account's id, which begins with `acc_`");
    }
    fields.finish()?;
    let token = match token {
        None => caller.token().clone(),
        Some(text) => of_id(&text, caller, state).await?,
    };
    // The query decides nothing.
    let path = path.unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
    Ok(Question { token, method: method.unwrap_or_default(), path, host, account: account.and_then(Result::ok) })
}

/// The caller's own token, or one that it may read.
async fn of_id(text: &str, caller: &Caller, state: &AdminState) -> Result<Token, Refusal> {
    let id: TokenId = text.parse().map_err(|_| Refusal::NoSuch("token"))?;
    if id == caller.token().id {
        return Ok(caller.token().clone());
    }
    caller.may_read_tokens(state)?;
    let token = state.lifecycle.get(id).await?;
    if state.accounts.reaches(caller.account(), token.account) { Ok(token) } else { Err(Refusal::NoSuch("token")) }
}

fn on_route(question: &Question, route: RouteView, state: &AdminState) -> ExplanationRecord {
    let Some((resource, action)) = &route.needs else {
        let words = format!("the route {} is public: nobody is asked for a token", route.name);
        return ExplanationRecord { route: Some(of_route(&route)), ..verdict(question, true, 200, "public", words) };
    };
    let now = state.lifecycle.clock().wall();
    // What the request names counts only where the route looks for it.
    let target = question.account.filter(|_| route.names_account);
    let need = Need { resource, action: *action, target };
    let Explanation { verdict: decided, steps } = explained(&question.token, need, &state.accounts, &state.users, now);
    let mut steps: Vec<_> = steps.iter().map(ExplainedStep::of).collect();
    let (allowed, status, code) = match decided {
        Ok(_) if !question.token.filters.is_empty() && !route.enforces_filters => {
            let words = format!(
                "the token is limited to a part of the data, and the route {} does not say how its upstream is told",
                route.name
            );
            steps.push(ExplainedStep::failed("filter", words));
            (false, 403, "filter_not_enforced")
        }
        Ok(_) => (true, 200, "ok"),
        Err(denial) => refused(denial),
    };
    let decisive = steps.iter().find(|step| !step.passed).or(steps.last());
    let (rule, because) = decisive.map_or(("", String::new()), |step| (step.rule, step.words.clone()));
    ExplanationRecord {
        rule,
        steps,
        route: Some(of_route(&route)),
        account: target.unwrap_or(question.token.account).to_string(),
        ..verdict(question, allowed, status, code, because)
    }
}

fn of_route(route: &RouteView) -> ExplainedRoute {
    ExplainedRoute {
        name: route.name.clone(),
        resource: route.needs.as_ref().map(|(resource, _)| resource.to_string()),
        action: route.needs.as_ref().map(|(_, action)| action.name()),
    }
}

fn nowhere(question: &Question, status: u16, code: &'static str, because: String) -> ExplanationRecord {
    ExplanationRecord { rule: "route", ..verdict(question, false, status, code, because) }
}

fn verdict(question: &Question, allowed: bool, status: u16, code: &'static str, because: String) -> ExplanationRecord {
    ExplanationRecord {
        allowed,
        status,
        code,
        rule: "route",
        because,
        token: question.token.id.to_string(),
        account: question.token.account.to_string(),
        route: None,
        steps: Vec::new(),
    }
}

/// Status and code, as the gateway would answer.
fn refused(denial: Denial) -> (bool, u16, &'static str) {
    let (status, code) = match denial {
        Denial::Disabled => (401, "token_disabled"),
        Denial::Revoked { .. } => (401, "token_revoked"),
        Denial::Expired { .. } => (401, "token_expired"),
        Denial::NotYetValid { .. } => (401, "token_not_yet_valid"),
        Denial::Rotated { .. } => (401, "token_rotated"),
        Denial::AccountSuspended => (403, "account_suspended"),
        Denial::OwnerInactive => (403, "owner_inactive"),
        Denial::OutOfReach => (403, "account_out_of_reach"),
        Denial::Insufficient { .. } => (403, "insufficient_scope"),
    };
    (false, status, code)
}
