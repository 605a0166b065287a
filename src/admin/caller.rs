//! Who calls: the proof, held by a handler, that the door let a request in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::AdminState;
use super::frame::RequestId;
use super::refusal::Refusal;
use crate::auth::{Permit, Principal};
use crate::model::{AccountId, Action, Grants, Revision, Token, UserId};

/// On whose behalf a handler works. Made from a permit and from nothing else.
#[derive(Clone)]
pub(super) struct Caller {
    principal: Arc<Principal>,
    request: RequestId,
}

impl Caller {
    /// `None` for a permit on nobody's behalf.
    pub(super) fn of(permit: Permit, request: RequestId) -> Option<Self> {
        let principal = Arc::clone(&permit.bearer()?.principal);
        Some(Self { principal, request })
    }

    pub(super) fn token(&self) -> &Token {
        &self.principal.token
    }

    /// All that it may do at present in its own account: what it may give.
    pub(super) fn effective(&self, state: &AdminState) -> Grants {
        self.principal.effective(&state.accounts)
    }

    /// Refuses a caller without the right to read tokens.
    pub(super) fn may_read_tokens(&self, state: &AdminState) -> Result<(), Refusal> {
        let (resource, action) = (super::endpoint::TOKENS, Action::Read);
        let has = self.effective(state).on(resource);
        if has.allows(action) { Ok(()) } else { Err(Refusal::Insufficient { resource, action, has }) }
    }

    /// The user that it stands for.
    pub(super) fn user(&self) -> Option<UserId> {
        self.principal.token.user
    }

    pub(super) fn account(&self) -> AccountId {
        self.principal.token.account
    }

    /// Notes that the caller changed an object. Names ids only, so no secret can get into the log.
    pub(super) fn record(&self, action: &'static str, object: impl std::fmt::Display) {
        tracing::info!(
            target: "keygate::admin",
            action,
            %object,
            actor = %self.principal.token.id,
            account = %self.principal.token.account,
            request_id = %self.request,
            "changed"
        );
    }

    /// Notes that the caller took a copy of everything up to this change.
    pub(super) fn record_copy(&self, revision: Revision) {
        tracing::info!(
            target: "keygate::admin",
            action = "store.backup",
            revision = revision.0,
            actor = %self.principal.token.id,
            account = %self.principal.token.account,
            request_id = %self.request,
            "copied"
        );
    }
}

/// Who calls where nobody need be known.
pub(super) struct MaybeCaller(pub(super) Option<Caller>);

impl<S: Sync> FromRequestParts<S> for MaybeCaller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().ok_or(Refusal::Broken("a handler of an open endpoint asked who calls"))
    }
}
