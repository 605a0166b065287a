//! What a client presents, and what it selects by.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use keygate::auth::{CredentialError, bearer};
use keygate::model::{Labels, Selector, TokenPrefix, inspect_token, parse_token, token_expression};

/// A text is a token only if the expression for secret scanners finds the whole of it, and an inspection
/// without an installation says the same.
pub fn token(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let prefix = TokenPrefix::default();
    let verdict = parse_token(text, &prefix);
    let inspection = inspect_token(text, Some(&prefix));
    assert_eq!(inspection.verdict, verdict, "{text:?}");
    if let Ok(kind) = verdict {
        let expression = regex::Regex::new(&format!("^{}$", token_expression(&prefix))).expect("an expression");
        assert!(expression.is_match(text), "no scanner would find {text:?}");
        assert_eq!(inspection.kind, Some(kind));
        assert_eq!(inspect_token(text, None).verdict, Ok(kind));
    }
}

/// Header lines, one a line. What is taken as the credential stands behind `Bearer` in the only line.
pub fn credential(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for value in bytes.split(|&byte| byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(AUTHORIZATION, value);
    }
    let lines = headers.get_all(AUTHORIZATION).iter().count();
    match bearer(&headers) {
        Ok(text) => {
            assert_eq!(lines, 1, "one of {lines} credentials was taken");
            let line = headers[AUTHORIZATION].to_str().expect("an ASCII line");
            let (scheme, rest) = line.split_once(' ').expect("a scheme and a text");
            assert!(scheme.eq_ignore_ascii_case("bearer"));
            assert_eq!(rest.trim_matches(|c: char| c.is_ascii_whitespace()), text);
            assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
        }
        Err(CredentialError::Several) => assert!(lines > 1),
        Err(CredentialError::Malformed) => assert_eq!(lines, 1),
        Err(CredentialError::Absent) => assert!(lines <= 1),
    }
}

/// A selection in the first line, labels in the second. What is printed selects the same.
pub fn selector(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (selection, labels) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(selector) = selection.parse::<Selector>() else { return };
    let entries = labels.split(',').filter_map(|label| label.split_once('='));
    let Ok(labels) = Labels::new(entries.map(|(key, value)| (key.to_owned(), value.to_owned()))) else { return };
    if selector.has(&labels) {
        let known = |key: &str, value: Option<&str>| match value {
            Some(value) => labels.get(key) == Some(value),
            None => labels.get(key).is_some(),
        };
        assert!(selector.is_possible(known), "{selection:?} is met and yet held to be impossible");
    }
    let printed = selector.to_string();
    let again: Selector = printed.parse().expect("what is printed can be read");
    assert_eq!(again.has(&labels), selector.has(&labels), "{selection:?} and {printed:?} differ");
}
