//! How a refusal is told: problem documents (RFC 9457) and Bearer challenges (RFC 6750 section 3).
//!
//! Both listeners refuse in these forms, with the codes of [`code`]. When, and with which detail, is decided by
//! them.

pub mod code;

use http::HeaderValue;
use serde::Serialize;
use utoipa::ToSchema;

use self::code::Code;

/// The media type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A problem document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(description = "Why a request was refused (RFC 9457).")]
pub struct Problem<'a> {
    /// `urn:keygate:problem:<code>`.
    pub r#type: String,
    pub title: &'a str,
    pub status: u16,
    pub detail: &'a str,
    /// `urn:uuid:<request id>`.
    pub instance: String,
    /// Stable: programs may compare it.
    pub code: &'a str,
    pub request_id: &'a str,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// How many objects are meant now, where another number was to be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What is wrong with each field of the body.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [FieldError],
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

impl<'a> Problem<'a> {
    pub fn new(code: &'static Code, detail: &'a str, request_id: &'a str) -> Self {
        let (r#type, instance) = (["urn:keygate:problem:", code.name].concat(), ["urn:uuid:", request_id].concat());
        let Code { name: code, status, title, .. } = *code;
        Self { r#type, title, status, detail, instance, code, request_id, retry_after: None, count: None, errors: &[] }
    }

    pub fn to_json(&self) -> Vec<u8> {
        // Room for all but those with many errors.
        let mut json = Vec::with_capacity(512);
        serde_json::to_writer(&mut json, self).expect("a problem is strings and numbers");
        json
    }
}

/// A `WWW-Authenticate` value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Challenge<'a> {
    /// `invalid_request`, `invalid_token` or `insufficient_scope`; `None` where nothing was presented.
    pub error: Option<&'a str>,
    pub description: Option<&'a str>,
    /// What would be enough.
    pub scope: Option<&'a str>,
}

impl Challenge<'_> {
    /// The header of the scheme Bearer. Characters that RFC 6750 section 3 does not allow in an attribute become `?`, so
    /// that no text can end the quotes or the line.
    pub fn header(&self, realm: &str) -> HeaderValue {
        self.of("Bearer", realm, &[])
    }

    /// The same in another scheme, which is a word, with attributes of its own.
    pub fn of(&self, scheme: &'static str, realm: &str, own: &[(&'static str, &str)]) -> HeaderValue {
        let told = [("error", self.error), ("error_description", self.description), ("scope", self.scope)];
        let told = told.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut line = String::with_capacity(128);
        line.push_str(scheme);
        for (at, (name, value)) in [("realm", realm)].into_iter().chain(own.iter().copied()).chain(told).enumerate() {
            line.push_str(if at == 0 { " " } else { ", " });
            line.push_str(name);
            line.push_str("=\"");
            push(&mut line, value);
            line.push('"');
        }
        HeaderValue::try_from(line).expect("visible ASCII and blanks only")
    }
}

/// `%x20-21 / %x23-5B / %x5D-7E`.
fn push(line: &mut String, text: &str) {
    let stands = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    // As nearly all do.
    if text.chars().all(stands) {
        return line.push_str(text);
    }
    line.extend(text.chars().map(|c| if stands(c) { c } else { '?' }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_have_the_attributes_that_they_need() {
        assert_eq!(Challenge::default().header("keygate"), "Bearer realm=\"keygate\"");
        let challenge = Challenge { error: Some("insufficient_scope"), description: None, scope: Some("devices:read") };
        assert_eq!(challenge.header("x"), "Bearer realm=\"x\", error=\"insufficient_scope\", scope=\"devices:read\"");
        let basic = Challenge { scope: None, ..challenge }.of("Basic", "x", &[("charset", "UTF-8")]);
        assert_eq!(basic, "Basic realm=\"x\", charset=\"UTF-8\", error=\"insufficient_scope\"");
    }

    #[test]
    fn a_problem_has_its_members() {
        let text = Problem::new(&code::INSUFFICIENT_SCOPE, "no", "id").to_json();
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["type"], "urn:keygate:problem:insufficient_scope");
        assert_eq!(value["instance"], "urn:uuid:id");
        assert!(value.get("errors").is_none() && value.get("retry_after").is_none());
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_quotes(realm: String, description: String) {
            let header = Challenge { error: Some("invalid_token"), description: Some(&description), scope: None }.header(&realm);
            let text = header.to_str().expect("visible ASCII");
            prop_assert_eq!(text.matches('"').count(), 6);
            prop_assert!(!text.contains('\\'));
        }
    }
}
