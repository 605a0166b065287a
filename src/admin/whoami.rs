//! Who a caller is: its token, its account, its effective grants. Takes no right, but a token in force.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Shared;
use super::caller::Caller;
use super::refusal::Refusal;
use super::rules::shown;
use super::tokens::json;
use super::wire::{AccountRecord, Whoami, grants_record};

pub(super) async fn show(State(state): State<Shared>, caller: Caller) -> Result<Response, Refusal> {
    let token = caller.token();
    let account = state.accounts.get(token.account).ok_or(Refusal::AccountSuspended)?;
    let usage = state.lifecycle.usage(vec![token.id]).await?.pop().unwrap_or_default();
    let record = Whoami {
        token: shown(&state, token, usage),
        account: AccountRecord::new(&account),
        grants: grants_record(&caller.effective(&state)),
    };
    Ok(json(StatusCode::OK, &record))
}
