//! Who calls: the proof, held by a handler, that the door let a request in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::AdminState;
use super::recording::Recording;
use super::refusal::Refusal;
use crate::audit::{self, Change, Object};
use crate::auth::{Permit, Principal};
use crate::model::{AccountId, Action, Grants, Token, UserId};

/// On whose behalf a handler works. Made from a permit and from nothing else.
#[derive(Clone)]
pub(super) struct Caller {
    principal: Arc<Principal>,
    recording: Recording,
}

impl Caller {
    /// `None` for a permit on nobody's behalf.
    pub(super) fn of(permit: Permit, recording: Recording) -> Option<Self> {
        let principal = Arc::clone(&permit.bearer()?.principal);
        Some(Self { principal, recording })
    }

    pub(super) fn token(&self) -> &Token {
        &self.principal.token
    }

    /// All that it may do at present in its own account: what it may give.
    pub(super) fn effective(&self, state: &AdminState) -> Grants {
        self.principal.effective(&state.accounts)
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Refuses a caller without the right to read tokens.
    pub(super) fn may_read_tokens(&self, state: &AdminState) -> Result<(), Refusal> {
        self.may(state, super::endpoint::TOKENS, Action::Read)
    }

    /// Refuses a caller without this right, and one that knows a part of the data alone.
    pub(super) fn may(&self, state: &AdminState, resource: &'static str, action: Action) -> Result<(), Refusal> {
        let has = self.effective(state).on(resource);
        match has.allows(action) {
            false => Err(Refusal::Insufficient { resource, action, has }),
            true if !self.token().filters.is_empty() => Err(Refusal::FilterNotEnforced),
            true => Ok(()),
        }
    }

    /// The user that it stands for.
    pub(super) fn user(&self) -> Option<UserId> {
        self.principal.token.user
    }

    pub(super) fn account(&self) -> AccountId {
        self.principal.token.account
    }

    /// Notes for the audit log what the call did to which object, with what of it is other than before:
    /// `caller.record(Object::token(&after), Change::edited(&before, &after))`. The action is the one that
    /// the table of endpoints has for the call. Waits for nothing: the entry is written, and on the disk,
    /// before the answer goes out. A call that does something to several objects notes each.
    pub(super) fn record(&self, object: Object, change: Change) {
        self.recording.done(object, change);
    }

    /// The same, for what the call does besides: an account is made, and a token of it.
    pub(super) fn record_as(&self, action: audit::Action, object: Object, change: Change) {
        self.recording.done_as(action, object, change);
    }

    /// For a call that does much, part by part: see [`Recording`].
    pub(super) fn recording(&self) -> &Recording {
        &self.recording
    }

    /// To be asked by a call that may take rights away and does not: see [`Recording`].
    pub(super) fn takes_nothing_away(&self) -> Result<(), Refusal> {
        self.recording.takes_nothing_away()
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
