//! Why a request is refused, and what is answered: one enum, one mapping.
//!
//! What the client may read ([`Refusal::detail`]) and what the operator needs ([`Refusal::cause`])
//! are apart; the former never formats an inner error of ours.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::frame::RequestId;
use super::wire::SyntaxError;
use crate::auth::{Below, CredentialError, LifecycleError};
use crate::model::{Access, Action, GrantError, Timestamp, TokenTextError};
use crate::problem::{self, Challenge, FieldError, Problem};
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
    AccountSuspended,
    OwnerInactive,
    Insufficient {
        resource: &'static str,
        action: Action,
        has: Access,
    },
    /// The grants of a new token are more than the caller's own.
    GrantsExceeded(Vec<GrantError>),
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
    AccountCircle,
    AccountNotEmpty {
        below: Below,
        name: String,
    },
    RootAccount,
    LastOwner,
    Conflict(String),
    NotReady(String),
    BackupRunning,
    Store(StoreError),
    /// The store has no room for the change.
    StoreFull(String),
    NoRandomness(String),
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
            Refusal::AccountSuspended => (403, "account_suspended", "The account is suspended", Client),
            Refusal::OwnerInactive => (403, "owner_inactive", "The token's user is not active", Client),
            Refusal::Insufficient { .. } => (403, "insufficient_scope", "The token lacks a right", Client),
            Refusal::GrantsExceeded(_) => (403, "grants_exceeded", "More rights than the giver has", Client),
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
            Refusal::AccountCircle => (409, "account_circle", "An account would be above itself", Client),
            Refusal::AccountNotEmpty { .. } => (409, "account_not_empty", "The account is not empty", Client),
            Refusal::RootAccount => (409, "root_account", "It is the root account", Client),
            Refusal::LastOwner => (409, "last_owner", "Nobody would be left in charge", Client),
            Refusal::OwnAccount => (409, "own_account", "The account is the caller's own", Client),
            Refusal::Conflict(_) => (409, "conflict", "Others changed the object meanwhile", Client),
            Refusal::BackupRunning => (409, "backup_running", "A backup is being made", Client),
            Refusal::NotReady(_) => (503, "not_ready", "The gateway is not ready", Ours),
            Refusal::Store(_) => (503, "store_unavailable", "The store does not answer", Ours),
            Refusal::StoreFull(_) => (507, "store_full", "The store has no room", Ours),
            Refusal::NoRandomness(_) => (503, "no_randomness", "There is no randomness", Ours),
            Refusal::Broken(_) => (500, "internal", "A mistake of the gateway", Ours),
        };
        let status = StatusCode::from_u16(status).expect("the table has lawful statuses");
        Public { status, code, title, fault }
    }

    /// What the client may read.
    fn detail(&self) -> String {
        match self {
            Refusal::Credential(CredentialError::Absent) => "send the token as `Authorization: Bearer <token>`".into(),
            Refusal::Credential(CredentialError::Malformed) => {
                "behind `Bearer` stands nothing, or a character that no token has".into()
            }
            Refusal::Credential(CredentialError::Several) => {
                "the request has more than one `Authorization` field; send exactly one".into()
            }
            Refusal::NotAToken(error) => format!("the token {error}; was it copied whole?"),
            Refusal::UnknownToken => "the token is not known here".into(),
            Refusal::TokenDisabled => "the token is disabled until somebody enables it".into(),
            Refusal::TokenRevoked { at } => format!("the token was revoked at {at}"),
            Refusal::TokenExpired { at } => format!("the token expired at {at}"),
            Refusal::TokenNotYetValid { from } => format!("the token is valid from {from} on"),
            Refusal::AccountSuspended => "the token's account, or one above it, is suspended".into(),
            Refusal::OwnerInactive => "the token's user is disabled, or no member of the account any more".into(),
            Refusal::Insufficient { resource, action, has } => {
                format!("the call needs `{}` on `{resource}`, and the token has `{has}`", action.name())
            }
            Refusal::GrantsExceeded(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Refusal::NotRoot => "the call is about all accounts: it takes a token of the root account".into(),
            Refusal::NoEndpoint => "nothing is served at this path".into(),
            Refusal::WrongMethod { allow } => format!("this path is served for {allow}"),
            Refusal::NoSuch(noun) => format!("there is no such {noun}, or it is out of the token's reach"),
            Refusal::NotJson => "send the body with `Content-Type: application/json`".into(),
            Refusal::BodyTooLarge => format!("a body has at most {} bytes", super::body::MAX_BODY),
            Refusal::BodyBroken => "the body ended before it was complete".into(),
            Refusal::Malformed(SyntaxError { line, column, what }) => format!("line {line}, column {column}: {what}"),
            Refusal::InvalidFields(errors) | Refusal::ImmutableFields(errors) | Refusal::InvalidQuery(errors) => {
                errors.iter().map(|e| format!("`{}` {}", e.field, e.message)).collect::<Vec<_>>().join("; ")
            }
            Refusal::AlreadyRevoked => "a revoked token stays revoked; create another one".into(),
            Refusal::OwnAccount => {
                "a token cannot suspend, move, delete or limit its own account: ask the account above".into()
            }
            Refusal::LoginTaken => {
                "there is a user with this login already; logins are one for the installation".into()
            }
            Refusal::AccountCircle => "the new parent is the account itself, or lies below it".into(),
            Refusal::AccountNotEmpty { below, name } => format!(
                "there is something in the account or below it ({below}); to delete it with everything below, \
                 call again with `?everything=` and the account's name, {name}"
            ),
            Refusal::RootAccount => "the root account can be neither moved nor deleted".into(),
            Refusal::LastOwner => {
                "it is the account's last owner: make another member owner first, or delete the account".into()
            }
            Refusal::Conflict(_) => "the object was changed at the same time; read it and try again".into(),
            Refusal::BackupRunning => "one backup is made at a time; try again once it is complete".into(),
            Refusal::NotReady(reason) => reason.clone(),
            Refusal::Store(_) => {
                "the store does not answer; a change that was asked for may have happened or not".into()
            }
            Refusal::StoreFull(_) => {
                "the disk of the store is full: nothing was changed, and changes are taken again once there is room"
                    .into()
            }
            Refusal::NoRandomness(_) => "the operating system gave no randomness; no token was made".into(),
            Refusal::Broken(_) => {
                "the gateway failed at this request; its log has the cause under the request id".into()
            }
        }
    }

    /// What the operator needs besides. Nothing that a client sent, which may be a secret sent amiss.
    fn cause(&self) -> &dyn std::fmt::Display {
        match self {
            Refusal::Store(error) => error,
            Refusal::Conflict(text)
            | Refusal::NoRandomness(text)
            | Refusal::NotReady(text)
            | Refusal::StoreFull(text) => text,
            Refusal::Broken(text) => text,
            _ => &"",
        }
    }

    fn challenge(&self, realm: &str) -> Option<HeaderValue> {
        let (error, scope) = match self {
            // Nothing was presented; or the token is good, and none of the errors fits.
            Refusal::Credential(CredentialError::Absent)
            | Refusal::AccountSuspended
            | Refusal::OwnerInactive
            | Refusal::GrantsExceeded(_)
            | Refusal::NotRoot => (None, None),
            Refusal::Credential(CredentialError::Malformed | CredentialError::Several) => {
                (Some("invalid_request"), None)
            }
            Refusal::NotAToken(_)
            | Refusal::UnknownToken
            | Refusal::TokenDisabled
            | Refusal::TokenRevoked { .. }
            | Refusal::TokenExpired { .. }
            | Refusal::TokenNotYetValid { .. } => (Some("invalid_token"), None),
            Refusal::Insufficient { resource, action, .. } => {
                (Some("insufficient_scope"), Some(format!("{resource}:{}", action.name())))
            }
            Refusal::NoEndpoint
            | Refusal::WrongMethod { .. }
            | Refusal::NoSuch(_)
            | Refusal::NotJson
            | Refusal::BodyTooLarge
            | Refusal::BodyBroken
            | Refusal::Malformed(_)
            | Refusal::InvalidFields(_)
            | Refusal::ImmutableFields(_)
            | Refusal::InvalidQuery(_)
            | Refusal::AlreadyRevoked
            | Refusal::OwnAccount
            | Refusal::LoginTaken
            | Refusal::AccountCircle
            | Refusal::AccountNotEmpty { .. }
            | Refusal::RootAccount
            | Refusal::LastOwner
            | Refusal::Conflict(_)
            | Refusal::BackupRunning
            | Refusal::NotReady(_)
            | Refusal::Store(_)
            | Refusal::StoreFull(_)
            | Refusal::NoRandomness(_)
            | Refusal::Broken(_) => return None,
        };
        let description = error.filter(|_| scope.is_none()).map(|_| self.detail());
        Some(Challenge { error, description: description.as_deref(), scope: scope.as_deref() }.header(realm))
    }

    /// Seconds.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Refusal::Store(_) | Refusal::NotReady(_) | Refusal::NoRandomness(_) => Some(5),
            // Somebody has to make room.
            Refusal::StoreFull(_) => Some(60),
            _ => None,
        }
    }

    fn errors(&self) -> &[FieldError] {
        match self {
            Refusal::InvalidFields(errors) | Refusal::ImmutableFields(errors) | Refusal::InvalidQuery(errors) => errors,
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

impl From<LifecycleError> for Refusal {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::NoToken(_) => Refusal::NoSuch("token"),
            LifecycleError::NoAccount(_) => Refusal::NoSuch("account"),
            LifecycleError::NoUser(_) => Refusal::NoSuch("user"),
            LifecycleError::LoginTaken(_) => Refusal::LoginTaken,
            LifecycleError::NoRole(name) => Refusal::InvalidFields(vec![FieldError {
                field: "roles".into(),
                message: format!("there is no role `{name}`"),
            }]),
            LifecycleError::Circle(_) => Refusal::AccountCircle,
            LifecycleError::LastOwner(_) => Refusal::LastOwner,
            LifecycleError::NotEmpty(below) => Refusal::AccountNotEmpty { below, name: String::new() },
            LifecycleError::Root => Refusal::RootAccount,
            LifecycleError::Revoked(_) => Refusal::AlreadyRevoked,
            LifecycleError::Conflict(what) => Refusal::Conflict(what),
            LifecycleError::NoRandomness(what) => Refusal::NoRandomness(what),
            LifecycleError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(why) => Refusal::StoreFull(why),
            StoreError::Copying => Refusal::BackupRunning,
            other => Refusal::Store(other),
        }
    }
}
