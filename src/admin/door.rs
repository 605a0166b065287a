//! The door: every request is authenticated and its right checked here, before any handler runs.
//!
//! Handlers cannot opt out, and a path or a method that does not exist is told to callers with a
//! token in force only, so that a stranger learns nothing of what there is.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use super::caller::Caller;
use super::endpoint::{Right, Sought, find};
use super::frame::TokenExpiry;
use super::peer::Peer;
use super::quota::Told;
use super::recording::Recording;
use super::refusal::Refusal;
use super::{AdminState, Shared};
use crate::audit::Actor;
use crate::auth::{CredentialError, Denial, Need, Permit, Principal, Verdict, admit_any, authorize, bearer};
use crate::model::{Action, ResourceName};

pub(super) async fn door(State(state): State<Shared>, mut request: Request, next: Next) -> Result<Response, Refusal> {
    let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let sought = find(request.method(), pattern);
    let right = match &sought {
        Sought::Found(endpoint) => endpoint.right,
        Sought::WrongMethod(_) | Sought::Nothing => Right::Any,
    };
    let recording = request.extensions().get::<Recording>().cloned();
    let recording = recording.ok_or(Refusal::Broken("a request that nobody records"))?;
    let counted = Counted::of(&request);
    let permit = match right {
        Right::Open if is_probe(pattern) => return Ok(next.run(request).await),
        Right::Open => {
            counted.stranger(&state)?;
            return Ok(next.run(request).await);
        }
        Right::OpenOrNeeds { .. } if matches!(bearer(request.headers()), Err(CredentialError::Absent)) => {
            counted.stranger(&state)?;
            return Ok(next.run(request).await);
        }
        Right::Any => {
            let principal = authenticate(&state, &recording, request.headers(), &counted).await?;
            admit_any(principal, &state.accounts, state.lifecycle.clock().wall()).map_err(|d| refused(d, None))?
        }
        Right::Needs { resource, action } | Right::OpenOrNeeds { resource, action } => {
            let principal = authenticate(&state, &recording, request.headers(), &counted).await?;
            permitted(&state, principal, resource, action)?
        }
        Right::NeedsRoot { resource, action } => {
            let principal = authenticate(&state, &recording, request.headers(), &counted).await?;
            let account = principal.token.account;
            let permit = permitted(&state, principal, resource, action)?;
            if state.accounts.get(account).is_none_or(|account| account.parent.is_some()) {
                return Err(Refusal::NotRoot);
            }
            permit
        }
    };
    match sought {
        Sought::Nothing => return Err(Refusal::NoEndpoint),
        Sought::WrongMethod(allow) => return Err(Refusal::WrongMethod { allow }),
        Sought::Found(_) => {}
    }
    recording.begin().await?;
    let caller = Caller::of(permit, recording).ok_or(Refusal::Broken("a permit on nobody's behalf"))?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Whoever asks these must be told, however often: a probe that is refused takes a gateway for broken.
pub(super) fn is_probe(pattern: Option<&str>) -> bool {
    pattern.is_some_and(|path| ["/livez", "/readyz", "/metrics"].contains(&path))
}

/// Where a request is counted, and what its answer tells of that and of the token.
struct Counted {
    told: Told,
    expiry: TokenExpiry,
    from: Option<Peer>,
}

impl Counted {
    fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            told: extensions.get::<Told>().cloned().unwrap_or_default(),
            expiry: extensions.get::<TokenExpiry>().cloned().unwrap_or_default(),
            from: extensions.get::<Peer>().copied(),
        }
    }

    /// As one of nobody who is known.
    fn stranger(&self, state: &AdminState) -> Result<(), Refusal> {
        self.from.map_or(Ok(()), |from| state.limits.charge_address(from.address(), &self.told))
    }
}

/// Whose token the request presents. It is counted for the token, and where there is none that is known, for
/// the address: whoever guesses is slowed.
async fn authenticate(
    state: &AdminState,
    recording: &Recording,
    headers: &HeaderMap,
    counted: &Counted,
) -> Result<Arc<Principal>, Refusal> {
    let found = identify(state, recording, headers).await;
    match &found {
        Ok(principal) => {
            let near = state.near_expiry.as_ref();
            let expires = near.and_then(|near| near.value(principal, state.lifecycle.clock().wall()));
            expires.into_iter().for_each(|at| counted.expiry.tell(at));
            state.limits.charge_token(principal.token.id, &counted.told)?;
        }
        Err(Refusal::Store(_)) => {}
        Err(_) => counted.stranger(state)?,
    }
    found
}

async fn identify(state: &AdminState, recording: &Recording, headers: &HeaderMap) -> Result<Arc<Principal>, Refusal> {
    let text = bearer(headers).map_err(Refusal::Credential)?;
    let (_, verdict) = state.verifier.verify(text).await;
    match verdict.map_err(|error| Refusal::Store(error.0))? {
        Verdict::Known(principal) => {
            recording.acts(Actor::of(&principal.token));
            Ok(principal)
        }
        Verdict::Unknown => Err(Refusal::UnknownToken),
        Verdict::NotAToken(error) => Err(Refusal::NotAToken(error)),
    }
}

fn permitted(
    state: &AdminState,
    principal: Arc<Principal>,
    resource: &'static str,
    action: Action,
) -> Result<Permit, Refusal> {
    let name: ResourceName = resource.parse().expect("the table of endpoints names lawful resources");
    let need = Need { resource: &name, action, target: None };
    let permit = authorize(principal, need, &state.accounts, state.lifecycle.clock().wall())
        .map_err(|denial| refused(denial, Some((resource, action))))?;
    // What is managed has no parts that a filter could name; who made a token without one would be rid of it.
    let is_limited = permit.bearer().is_some_and(|bearer| !bearer.principal.token.filters.is_empty());
    if is_limited { Err(Refusal::FilterNotEnforced) } else { Ok(permit) }
}

fn refused(denial: Denial, needed: Option<(&'static str, Action)>) -> Refusal {
    match (denial, needed) {
        (Denial::Disabled, _) => Refusal::TokenDisabled,
        (Denial::Revoked { at }, _) => Refusal::TokenRevoked { at },
        (Denial::Expired { at }, _) => Refusal::TokenExpired { at },
        (Denial::Rotated { at }, _) => Refusal::TokenRotated { at },
        (Denial::NotYetValid { from }, _) => Refusal::TokenNotYetValid { from },
        (Denial::AccountSuspended, _) => Refusal::AccountSuspended,
        (Denial::OwnerInactive, _) => Refusal::OwnerInactive,
        (Denial::Insufficient { has }, Some((resource, action))) => Refusal::Insufficient { resource, action, has },
        (Denial::Insufficient { .. }, None) => Refusal::Broken("a right was missing where none is needed"),
        (Denial::OutOfReach, _) => Refusal::Broken("a request about the caller's own account was out of its reach"),
    }
}
