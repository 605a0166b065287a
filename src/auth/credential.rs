//! The credential of a request: exactly one `Authorization: Bearer …` (RFC 6750 section 2.1), and what a
//! credential is made of wherever else it may stand.

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
    let text = after_scheme(line.as_bytes(), "Bearer").ok_or(CredentialError::Absent)?;
    token_text(text).ok_or(CredentialError::Malformed)
}

/// What stands behind this scheme (RFC 9110 section 11.4), without blanks around it; `None` where the
/// line is of another scheme: `Bearerfoo` is one, whatever it may be.
pub fn after_scheme<'line>(line: &'line [u8], scheme: &str) -> Option<&'line [u8]> {
    let (word, rest) = line.split_at_checked(scheme.len())?;
    let is_it = word.eq_ignore_ascii_case(scheme.as_bytes()) && matches!(rest.first(), None | Some(b' '));
    is_it.then(|| rest.trim_ascii())
}

/// The bytes of a `b64token`, but for its end.
static STANDS_IN_ONE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let other = matches!(byte as u8, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        table[byte] = (byte as u8).is_ascii_alphanumeric() || other;
        byte += 1;
    }
    table
};

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
pub fn token_text(text: &[u8]) -> Option<&str> {
    let padding = text.iter().rev().take_while(|&&b| b == b'=').count();
    let body = &text[..text.len() - padding];
    let is_one = !body.is_empty() && body.iter().all(|&b| STANDS_IN_ONE[usize::from(b)]);
    is_one.then(|| str::from_utf8(text).ok()).flatten()
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
