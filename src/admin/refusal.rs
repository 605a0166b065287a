//! Why a request is refused, and what is answered: one enum, one mapping.
//!
//! What the client may read (`detail.rs`) and what the operator needs ([`Refusal::cause`]) are apart.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

use super::frame::RequestId;
use super::peer::Peer;
use super::wire::SyntaxError;
use crate::audit::Unrecorded;
use crate::auth::{Below, CredentialError};
use crate::model::{Access, Action, GrantError, PolicyName, Timestamp, TokenTextError, without_tokens};
use crate::problem::code::{self, Code, Told};
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
    /// The request is for another name than this listener's.
    OtherHost,
    /// The request came over a connection that is not for it.
    Misdirected,
    NoEndpoint,
    WrongMethod {
        allow: String,
    },
    /// There is no such object, or the caller does not reach it: the two are not told apart.
    NoSuch(&'static str),
    NotJson,
    NotForm,
    BadForm(&'static str),
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
    /// Of the whole management API.
    RateLimited {
        policy: &'static str,
        wait: Duration,
    },
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
    /// GitHub's alerts are not configured.
    LeaksOff,
    /// An alert is not by whom it says, and why.
    BadSignature(String),
    /// The keys of who reports leaks cannot be had, and why.
    KeysUnavailable(String),
    /// Too many reports wait.
    LeaksBusy,
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
    /// The `Idempotency-Key` is none.
    BadRepeatKey(&'static str),
    /// The same request is being done.
    UnderWay,
    /// The `Idempotency-Key` came with another request before.
    OtherRequest,
    /// What the request made before is not there any more.
    MadeAndGone,
    Conflict(String),
    /// The object is not as the request says.
    Stale,
    /// So many are meant as `count` says, and others were expected.
    CountDiffers {
        expected: u64,
        count: u64,
    },
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

impl Refusal {
    #[rustfmt::skip] // One line each, so that the mapping can be read as a table.
    fn public(&self) -> (&'static Code, Fault) {
        use Fault::{Client, Ours};
        match self {
            Refusal::Credential(CredentialError::Absent) => (&code::MISSING_CREDENTIAL, Client),
            Refusal::Credential(CredentialError::Malformed) => (&code::MALFORMED_CREDENTIAL, Client),
            Refusal::Credential(CredentialError::Several) => (&code::SEVERAL_CREDENTIALS, Client),
            Refusal::NotAToken(_) => (&code::INVALID_TOKEN, Client),
            Refusal::UnknownToken => (&code::INVALID_TOKEN, Client),
            Refusal::TokenDisabled => (&code::TOKEN_DISABLED, Client),
            Refusal::TokenRevoked { .. } => (&code::TOKEN_REVOKED, Client),
            Refusal::TokenExpired { .. } => (&code::TOKEN_EXPIRED, Client),
            Refusal::TokenNotYetValid { .. } => (&code::TOKEN_NOT_YET_VALID, Client),
            Refusal::TokenRotated { .. } => (&code::TOKEN_ROTATED, Client),
            Refusal::AccountSuspended => (&code::ACCOUNT_SUSPENDED, Client),
            Refusal::OwnerInactive => (&code::OWNER_INACTIVE, Client),
            Refusal::Insufficient { .. } => (&code::INSUFFICIENT_SCOPE, Client),
            Refusal::FilterNotEnforced => (&code::FILTER_NOT_ENFORCED, Client),
            Refusal::GrantsExceeded { .. } => (&code::GRANTS_EXCEEDED, Client),
            Refusal::NotRoot => (&code::ROOT_ONLY, Client),
            Refusal::OtherHost => (&code::OTHER_HOST, Client),
            Refusal::Misdirected => (&code::MISDIRECTED, Client),
            Refusal::NoEndpoint => (&code::NO_ENDPOINT, Client),
            Refusal::WrongMethod { .. } => (&code::METHOD_NOT_ALLOWED, Client),
            Refusal::NoSuch(_) => (&code::NOT_FOUND, Client),
            Refusal::NotJson => (&code::NOT_JSON, Client),
            Refusal::NotForm => (&code::NOT_A_FORM, Client),
            Refusal::BadForm(_) => (&code::INVALID_FORM, Client),
            Refusal::BodyTooLarge => (&code::BODY_TOO_LARGE, Client),
            Refusal::BodyBroken => (&code::BODY_INCOMPLETE, Client),
            Refusal::Malformed(_) => (&code::MALFORMED_JSON, Client),
            Refusal::InvalidFields(_) => (&code::INVALID_FIELDS, Client),
            Refusal::ImmutableFields(_) => (&code::IMMUTABLE_FIELDS, Client),
            Refusal::InvalidQuery(_) => (&code::INVALID_QUERY, Client),
            Refusal::AlreadyRevoked => (&code::ALREADY_REVOKED, Client),
            Refusal::LoginTaken => (&code::LOGIN_TAKEN, Client),
            Refusal::AccountCircle(_) => (&code::ACCOUNT_CIRCLE, Client),
            Refusal::AccountNotEmpty { .. } => (&code::ACCOUNT_NOT_EMPTY, Client),
            Refusal::RootAccount => (&code::ROOT_ACCOUNT, Client),
            Refusal::LastOwner => (&code::LAST_OWNER, Client),
            Refusal::OwnAccount => (&code::OWN_ACCOUNT, Client),
            Refusal::UnknownPolicy(_) => (&code::UNKNOWN_POLICY, Client),
            Refusal::NoSessions(_) => (&code::NO_SESSIONS, Client),
            Refusal::TooManyTokens(_) => (&code::TOO_MANY_TOKENS, Client),
            Refusal::NotConfirmed { .. } => (&code::NOT_CONFIRMED, Client),
            Refusal::TokenInUse(_) => (&code::TOKEN_IN_USE, Client),
            Refusal::OverlapRunning { .. } => (&code::OVERLAP_RUNNING, Client),
            Refusal::NoOverlap => (&code::NO_OVERLAP, Client),
            Refusal::NotRotatable(_) => (&code::NOT_ROTATABLE, Client),
            Refusal::NotRetrievable => (&code::NOT_RETRIEVABLE, Client),
            Refusal::NoCopy(_) => (&code::COPY_UNREADABLE, Client),
            Refusal::NotYours => (&code::NOT_YOURS, Client),
            Refusal::BadRepeatKey(_) => (&code::IDEMPOTENCY_KEY_INVALID, Client),
            Refusal::UnderWay => (&code::IDEMPOTENCY_IN_PROGRESS, Client),
            Refusal::OtherRequest => (&code::IDEMPOTENCY_KEY_REUSED, Client),
            Refusal::MadeAndGone => (&code::IDEMPOTENCY_OBJECT_GONE, Client),
            Refusal::Conflict(_) => (&code::CONFLICT, Client),
            Refusal::Stale => (&code::PRECONDITION_FAILED, Client),
            Refusal::CountDiffers { .. } => (&code::COUNT_DIFFERS, Client),
            Refusal::BackupRunning => (&code::BACKUP_RUNNING, Client),
            Refusal::NotReady(_) => (&code::NOT_READY, Ours),
            Refusal::Store(_) => (&code::STORE_UNAVAILABLE, Ours),
            Refusal::StoreFull(_) => (&code::STORE_FULL, Ours),
            Refusal::Unrecorded { why: Unrecorded::Full(_), .. } => (&code::AUDIT_FULL, Ours),
            Refusal::Unrecorded { .. } => (&code::AUDIT_UNAVAILABLE, Ours),
            Refusal::LoginFailed { .. } => (&code::LOGIN_FAILED, Client),
            Refusal::TooOften { .. } => (&code::RATE_LIMITED, Client),
            Refusal::RateLimited { .. } => (&code::RATE_LIMITED, Client),
            Refusal::LoginsBusy => (&code::LOGINS_BUSY, Client),
            Refusal::WrongPassword => (&code::WRONG_PASSWORD, Client),
            Refusal::UserDisabled => (&code::USER_DISABLED, Client),
            Refusal::NoUser => (&code::NO_USER, Client),
            Refusal::NotASession => (&code::NOT_A_SESSION, Client),
            Refusal::NoInvitation => (&code::INVITATION_INVALID, Client),
            Refusal::ManagedElsewhere => (&code::MANAGED_ELSEWHERE, Client),
            Refusal::MemberElsewhere => (&code::MEMBER_ELSEWHERE, Client),
            Refusal::AlreadyMember => (&code::ALREADY_MEMBER, Client),
            Refusal::LeaksOff => (&code::LEAKS_OFF, Client),
            Refusal::BadSignature(_) => (&code::BAD_SIGNATURE, Client),
            Refusal::KeysUnavailable(_) => (&code::KEYS_UNAVAILABLE, Ours),
            Refusal::LeaksBusy => (&code::LEAKS_BUSY, Ours),
            Refusal::NoRandomness(_) => (&code::NO_RANDOMNESS, Ours),
            Refusal::Failed(_) | Refusal::Broken(_) => (&code::INTERNAL, Ours),
        }
    }

    pub(super) fn code(&self) -> &'static Code {
        self.public().0
    }

    /// What the operator needs besides. Nothing that a client sent, which may be a secret sent amiss.
    fn cause(&self) -> &dyn std::fmt::Display {
        match self {
            Refusal::Store(error) => error,
            Refusal::Conflict(text)
            | Refusal::NoRandomness(text)
            | Refusal::NotReady(text)
            | Refusal::StoreFull(text)
            | Refusal::BadSignature(text)
            | Refusal::KeysUnavailable(text)
            | Refusal::Failed(text) => text,
            Refusal::LoginFailed { from } => from,
            Refusal::Unrecorded { why, .. } => why,
            Refusal::Broken(text) => text,
            _ => &"",
        }
    }

    fn challenge(&self, realm: &str) -> Option<HeaderValue> {
        let error = match self.code().challenge {
            Told::Nothing => return None,
            Told::Challenge => None,
            Told::Error(error) => Some(error),
        };
        let scope = match self {
            Refusal::Insufficient { resource, action, .. } => Some(format!("{resource}:{}", action.name())),
            _ => None,
        };
        let description = error.filter(|_| scope.is_none()).map(|_| self.detail());
        Some(Challenge { error, description: description.as_deref(), scope: scope.as_deref() }.header(realm))
    }

    /// Seconds.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Refusal::Store(_) | Refusal::NotReady(_) | Refusal::NoRandomness(_) | Refusal::LeaksBusy => Some(5),
            Refusal::KeysUnavailable(_) => Some(60),
            Refusal::TooOften { wait } | Refusal::RateLimited { wait, .. } => {
                Some(wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1))
            }
            Refusal::LoginsBusy | Refusal::UnderWay => Some(1),
            // Somebody has to make room.
            Refusal::StoreFull(_) | Refusal::Unrecorded { why: Unrecorded::Full(_), .. } => Some(60),
            Refusal::Unrecorded { .. } => Some(5),
            _ => None,
        }
    }

    fn count(&self) -> Option<u64> {
        match self {
            Refusal::CountDiffers { count, .. } => Some(*count),
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
        let (Code { status, name: code, .. }, fault) = self.public();
        let cause = self.cause();
        match fault {
            Fault::Client => {
                tracing::info!(target: "keygate::admin", status, code, %cause, request_id = %id, "refused");
            }
            Fault::Ours => tracing::error!(target: "keygate::admin", status, code, %cause, request_id = %id, "failed"),
        }
    }

    pub(super) fn respond(&self, id: RequestId, realm: &str) -> Response {
        let (detail, id) = (without_tokens(&self.detail()).into_owned(), id.to_string());
        let problem = Problem {
            retry_after: self.retry_after(),
            count: self.count(),
            errors: self.errors(),
            ..Problem::new(self.code(), &detail, &id)
        };
        let mut response = Response::new(Body::from(problem.to_json()));
        *response.status_mut() = self.code().status();
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
            Refusal::NotForm => {
                headers.insert(ACCEPT, HeaderValue::from_static("application/x-www-form-urlencoded"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Refusal {
    /// A mere carrier: the frame around all handlers, which knows the request's id, writes the answer.
    fn into_response(self) -> Response {
        (self.code().status(), Extension(Arc::new(self))).into_response()
    }
}
