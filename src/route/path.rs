//! One reading of a path, or none.
//!
//! The gateway decides by what a path says, and the upstream acts on what it reads in it. Where two
//! honest readers could differ (dot segments, encoded slashes, empty segments, parameters, bytes that
//! are no text), the request is refused. What is left has one reading: percent-encoded unreserved
//! characters are decoded and the hex of others is upper case (RFC 3986 section 6.2.2), and that form
//! is matched **and** sent.

use std::borrow::Cow;

/// Why a path has no single reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// Does not start with `/`.
    NotAbsolute,
    /// `.` or `..` as a segment, in any encoding.
    DotSegment,
    /// `//`.
    EmptySegment,
    /// `\`, `%2F`, `%5C`.
    HiddenSeparator,
    /// `;`, which some servers cut off together with what follows.
    Parameter,
    /// A control character, in any encoding.
    Control,
    /// `%` without two hex digits behind it, or bytes that are not UTF-8.
    Encoding,
    /// `#`, a bare `"` or another character that a path cannot have.
    Character,
}

impl PathFault {
    pub const ALL: [PathFault; 8] = [
        PathFault::NotAbsolute,
        PathFault::DotSegment,
        PathFault::EmptySegment,
        PathFault::HiddenSeparator,
        PathFault::Parameter,
        PathFault::Control,
        PathFault::Encoding,
        PathFault::Character,
    ];

    /// One word for logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            PathFault::NotAbsolute => "path_form",
            PathFault::DotSegment => "path_dot_segment",
            PathFault::EmptySegment => "path_empty_segment",
            PathFault::HiddenSeparator => "path_hidden_separator",
            PathFault::Parameter => "path_parameter",
            PathFault::Control => "path_control",
            PathFault::Encoding => "path_encoding",
            PathFault::Character => "path_character",
        }
    }

    /// What is wrong, for the client.
    pub const fn text(self) -> &'static str {
        match self {
            PathFault::NotAbsolute => "the request target must be a path that starts with `/`",
            PathFault::DotSegment => "the path has a `.` or `..` segment; send it resolved",
            PathFault::EmptySegment => "the path has an empty segment (`//`)",
            PathFault::HiddenSeparator => "the path has a backslash or an encoded slash",
            PathFault::Parameter => "the path has a `;` parameter",
            PathFault::Control => "the path has a control character",
            PathFault::Encoding => "the path has an invalid percent escape or is not UTF-8",
            PathFault::Character => "the path has a character that a path cannot have unencoded",
        }
    }
}

/// The one reading of `path` (without query), borrowed where nothing needs to change.
pub fn canonical(path: &str) -> Result<Cow<'_, str>, PathFault> {
    let canonical = if path.bytes().any(|byte| byte == b'%') { Cow::Owned(decode(path)?) } else { Cow::Borrowed(path) };
    check(canonical.as_bytes())?;
    Ok(canonical)
}

/// Checks a path whose escapes are settled. One pass, no allocation: most requests do only this.
fn check(path: &[u8]) -> Result<(), PathFault> {
    if path.first() != Some(&b'/') {
        return Err(PathFault::NotAbsolute);
    }
    let mut segment = 1;
    for (at, &byte) in path.iter().enumerate().skip(1) {
        match byte {
            b'/' => {
                check_segment(&path[segment..at])?;
                if segment == at {
                    return Err(PathFault::EmptySegment);
                }
                segment = at + 1;
            }
            b'\\' => return Err(PathFault::HiddenSeparator),
            b';' => return Err(PathFault::Parameter),
            0..=0x1f | 0x7f => return Err(PathFault::Control),
            b' ' | b'#' | b'?' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                return Err(PathFault::Character);
            }
            // Raw UTF-8 is not a URI, and servers differ in what they make of it.
            0x80.. => return Err(PathFault::Encoding),
            _ => {}
        }
    }
    check_segment(&path[segment..])
}

