//! How a refusal looks on the wire: problem details (RFC 9457) and the Bearer challenge (RFC 6750).
//!
//! Knows no refusal in particular. Nothing that a client sent can break out of a header from here.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

pub use super::wire::{FieldProblem, ProblemBody};

/// What a `WWW-Authenticate` says besides the realm (RFC 6750 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// No credential was presented, or none of Bearer's errors fits.
    Bare,
    InvalidRequest {
        description: String,
    },
    InvalidToken {
        description: String,
    },
    /// The token would do with these scopes.
    InsufficientScope {
        scope: String,
    },
}

impl Challenge {
    /// The field's value. Characters that its grammar does not have are replaced.
    pub fn header(&self, realm: &str) -> HeaderValue {
        let realm = quotable(realm);
        let text = match self {
            Challenge::Bare => format!("Bearer realm=\"{realm}\""),
            Challenge::InvalidRequest { description } => with_error(&realm, "invalid_request", description),
            Challenge::InvalidToken { description } => with_error(&realm, "invalid_token", description),
            Challenge::InsufficientScope { scope } => {
                format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"{}\"", quotable(scope))
            }
        };
        HeaderValue::try_from(text).expect("only printable ASCII is left")
    }
}

fn with_error(realm: &str, error: &str, description: &str) -> String {
    format!("Bearer realm=\"{realm}\", error=\"{error}\", error_description=\"{}\"", quotable(description))
}

/// `text` in %x20-21 / %x23-5B / %x5D-7E: what may stand between the quotes without an escape.
fn quotable(text: &str) -> String {
    let replaced = |c| match c {
        '"' | '`' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    };
    text.chars().map(replaced).collect()
}

/// The answer that carries `body`.
pub fn response(status: StatusCode, body: &ProblemBody, challenge: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::from(body.to_json()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(challenge) = challenge {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_challenges_are_those_of_rfc_6750() {
        let description = "it has expired".to_owned();
        let cases = [
            (Challenge::Bare, r#"Bearer realm="keygate""#),
            (
                Challenge::InvalidToken { description: description.clone() },
                r#"Bearer realm="keygate", error="invalid_token", error_description="it has expired""#,
            ),
            (
                Challenge::InvalidRequest { description },
                r#"Bearer realm="keygate", error="invalid_request", error_description="it has expired""#,
            ),
            (
                Challenge::InsufficientScope { scope: "keygate.tokens:read".to_owned() },
                r#"Bearer realm="keygate", error="insufficient_scope", scope="keygate.tokens:read""#,
            ),
        ];
        for (challenge, text) in cases {
            assert_eq!(challenge.header("keygate"), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_quotes(realm in ".*", description in "(?s).*") {
            let header = Challenge::InvalidToken { description }.header(&realm);
            let text = header.to_str().expect("printable");
            prop_assert_eq!(text.matches('"').count(), 6);
            prop_assert!(!text.contains('\\') && text.bytes().all(|b| (0x20..0x7f).contains(&b)));
        }
    }
}
