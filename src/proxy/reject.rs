//! Every way in which a request is refused, and what is answered.

mod holder;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, Response};

use self::holder::{denied, filter};
use super::bad_request::BadRequest;
use super::carriers::{self, Carriers};
use super::filter::FilterFault;
use super::grpc::{self, Speaks};
use super::headers::HeaderFault;
use crate::auth::{CredentialError, Denial};
use crate::model::{Action, TokenTextError};
use crate::problem::code::{self, Code, Told};
use crate::problem::{self, Challenge, Problem};
use crate::telemetry::Reason;

/// Why a request is not forwarded, or not answered by its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rejection {
    Bad(BadRequest),
    Credential {
        error: CredentialError,
        detail: Cow<'static, str>,
    },
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
    /// No good token, as so often lately from the same address.
    TooManyFailures {
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
    code: &'static Code,
    detail: Cow<'static, str>,
    /// `error_description` of the challenge, where the code has one with an error.
    description: Option<&'static str>,
    /// Why, in one word; `None` where a permit was given: what the upstream does changes no decision.
    reason: Option<Reason>,
}

impl Rejection {
    /// What a request lacks that has to have `Authorization: Bearer` and nothing else.
    pub(super) fn credential(error: CredentialError) -> Self {
        let detail = match error {
            CredentialError::Absent => "send a token as `Authorization: Bearer …`",
            CredentialError::Malformed => "what follows `Bearer` is not a token",
            CredentialError::Several => "the request has more than one Authorization header",
        };
        Rejection::Credential { error, detail: detail.into() }
    }

    /// A denial, with the scope that would have been enough.
    pub(super) fn denied(denial: Denial, resource: &str, action: Action) -> Self {
        let scope = format!("{resource}:{}", action.name());
        Rejection::Denied { denial, scope }
    }

