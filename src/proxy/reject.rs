//! Every way in which a request is refused, and what is answered.

mod holder;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode};

use self::holder::{denied, filter};
use super::filter::FilterFault;
use super::headers::HeaderFault;
use super::sanitize::{BadRequest, HostFault};
use crate::auth::{CredentialError, Denial};
use crate::model::{Action, TokenTextError};
use crate::problem::{self, Challenge, Problem};
use crate::telemetry::Reason;

/// Why a request is not forwarded, or not answered by its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rejection {
    Bad(BadRequest),
    Credential(CredentialError),
    NotAToken(TokenTextError),
    Unknown,
    Denied {
        denial: Denial,
        scope: String,
    },
    Filter(FilterFault),
    NoRoute,
    Method {
        allowed: Vec<Method>,
    },
    RateLimited {
        wait: Duration,
    },
    StoreAway,
    BodyTooLarge {
        limit: u64,
    },
    /// The client's body broke off or was malformed.
    ClientBody,
    /// The rest of the client's body did not come.
    ClientLate,
    UpstreamConnect,
    UpstreamConnectTimeout,
    UpstreamTimeout,
    UpstreamProtocol,
}

/// What is told of a rejection.
struct Answer {
    status: StatusCode,
    code: &'static str,
    detail: String,
    challenge: Option<Challenge<'static>>,
    /// Why, in one word; `None` where a permit was given: what the upstream does changes no decision.
    reason: Option<Reason>,
}

const INVALID_REQUEST: Challenge<'static> =
    Challenge { error: Some("invalid_request"), description: None, scope: None };
const INSUFFICIENT: Challenge<'static> =
    Challenge { error: Some("insufficient_scope"), description: None, scope: None };

