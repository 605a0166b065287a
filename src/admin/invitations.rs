//! Invitations: by which a user sets its first password, or another one in place of one that is lost.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::Shared;
use super::caller::Caller;
use super::fields::Fields;
use super::page::PathId;
use super::passwords::{need, take_new};
use super::peer::Peer;
use super::recording::Recording;
use super::refusal::Refusal;
use super::tokens::json;
use super::users::{managed, may_become};
use super::wire::Invited;
use crate::audit::{Actor, Change, Object};
use crate::auth::LifecycleError;
use crate::model::UserId;

/// Makes one, which takes the place of the user's last. The user's password stays until it is used.
pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Response, Refusal> {
    let user = managed(&state, &caller, id)?;
    may_become(&user, &caller, &state)?;
    let (text, expires) = state.lifecycle.invite(id).await?;
    caller.record(Object::user(&user), Change::noted([("invitation_expires", expires.to_string().into())]));
    let record = Invited { user: id.to_string(), invitation: text.expose(), expires: expires.to_string() };
    Ok(json(StatusCode::CREATED, &record))
}

/// Sets the password of the user whose invitation it is. Takes no token: the invitation is the proof.
pub(super) async fn accept(
    State(state): State<Shared>,
    peer: Peer,
    recording: Recording,
    mut fields: Fields,
) -> Result<Response, Refusal> {
    state.login_guard.charge_address(peer.address())?;
    let invitation = fields.take_text("invitation").map(zeroize::Zeroizing::new);
    need(&mut fields, "invitation", invitation.is_some());
    let invited = invitation.and_then(|text| state.lifecycle.invited(&text));
    let user = invited.as_ref().map(|(user, _)| (&user.login, user.account));
    // What a password must be like is told to whom it concerns.
    let password = take_new(&mut fields, "password", user, &state);
    need(&mut fields, "password", password.is_some());
    fields.finish()?;
    let ((user, invitation), password) = invited.zip(password).ok_or(Refusal::NoInvitation)?;
    recording.acts(Actor::user(user.id, user.account));
    recording.concerns(Object::user(&user));
    let hash = state.passwords.hash(password).await?;
    recording.begin().await?;
    let changed = match state.lifecycle.accept_invitation(user.id, invitation, hash).await {
        Err(LifecycleError::Conflict(_) | LifecycleError::NoUser(_)) => return Err(Refusal::NoInvitation),
        done => done?,
    };
    recording.done(Object::user(&changed), Change::edited(&user, &changed));
    Ok(StatusCode::NO_CONTENT.into_response())
}
