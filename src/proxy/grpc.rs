//! Refusals of gRPC calls. Their clients read no status of HTTP: a call ends with the trailers
//! `grpc-status` and `grpc-message`, and a refusal is an answer of nothing but those ("trailers-only").

use std::fmt::Write;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};

use super::bad_request::BadRequest;
use super::filter::FilterFault;
use super::reject::Rejection;
use crate::auth::Denial;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const MEDIA_TYPE: &str = "application/grpc";

/// Codes of gRPC, as far as a gateway has a use for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// What a client reads an answer's outcome from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Speaks {
    #[default]
    Http,
    Grpc,
}

impl Speaks {
    /// gRPC is spoken over HTTP/2 alone; `application/grpc-web` is another protocol, in which a refusal
    /// would stand in the body.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let is_call = request.version() == Version::HTTP_2
            && request.headers().get(CONTENT_TYPE).is_some_and(|kind| is_media_type(kind.as_bytes()));
        if is_call { Speaks::Grpc } else { Speaks::Http }
    }
}

fn is_media_type(kind: &[u8]) -> bool {
    let begins = kind.get(..MEDIA_TYPE.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes()));
    begins && matches!(kind.get(MEDIA_TYPE.len()), None | Some(b'+' | b';' | b' '))
}

impl Code {
    /// What a refusal is to a caller.
    pub(super) fn of(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Credential { .. } | Rejection::NotAToken(_) | Rejection::Unknown => Code::Unauthenticated,
            Rejection::Denied { denial, .. } => denied(*denial),
            Rejection::Filter(FilterFault::NotEnforced | FilterFault::TooLarge) => Code::PermissionDenied,
            Rejection::Filter(_) => Code::InvalidArgument,
            Rejection::RateLimited { .. } | Rejection::TooManyFailures { .. } | Rejection::BodyTooLarge { .. } => {
                Code::ResourceExhausted
            }
            Rejection::NoRoute | Rejection::Method { .. } | Rejection::Bad(BadRequest::Connect) => Code::Unimplemented,
            // What a client of gRPC makes of a bare 400, too.
            Rejection::Bad(_) | Rejection::ClientBody => Code::Internal,
            Rejection::ClientLate | Rejection::UpstreamTimeout => Code::DeadlineExceeded,
            Rejection::StoreAway
            | Rejection::UpstreamConnect
            | Rejection::UpstreamConnectTimeout
            | Rejection::UpstreamProtocol => Code::Unavailable,
        }
    }
}

fn denied(denial: Denial) -> Code {
    match denial {
        Denial::Disabled
        | Denial::Revoked { .. }
        | Denial::Expired { .. }
        | Denial::NotYetValid { .. }
        | Denial::Rotated { .. } => Code::Unauthenticated,
        Denial::AccountSuspended | Denial::OwnerInactive | Denial::OutOfReach | Denial::Insufficient { .. } => {
            Code::PermissionDenied
        }
    }
}

/// Makes of an answer in HTTP's own terms one in gRPC's. Its other headers stay: a challenge and
/// `Retry-After` are metadata to a caller.
pub(super) fn trailers_only(answer: Response<Bytes>, code: Code, detail: &str) -> Response<Bytes> {
    let (mut head, _) = answer.into_parts();
    head.status = StatusCode::OK;
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    head.headers.insert(STATUS, HeaderValue::from(code as u16));
    head.headers.insert(MESSAGE, message(detail));
    Response::from_parts(head, Bytes::new())
}

/// Visible ASCII and blanks without `%`, the rest as bytes of UTF-8 with `%`.
fn message(text: &str) -> HeaderValue {
    let mut line = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => line.push(char::from(byte)),
            _ => {
                let written = write!(line, "%{byte:02X}");
                debug_assert!(written.is_ok(), "a string takes any text");
            }
        }
    }
    HeaderValue::try_from(line).expect("visible ASCII and blanks only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_version_and_media_type() {
        let is = |version, kind: &str| {
            let request = Request::builder().version(version).header(CONTENT_TYPE, kind).body(());
            Speaks::of(&request.expect("a request")) == Speaks::Grpc
        };
        for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=x", "application/grpc ;"] {
            assert!(is(Version::HTTP_2, kind) && !is(Version::HTTP_11, kind), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpcx", "application/json", "application/grp"] {
            assert!(!is(Version::HTTP_2, kind), "{kind}");
        }
    }

    #[test]
    fn messages_are_percent_encoded() {
        assert_eq!(message("100 % größer\n"), "100 %25 gr%C3%B6%C3%9Fer%0A");
    }
}
