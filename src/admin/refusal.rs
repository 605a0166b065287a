//! Why a request is refused, and what is answered: one enum, one mapping.
//!
//! What the client may read (`detail.rs`) and what the operator needs ([`Refusal::cause`]) are apart.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::frame::RequestId;
use super::peer::Peer;
use super::wire::SyntaxError;
use crate::audit::Unrecorded;
use crate::auth::{Below, CredentialError};
use crate::model::{Access, Action, GrantError, PolicyName, Timestamp, TokenTextError};
use crate::problem::{self, FieldError, Problem};
use crate::store::StoreError;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Credential(CredentialError),
    NotAToken(TokenTextError),
    UnknownToken,
    TokenDisabled,
    TokenRevoked {
        at: Timestamp,
    },
    TokenExpired {
        at: Timestamp,
    },
    TokenNotYetValid {
        from: Timestamp,
    },
    TokenRotated {
        at: Timestamp,
    },
    AccountSuspended,
    OwnerInactive,
    Insufficient {
        resource: &'static str,
        action: Action,
        has: Access,
    },
    /// The caller's token is limited to a part of the data.
    FilterNotEnforced,
    /// What is given is more than the caller's own.
    GrantsExceeded {
        what: Vec<GrantError>,
        /// The fields that ask for it; none where no field does.
        errors: Vec<FieldError>,
    },
    /// The call is about all accounts, and the caller's is not above them all.
    NotRoot,
    NoEndpoint,
    WrongMethod {
        allow: String,
    },
    /// There is no such object, or the caller does not reach it: the two are not told apart.
    NoSuch(&'static str),
    NotJson,
    BodyTooLarge,
    BodyBroken,
    Malformed(SyntaxError),
    InvalidFields(Vec<FieldError>),
    ImmutableFields(Vec<FieldError>),
    InvalidQuery(Vec<FieldError>),
    /// Of the token that the request is about.
    AlreadyRevoked,
    /// What only an account above may do.
    OwnAccount,
    LoginTaken,
    AccountCircle(FieldError),
    AccountNotEmpty {
        below: Below,
        name: String,
    },
    RootAccount,
    LastOwner,
    /// There is no such login, it has no password, or the password is another: not told apart.
    LoginFailed {
        from: Peer,
    },
    TooOften {
        wait: Duration,
    },
    LoginsBusy,
    /// Of a caller that is known already.
    WrongPassword,
    UserDisabled,
    /// The token stands for nobody.
    NoUser,
    NotASession,
    /// It never was one, was used, was replaced, or is too old: not told apart.
    NoInvitation,
    /// The user's home account is out of the token's reach.
    ManagedElsewhere,
    /// One of the user's other accounts is.
    MemberElsewhere,
    AlreadyMember,
    /// The account's policy is not in the configuration.
    UnknownPolicy(PolicyName),
    /// The policy has no logins in the account.
    NoSessions(PolicyName),
    TooManyTokens(u32),
    /// A deletion was not confirmed as the policy wants it.
    NotConfirmed {
        wanted: String,
        given: bool,
    },
    /// The token was used of late, and that was not acknowledged.
    TokenInUse(String),
    /// An old text of the token is valid yet, and that it may end was not said.
    OverlapRunning {
        until: Timestamp,
    },
    /// No old text of the token is valid.
    NoOverlap,
    /// The token keeps its text, for this reason.
    NotRotatable(String),
    /// The token was to be seen once.
    NotRetrievable,
    /// There is a copy of the token, and it cannot be had.
    NoCopy(&'static str),
    /// It is another person's.
    NotYours,
    Conflict(String),
    NotReady(String),
    BackupRunning,
    Store(StoreError),
    /// The store has no room for the change.
    StoreFull(String),
    /// The audit log cannot take its entry; `done`: it was done before that was known.
    Unrecorded {
        why: Unrecorded,
        done: bool,
    },
    NoRandomness(String),
    /// A mistake of ours, and what it came to.
    Failed(String),
    /// A mistake of ours.
    Broken(&'static str),
}

/// Who is to blame, which decides how loud the log is.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Client,
    Ours,
}

struct Public {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    fault: Fault,
}

impl Refusal {
    #[rustfmt::skip] // One line each, so that the mapping can be read as a table.
    fn public(&self) -> Public {
        use Fault::{Client, Ours};
        let (status, code, title, fault) = match self {
            Refusal::Credential(CredentialError::Absent) => (401, "missing_credential", "A token is needed", Client),
            Refusal::Credential(CredentialError::Malformed) => (400, "malformed_credential", "The credential is malformed", Client),
            Refusal::Credential(CredentialError::Several) => (400, "several_credentials", "There is more than one credential", Client),
            Refusal::NotAToken(_) => (401, "invalid_token", "This is no token", Client),
            Refusal::UnknownToken => (401, "invalid_token", "The token is unknown", Client),
            Refusal::TokenDisabled => (401, "token_disabled", "The token is disabled", Client),
            Refusal::TokenRevoked { .. } => (401, "token_revoked", "The token is revoked", Client),
            Refusal::TokenExpired { .. } => (401, "token_expired", "The token has expired", Client),
            Refusal::TokenNotYetValid { .. } => (401, "token_not_yet_valid", "The token is not valid yet", Client),
            Refusal::TokenRotated { .. } => (401, "token_rotated", "The token was rotated", Client),
            Refusal::AccountSuspended => (403, "account_suspended", "The account is suspended", Client),
            Refusal::OwnerInactive => (403, "owner_inactive", "The token's user is not active", Client),
            Refusal::Insufficient { .. } => (403, "insufficient_scope", "The token lacks a right", Client),
            Refusal::FilterNotEnforced => (403, "filter_not_enforced", "The token is limited by a filter", Client),
            Refusal::GrantsExceeded { .. } => (403, "grants_exceeded", "More rights than the giver has", Client),
            Refusal::NotRoot => (403, "root_only", "Only for the root account", Client),
            Refusal::NoEndpoint => (404, "no_endpoint", "There is no such call", Client),
            Refusal::WrongMethod { .. } => (405, "method_not_allowed", "The method is not allowed", Client),
            Refusal::NoSuch(_) => (404, "not_found", "There is no such object", Client),
            Refusal::NotJson => (415, "not_json", "The body is not declared as JSON", Client),
            Refusal::BodyTooLarge => (413, "body_too_large", "The body is too large", Client),
            Refusal::BodyBroken => (400, "body_incomplete", "The body did not arrive whole", Client),
            Refusal::Malformed(_) => (400, "malformed_json", "The body is not JSON", Client),
            Refusal::InvalidFields(_) => (422, "invalid_fields", "Some fields are wrong", Client),
            Refusal::ImmutableFields(_) => (422, "immutable_fields", "Some fields cannot be changed", Client),
            Refusal::InvalidQuery(_) => (400, "invalid_query", "Some query parameters are wrong", Client),
            Refusal::AlreadyRevoked => (409, "already_revoked", "The token is revoked for good", Client),
            Refusal::LoginTaken => (409, "login_taken", "The login is taken", Client),
            Refusal::AccountCircle(_) => (409, "account_circle", "An account would be above itself", Client),
            Refusal::AccountNotEmpty { .. } => (409, "account_not_empty", "The account is not empty", Client),
            Refusal::RootAccount => (409, "root_account", "It is the root account", Client),
            Refusal::LastOwner => (409, "last_owner", "Nobody would be left in charge", Client),
            Refusal::OwnAccount => (409, "own_account", "The account is the caller's own", Client),
            Refusal::UnknownPolicy(_) => (409, "unknown_policy", "The account's policy is not configured", Client),
            Refusal::NoSessions(_) => (403, "no_sessions", "Nobody logs in to the account", Client),
            Refusal::TooManyTokens(_) => (409, "too_many_tokens", "The account has as many tokens as it may", Client),
            Refusal::NotConfirmed { .. } => (409, "not_confirmed", "The deletion is to be confirmed", Client),
            Refusal::TokenInUse(_) => (409, "token_in_use", "The token is in use", Client),
            Refusal::OverlapRunning { .. } => (409, "overlap_running", "The old text is valid yet", Client),
            Refusal::NoOverlap => (409, "no_overlap", "No old text is valid", Client),
            Refusal::NotRotatable(_) => (409, "not_rotatable", "The token keeps its text", Client),
            Refusal::NotRetrievable => (409, "not_retrievable", "The token was shown once", Client),
            Refusal::NoCopy(_) => (409, "copy_unreadable", "The copy of the token cannot be read", Client),
            Refusal::NotYours => (403, "not_yours", "The token is somebody else's", Client),
            Refusal::Conflict(_) => (409, "conflict", "Others changed the object meanwhile", Client),
            Refusal::BackupRunning => (409, "backup_running", "A backup is being made", Client),
            Refusal::NotReady(_) => (503, "not_ready", "The gateway is not ready", Ours),
            Refusal::Store(_) => (503, "store_unavailable", "The store does not answer", Ours),
            Refusal::StoreFull(_) => (507, "store_full", "The store has no room", Ours),
            Refusal::Unrecorded { why: Unrecorded::Full(_), .. } => (507, "audit_full", "The audit log has no room", Ours),
            Refusal::Unrecorded { .. } => (503, "audit_unavailable", "The audit log cannot be written", Ours),
            Refusal::LoginFailed { .. } => (401, "login_failed", "The login failed", Client),
            Refusal::TooOften { .. } => (429, "rate_limited", "Too many tries", Client),
            Refusal::LoginsBusy => (503, "logins_busy", "Too many log in at once", Client),
            Refusal::WrongPassword => (403, "wrong_password", "The password is wrong", Client),
            Refusal::UserDisabled => (403, "user_disabled", "The user is disabled", Client),
            Refusal::NoUser => (403, "no_user", "The token stands for no user", Client),
            Refusal::NotASession => (409, "not_a_session", "The token is no session", Client),
            Refusal::NoInvitation => (403, "invitation_invalid", "The invitation is not valid", Client),
            Refusal::ManagedElsewhere => (403, "managed_elsewhere", "The user is managed elsewhere", Client),
            Refusal::MemberElsewhere => (403, "member_elsewhere", "The user is a member elsewhere", Client),
            Refusal::AlreadyMember => (409, "already_member", "The user is a member already", Client),
            Refusal::NoRandomness(_) => (503, "no_randomness", "There is no randomness", Ours),
            Refusal::Failed(_) | Refusal::Broken(_) => (500, "internal", "A mistake of the gateway", Ours),
        };
        let status = StatusCode::from_u16(status).expect("the table has lawful statuses");
        Public { status, code, title, fault }
    }

    pub(super) fn code(&self) -> &'static str {
        self.public().code
    }

    /// What the operator needs besides. Nothing that a client sent, which may be a secret sent amiss.
    fn cause(&self) -> &dyn std::fmt::Display {
        match self {
            Refusal::Store(error) => error,
            Refusal::Conflict(text)
            | Refusal::NoRandomness(text)
            | Refusal::NotReady(text)
            | Refusal::StoreFull(text)
            | Refusal::Failed(text) => text,
            Refusal::LoginFailed { from } => from,
            Refusal::Unrecorded { why, .. } => why,
            Refusal::Broken(text) => text,
            _ => &"",
        }
    }

    /// Seconds.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Refusal::Store(_) | Refusal::NotReady(_) | Refusal::NoRandomness(_) => Some(5),
            Refusal::TooOften { wait } => Some(wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1)),
            Refusal::LoginsBusy => Some(1),
            // Somebody has to make room.
            Refusal::StoreFull(_) | Refusal::Unrecorded { why: Unrecorded::Full(_), .. } => Some(60),
            Refusal::Unrecorded { .. } => Some(5),
            _ => None,
        }
    }

    fn errors(&self) -> &[FieldError] {
        match self {
            Refusal::InvalidFields(errors) | Refusal::ImmutableFields(errors) | Refusal::InvalidQuery(errors) => errors,
            Refusal::GrantsExceeded { errors, .. } => errors,
            Refusal::AccountCircle(error) => std::slice::from_ref(error),
            _ => &[],
        }
    }

    pub(super) fn log(&self, id: RequestId) {
        let Public { status, code, fault, .. } = self.public();
        let (status, cause) = (status.as_u16(), self.cause());
        match fault {
            Fault::Client => {
                tracing::info!(target: "keygate::admin", status, code, %cause, request_id = %id, "refused");
            }
            Fault::Ours => tracing::error!(target: "keygate::admin", status, code, %cause, request_id = %id, "failed"),
        }
    }

    pub(super) fn respond(&self, id: RequestId, realm: &str) -> Response {
        let Public { status, code, title, .. } = self.public();
        let (detail, id) = (self.detail(), id.to_string());
        let problem = Problem {
            retry_after: self.retry_after(),
            errors: self.errors(),
            ..Problem::new(status.as_u16(), code, title, &detail, &id)
        };
        let mut response = Response::new(Body::from(problem.to_json()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
        if let Some(challenge) = self.challenge(realm) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self {
            Refusal::WrongMethod { allow } => {
                headers.insert(ALLOW, HeaderValue::try_from(allow).expect("methods are ASCII"));
            }
            Refusal::NotJson => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Refusal {
    /// A mere carrier: the frame around all handlers, which knows the request's id, writes the answer.
    fn into_response(self) -> Response {
        (self.public().status, Extension(Arc::new(self))).into_response()
    }
}
