//! The credential of a request: exactly one `Authorization: Bearer …` (RFC 6750 section 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Why a request presents no usable credential. Absent and malformed are different answers: the first
/// is asked for one, the second is told that what it sent is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialError {
    /// No `Authorization`, or one of another scheme.
    Absent,
    /// `Bearer` with nothing or with illegal characters behind it.
    Malformed,
    /// Two `Authorization` lines.
    Several,
}

/// The text behind `Bearer `, checked for RFC 6750's alphabet and not yet for ours.
pub fn bearer(headers: &HeaderMap) -> Result<&str, CredentialError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next().ok_or(CredentialError::Absent)?;
    if lines.next().is_some() {
        return Err(CredentialError::Several);
    }
    let line = line.as_bytes();
    let Some((scheme, rest)) = line.split_at_checked(6) else { return Err(CredentialError::Absent) };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(CredentialError::Absent);
    }
    match rest.first() {
        Some(b' ') => {}
        None => return Err(CredentialError::Malformed),
        // `Bearerfoo` is another scheme, whatever it may be.
        Some(_) => return Err(CredentialError::Absent),
    }
    let text = rest.trim_ascii();
    match str::from_utf8(text) {
        Ok(text) if is_b64token(text.as_bytes()) => Ok(text),
        _ => Err(CredentialError::Malformed),
    }
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn is_b64token(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|&&b| b == b'=').count();
    let body = &text[..text.len() - padding];
    !body.is_empty()
        && body.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(lines: &[&[u8]]) -> Result<String, CredentialError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).expect("a header value"));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_blanks_may_follow() {
        for line in ["Bearer abc", "bearer abc", "BEARER   abc", "bEaReR abc "] {
            assert_eq!(of(&[line.as_bytes()]), Ok("abc".to_owned()), "{line}");
        }
    }

    #[test]
    fn other_schemes_are_no_credential() {
        for line in ["", "Basic dXNlcjpwYXNz", "Token abc", "Bearerabc", "Bear"] {
            assert_eq!(of(&[line.as_bytes()]), Err(CredentialError::Absent), "{line}");
        }
        assert_eq!(of(&[]), Err(CredentialError::Absent));
    }

    #[test]
    fn malformed_and_doubled_are_told_apart() {
        for line in [
            &b"Bearer"[..],
            b"Bearer ",
            b"Bearer a b",
            b"Bearer a,b",
            b"Bearer \"a\"",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer \xe9",
            b"Bearer a, Bearer b",
        ] {
            assert_eq!(of(&[line]), Err(CredentialError::Malformed), "{line:?}");
        }
        assert_eq!(of(&[b"Bearer a", b"Bearer a"]), Err(CredentialError::Several));
        assert_eq!(of(&[b"Bearer a", b"Basic b"]), Err(CredentialError::Several));
    }
}