    fn answer(&self) -> Answer {
        let answer = |code, detail: &'static str, description, reason| Answer {
            code,
            detail: detail.into(),
            description,
            reason,
        };
        let told = |code, detail: String, reason| Answer { code, detail: detail.into(), description: None, reason };
        match self {
            Rejection::Bad(fault) => bad(*fault),
            Rejection::Credential { error, detail } => credential(*error, detail.clone()),
            Rejection::NotAToken(TokenTextError::Checksum) => answer(
                &code::INVALID_TOKEN,
                "the token is garbled or made up: its checksum is wrong",
                Some("the token is malformed"),
                Some(Reason::Checksum),
            ),
            Rejection::NotAToken(TokenTextError::Prefix | TokenTextError::Shape) => answer(
                &code::INVALID_TOKEN,
                "this is not a token of this service",
                Some("the token is malformed"),
                Some(Reason::Prefix),
            ),
            Rejection::Unknown => answer(
                &code::INVALID_TOKEN,
                "the token is not known",
                Some("the token is not known"),
                Some(Reason::Unknown),
            ),
            Rejection::Denied { denial, scope } => denied(*denial, scope),
            Rejection::Filter(fault) => filter(fault),
            Rejection::NoRoute => {
                answer(&code::NO_ROUTE, "no route of this gateway leads there", None, Some(Reason::NoRoute))
            }
            Rejection::Method { allowed } => {
                let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
                let detail = if names.is_empty() {
                    "this method is not supported".to_owned()
                } else {
                    format!("this path takes {}", names.join(", "))
                };
                told(&code::METHOD_NOT_ALLOWED, detail, Some(Reason::Method))
            }
            Rejection::RateLimited { wait } => {
                let detail = format!("too many requests; try again in {} s", seconds(*wait));
                told(&code::RATE_LIMITED, detail, Some(Reason::RateLimited))
            }
            Rejection::TooManyFailures { wait } => {
                let detail = format!(
                    "too many requests with wrong tokens came from your address; try again in {} s",
                    seconds(*wait)
                );
                told(&code::TOO_MANY_FAILURES, detail, Some(Reason::Failures))
            }
            Rejection::StoreAway => answer(
                &code::STORE_UNAVAILABLE,
                "the token cannot be checked at present; try again",
                None,
                Some(Reason::StoreError),
            ),
            Rejection::BodyTooLarge { limit } => {
                let detail = format!("the request body is over {limit} bytes");
                told(&code::BODY_TOO_LARGE, detail, Some(Reason::BodyLimit))
            }
            Rejection::ClientBody => answer(
                &code::BODY_INCOMPLETE,
                "the request body broke off or is malformed",
                None,
                Some(Reason::BadRequest),
            ),
            Rejection::ClientLate => answer(
                &code::BODY_TIMEOUT,
                "the rest of the request body did not come in time",
                None,
                Some(Reason::BadRequest),
            ),
            Rejection::UpstreamConnect => {
                answer(&code::UPSTREAM_UNREACHABLE, "the service behind this gateway cannot be reached", None, None)
            }
            Rejection::UpstreamConnectTimeout => answer(
                &code::UPSTREAM_CONNECT_TIMEOUT,
                "the service behind this gateway does not accept connections in time",
                None,
                None,
            ),
            Rejection::UpstreamTimeout => {
                answer(&code::UPSTREAM_TIMEOUT, "the service behind this gateway did not answer in time", None, None)
            }
            Rejection::UpstreamProtocol => answer(
                &code::UPSTREAM_FAILED,
                "the service behind this gateway broke off or sent no valid answer",
                None,
                None,
            ),
        }
    }

    /// The response, and the reason for the record. hyper leaves the body out where the request was a
    /// HEAD.
    pub(super) fn response(
        &self,
        carriers: Option<&Carriers>,
        realm: &str,
        request_id: &str,
        to: Speaks,
    ) -> (Response<Bytes>, Option<Reason>) {
        let answer = self.answer();
        let mut document = Problem::new(answer.code, &answer.detail, request_id);
        let retry_after = self.retry_after();
        document.retry_after = retry_after;
        let mut response = Response::new(Bytes::from(document.to_json()));
        *response.status_mut() = answer.code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        for challenge in self.challenges(&answer, carriers, realm) {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        match self {
            Rejection::Method { allowed } => {
                let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
                if let Ok(allow) = HeaderValue::try_from(names.join(", ")) {
                    headers.insert(ALLOW, allow);
                }
            }
            // RFC 6455 section 4.4.
            Rejection::Bad(BadRequest::Upgrade(_)) => {
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // Nothing that follows on this connection can be trusted to be what it seems.
            Rejection::Bad(_) | Rejection::ClientBody | Rejection::ClientLate => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        let response = match to {
            Speaks::Http => response,
            Speaks::Grpc => grpc::trailers_only(response, grpc::Code::of(self), &answer.detail),
        };
        (response, answer.reason)
    }

    fn challenges(&self, answer: &Answer, carriers: Option<&Carriers>, realm: &str) -> Vec<HeaderValue> {
        let error = match answer.code.challenge {
            Told::Nothing => return Vec::new(),
            Told::Challenge => None,
            Told::Error(error) => Some(error),
        };
        let scope = match self {
            Rejection::Denied { denial: Denial::Insufficient { .. }, scope } => Some(scope.as_str()),
            _ => None,
        };
        carriers::challenges(carriers, Challenge { error, description: answer.description, scope }, realm)
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Rejection::RateLimited { wait } | Rejection::TooManyFailures { wait } => Some(seconds(*wait)),
            Rejection::StoreAway => Some(1),
            _ => None,
        }
    }
}

/// What was decided on before its body came was allowed.
fn bad(fault: BadRequest) -> Answer {
    let (code, detail) = fault.told();
    let reason = match fault {
        _ if fault.is_of_body() => None,
        BadRequest::Header(HeaderFault::Expectation) => Some(Reason::Expectation),
        _ => Some(Reason::BadRequest),
    };
    Answer { code, detail: detail.into(), description: None, reason }
}

fn credential(error: CredentialError, detail: Cow<'static, str>) -> Answer {
    let (code, reason) = match error {
        CredentialError::Absent => (&code::MISSING_CREDENTIAL, Reason::Missing),
        CredentialError::Malformed => (&code::MALFORMED_CREDENTIAL, Reason::Malformed),
        CredentialError::Several => (&code::SEVERAL_CREDENTIALS, Reason::Several),
    };
    Answer { code, detail, description: None, reason: Some(reason) }
}

/// Whole seconds, never too early.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(rejection: &Rejection) -> (Response<Bytes>, Option<Reason>) {
        rejection.response(None, "keygate", "", Speaks::Http)
    }

    #[test]
    fn who_has_to_wait_is_never_told_too_short_a_time() {
        for (millis, told) in [(1, 1), (999, 1), (1_000, 1), (1_001, 2), (2_000, 2), (59_500, 60)] {
            let wait = Duration::from_millis(millis);
            for rejection in [Rejection::RateLimited { wait }, Rejection::TooManyFailures { wait }] {
                let (response, _) = answered(&rejection);
                assert_eq!(response.headers()[RETRY_AFTER], told.to_string(), "{millis} ms");
            }
        }
    }

    #[test]
    fn who_uses_another_method_is_told_which_there_are() {
        let (response, _) = answered(&Rejection::Method { allowed: vec![Method::GET, Method::DELETE] });
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ALLOW]),
            (405, &"GET, DELETE".parse().expect("a value"))
        );
    }

    #[test]
    fn what_is_wrong_with_a_body_changes_no_decision() {
        let reason = |bad| answered(&Rejection::Bad(bad)).1;
        assert_eq!(reason(BadRequest::Trailer), None);
        assert_eq!(reason(BadRequest::Header(HeaderFault::Expectation)), Some(Reason::Expectation));
        assert_eq!(reason(BadRequest::Header(HeaderFault::SpelledOddly)), Some(Reason::BadRequest));
    }
}
