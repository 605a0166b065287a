//! Passwords in requests, and a user's own change of its password.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Caller;
use super::fields::Fields;
use super::refusal::Refusal;
use super::{AdminState, Shared};
use crate::audit::{Change, Object};
use crate::auth::{Checked, Password, PasswordRules};
use crate::model::{AccountId, Kind, Login};

/// The password in the field, whosever it is.
pub(super) fn take(fields: &mut Fields, name: &'static str) -> Option<Arc<Password>> {
    let password = Password::new(fields.take_text(name)?);
    if password.is_too_long() {
        fields.refuse(name, format!("is longer than {} bytes", Password::MAX_BYTES));
    }
    Some(Arc::new(password))
}

/// A password that is to become that of the user with this login and home, who is `None` where that was
/// wrong itself.
pub(super) fn take_new(
    fields: &mut Fields,
    name: &'static str,
    user: Option<(&Login, AccountId)>,
    state: &AdminState,
) -> Option<Arc<Password>> {
    let password = Password::new(fields.take_text(name)?);
    let rules = |home| {
        let policy = state.policies.of(&state.accounts.way_up(home));
        policy.map_or_else(
            |_| PasswordRules::default(),
            |policy| PasswordRules { min_length: policy.password_min_length },
        )
    };
    if let Some(Err(fault)) = user.map(|(login, home)| password.check(login, rules(home))) {
        fields.refuse(name, fault.to_string());
    }
    Some(Arc::new(password))
}

/// Notes that a field is missing, unless something else is wrong with it.
pub(super) fn need(fields: &mut Fields, name: &'static str, is_there: bool) {
    if !is_there && !fields.is_refused(name) {
        fields.refuse(name, "is needed");
    }
}

/// Sets the password of the user that the caller stands for, and ends its other sessions.
pub(super) async fn change(
    State(state): State<Shared>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Response, Refusal> {
    let user = caller.user().and_then(|id| state.users.get(id)).ok_or(Refusal::NoUser)?;
    let current = take(&mut fields, "current");
    need(&mut fields, "current", current.is_some());
    let new = take_new(&mut fields, "new", Some((&user.login, user.account)), &state);
    need(&mut fields, "new", new.is_some());
    let both = current.zip(new);
    fields.finish()?;
    let (current, new) = both.ok_or(Refusal::Broken("a field that is needed was not missed"))?;
    // Who has found a session must not find the password with it.
    state.login_guard.charge(user.login.as_str(), None)?;
    let stored = user.password.clone().unwrap_or_default();
    match state.passwords.check(current, user.password.as_deref()).await? {
        Checked::Wrong => return Err(Refusal::WrongPassword),
        Checked::Right { .. } => {}
    }
    let hash = state.passwords.hash(new).await?;
    let kept = Some(caller.token().id).filter(|_| caller.token().kind == Kind::Session);
    state.lifecycle.change_password(user.id, stored, hash, kept).await?;
    caller.record(Object::user(&user), Change::noted([("password", "changed".into())]));
    Ok(StatusCode::NO_CONTENT.into_response())
}