fn invalid_token(description: &'static str) -> Option<Challenge<'static>> {
    Some(Challenge { error: Some("invalid_token"), description: Some(description), scope: None })
}

impl Rejection {
    /// A denial, with the scope that would have been enough.
    pub(super) fn denied(denial: Denial, resource: &str, action: Action) -> Self {
        let scope = format!("{resource}:{}", action.name());
        Rejection::Denied { denial, scope }
    }

    fn answer(&self) -> Answer {
        use StatusCode as S;
        let answer = |status, code, detail: &str, challenge, reason| Answer {
            status,
            code,
            detail: detail.to_owned(),
            challenge,
            reason,
        };
        match self {
            Rejection::Bad(fault) => bad(*fault),
            Rejection::Credential(error) => credential(*error),
            Rejection::NotAToken(TokenTextError::Checksum) => answer(
                S::UNAUTHORIZED,
                "invalid_token",
                "the token is garbled or made up: its checksum is wrong",
                invalid_token("the token is malformed"),
                Some(Reason::Checksum),
            ),
            Rejection::NotAToken(TokenTextError::Prefix | TokenTextError::Shape) => answer(
                S::UNAUTHORIZED,
                "invalid_token",
                "this is not a token of this service",
                invalid_token("the token is malformed"),
                Some(Reason::Prefix),
            ),
            Rejection::Unknown => answer(
                S::UNAUTHORIZED,
                "invalid_token",
                "the token is not known",
                invalid_token("the token is not known"),
                Some(Reason::Unknown),
            ),
            Rejection::Denied { denial, scope } => denied(*denial, scope),
            Rejection::Filter(fault) => filter(fault),
            Rejection::NoRoute => {
                answer(S::NOT_FOUND, "no_route", "no route of this gateway leads there", None, Some(Reason::NoRoute))
            }
            Rejection::Method { allowed } => {
                let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
                let detail = if names.is_empty() {
                    "this method is not supported".to_owned()
                } else {
                    format!("this path takes {}", names.join(", "))
                };
                answer(S::METHOD_NOT_ALLOWED, "method_not_allowed", &detail, None, Some(Reason::Method))
            }
            Rejection::RateLimited { wait } => {
                let detail = format!("too many requests; try again in {} s", seconds(*wait));
                answer(S::TOO_MANY_REQUESTS, "rate_limited", &detail, None, Some(Reason::RateLimited))
            }
            Rejection::StoreAway => answer(
                S::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the token cannot be checked at present; try again",
                None,
                Some(Reason::StoreError),
            ),
            Rejection::BodyTooLarge { limit } => {
                let detail = format!("the request body is over {limit} bytes");
                answer(S::PAYLOAD_TOO_LARGE, "body_too_large", &detail, None, Some(Reason::BodyLimit))
            }
            Rejection::ClientBody => answer(
                S::BAD_REQUEST,
                "body_incomplete",
                "the request body broke off or is malformed",
                None,
                Some(Reason::BadRequest),
            ),
            Rejection::ClientLate => answer(
                S::REQUEST_TIMEOUT,
                "body_timeout",
                "the rest of the request body did not come in time",
                None,
                Some(Reason::BadRequest),
            ),
            Rejection::UpstreamConnect => answer(
                S::BAD_GATEWAY,
                "upstream_unreachable",
                "the service behind this gateway cannot be reached",
                None,
                None,
            ),
            Rejection::UpstreamConnectTimeout => answer(
                S::GATEWAY_TIMEOUT,
                "upstream_connect_timeout",
                "the service behind this gateway does not accept connections in time",
                None,
                None,
            ),
            Rejection::UpstreamTimeout => answer(
                S::GATEWAY_TIMEOUT,
                "upstream_timeout",
                "the service behind this gateway did not answer in time",
                None,
                None,
            ),
            Rejection::UpstreamProtocol => answer(
                S::BAD_GATEWAY,
                "upstream_failed",
                "the service behind this gateway broke off or sent no valid answer",
                None,
                None,
            ),
        }
    }

    /// The response, and the reason for the record. hyper leaves the body out where the request was a
    /// HEAD.
    pub(super) fn response(&self, realm: &str, request_id: &str) -> (Response<Bytes>, Option<Reason>) {
        let answer = self.answer();
        let title = answer.status.canonical_reason().unwrap_or_default();
        let mut document = Problem::new(answer.status.as_u16(), answer.code, title, &answer.detail, request_id);
        let retry_after = self.retry_after();
        document.retry_after = retry_after;
        let mut response = Response::new(Bytes::from(document.to_json()));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        if let Some(challenge) = answer.challenge {
            let scope = match self {
                Rejection::Denied { denial: Denial::Insufficient { .. }, scope } => Some(scope.as_str()),
                _ => None,
            };
            headers.insert(WWW_AUTHENTICATE, Challenge { scope, ..challenge }.header(realm));
        }
        match self {
            Rejection::Method { allowed } => {
                let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
                if let Ok(allow) = HeaderValue::try_from(names.join(", ")) {
                    headers.insert(ALLOW, allow);
                }
            }
            // Nothing that follows on this connection can be trusted to be what it seems.
            Rejection::Bad(_) | Rejection::ClientBody | Rejection::ClientLate => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        (response, answer.reason)
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Rejection::RateLimited { wait } => Some(seconds(*wait)),
            Rejection::StoreAway => Some(1),
            _ => None,
        }
    }
}

fn bad(fault: BadRequest) -> Answer {
    let (status, code, detail) = match fault {
        BadRequest::Path(fault) => (StatusCode::BAD_REQUEST, "bad_path", fault.text()),
        BadRequest::Host(HostFault::Missing) => (StatusCode::BAD_REQUEST, "bad_host", "the request names no host"),
        BadRequest::Host(HostFault::Several) => {
            (StatusCode::BAD_REQUEST, "bad_host", "the request names more than one host")
        }
        BadRequest::Host(HostFault::Invalid) => {
            (StatusCode::BAD_REQUEST, "bad_host", "the host is not a name or an address with an optional port")
        }
        BadRequest::Host(HostFault::Differs) => {
            (StatusCode::BAD_REQUEST, "bad_host", "the request target and the Host header name different hosts")
        }
        BadRequest::Host(HostFault::Scheme) => {
            (StatusCode::BAD_REQUEST, "bad_target", "the request target has a scheme other than http and https")
        }
        BadRequest::Header(HeaderFault::ConnectionNamesProtected) => {
            (StatusCode::BAD_REQUEST, "bad_header", "the Connection header names a header that may not be removed")
        }
        BadRequest::Header(HeaderFault::SpelledOddly) => (
            StatusCode::BAD_REQUEST,
            "bad_header",
            "a header is spelled with another character where its meaning needs `-`",
        ),
        BadRequest::Header(HeaderFault::ContentLength) => {
            (StatusCode::BAD_REQUEST, "bad_framing", "Content-Length must stand once, as a plain number")
        }
        BadRequest::Header(HeaderFault::TransferEncoding) => {
            (StatusCode::BAD_REQUEST, "bad_framing", "Transfer-Encoding must be `chunked`, once")
        }
        BadRequest::Header(HeaderFault::TransferCoding) => {
            (StatusCode::NOT_IMPLEMENTED, "unknown_coding", "the only transfer coding that is understood is `chunked`")
        }
        BadRequest::Header(HeaderFault::Expectation) => (
            StatusCode::EXPECTATION_FAILED,
            "expectation_failed",
            "the only expectation that is understood is `100-continue`",
        ),
    };
    let reason = if status == StatusCode::EXPECTATION_FAILED { Reason::Expectation } else { Reason::BadRequest };
    Answer { status, code, detail: detail.to_owned(), challenge: None, reason: Some(reason) }
}

fn credential(error: CredentialError) -> Answer {
    let (status, code, detail, challenge, reason) = match error {
        CredentialError::Absent => (
            StatusCode::UNAUTHORIZED,
            "missing_credential",
            "send a token as `Authorization: Bearer …`",
            Challenge::default(),
            Reason::Missing,
        ),
        CredentialError::Malformed => (
            StatusCode::BAD_REQUEST,
            "malformed_credential",
            "what follows `Bearer` is not a token",
            INVALID_REQUEST,
            Reason::Malformed,
        ),
        CredentialError::Several => (
            StatusCode::BAD_REQUEST,
            "several_credentials",
            "the request has more than one Authorization header",
            INVALID_REQUEST,
            Reason::Several,
        ),
    };
    Answer { status, code, detail: detail.to_owned(), challenge: Some(challenge), reason: Some(reason) }
}

/// Whole seconds, never too early.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