fn check_segment(segment: &[u8]) -> Result<(), PathFault> {
    if segment == b"." || segment == b".." { Err(PathFault::DotSegment) } else { Ok(()) }
}

/// Decodes what is unreserved, and refuses what no path may hide.
fn decode(path: &str) -> Result<String, PathFault> {
    let mut out = String::with_capacity(path.len());
    let mut decoded = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            out.push(char::from(byte));
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let value = match tail {
            [high, low, ..] => (hex(*high)? << 4) | hex(*low)?,
            _ => return Err(PathFault::Encoding),
        };
        decoded.push(value);
        match value {
            b'/' | b'\\' => return Err(PathFault::HiddenSeparator),
            0..=0x1f | 0x7f => return Err(PathFault::Control),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(value)),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(value >> 4)]));
                out.push(char::from(HEX[usize::from(value & 15)]));
            }
        }
        rest = &tail[2..];
    }
    // Overlong forms (`%C0%AF` for `/`) are not UTF-8, and end here.
    if str::from_utf8(&decoded).is_err() { Err(PathFault::Encoding) } else { Ok(out) }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn hex(digit: u8) -> Result<u8, PathFault> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).ok_or(PathFault::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_paths_are_borrowed() {
        for path in ["/", "/v1/devices", "/v1/devices/42/", "/a.b/..c/d..", "/a:b@c!$&'()*+,=", "/..."] {
            assert!(matches!(canonical(path), Ok(Cow::Borrowed(same)) if same == path), "{path}");
        }
    }

    #[test]
    fn escapes_are_settled_once() {
        assert_eq!(canonical("/adm%69n").as_deref(), Ok("/admin"));
        assert_eq!(canonical("/a%20b").as_deref(), Ok("/a%20b"));
        assert_eq!(canonical("/caf%c3%a9").as_deref(), Ok("/caf%C3%A9"));
        assert_eq!(canonical("/%2561dmin").as_deref(), Ok("/%2561dmin"), "never decoded twice");
        assert_eq!(canonical("/%7Euser/a%3Bb").as_deref(), Ok("/~user/a%3Bb"));
    }

    #[test]
    fn what_two_readers_could_differ_on_is_refused() {
        let cases = [
            ("", PathFault::NotAbsolute),
            ("admin", PathFault::NotAbsolute),
            ("*", PathFault::NotAbsolute),
            ("/public/../admin", PathFault::DotSegment),
            ("/public/%2e%2e/admin", PathFault::DotSegment),
            ("/public/.%2E", PathFault::DotSegment),
            ("/./admin", PathFault::DotSegment),
            ("/..", PathFault::DotSegment),
            ("//admin", PathFault::EmptySegment),
            ("/a//b", PathFault::EmptySegment),
            ("/a%2fb", PathFault::HiddenSeparator),
            ("/a%5Cb", PathFault::HiddenSeparator),
            ("/a\\b", PathFault::HiddenSeparator),
            ("/%2e%2e%2fadmin", PathFault::HiddenSeparator),
            ("/..;/admin", PathFault::Parameter),
            ("/admin;x=y", PathFault::Parameter),
            ("/a%00", PathFault::Control),
            ("/a%0d%0a", PathFault::Control),
            ("/a\u{1}", PathFault::Control),
            ("/%", PathFault::Encoding),
            ("/%z1", PathFault::Encoding),
            ("/%4", PathFault::Encoding),
            ("/%c0%af", PathFault::Encoding),
            ("/%ff", PathFault::Encoding),
            ("/é", PathFault::Encoding),
            ("/a#b", PathFault::Character),
            ("/a b", PathFault::Character),
        ];
        for (path, fault) in cases {
            assert_eq!(canonical(path), Err(fault), "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(path in "/[ -~é%]{0,40}") {
            if let Ok(once) = canonical(&path) {
                let twice = canonical(&once);
                prop_assert_eq!(twice.as_deref(), Ok(&*once));
                prop_assert!(!once.contains("/../") && !once.contains("//") && !once.contains('\\'));
            }
        }
    }
}
