//! What a client wrote, as it may stand in a log: without token texts, and as the inside of a JSON string.

use std::borrow::Cow;

use memchr::memchr;
use memchr::memmem::Finder;

/// Takes token texts out of what is logged: a client may put one where no credential belongs.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// `<prefix>_`.
    start: Finder<'static>,
}

impl Redaction {
    pub fn new(prefix: &str) -> Self {
        Self { start: Finder::new(&format!("{prefix}_")).into_owned() }
    }

    /// Appends `text` as the inside of a JSON string, with each token of ours as `[token]`. Characters
    /// of a token that are percent-encoded without need are written plainly: no encoding hides one.
    pub fn append(&self, line: &mut String, text: &str) {
        let text = plain(text);
        let mut rest = &*text;
        while let Some(at) = self.start.find(rest.as_bytes()) {
            escape(line, &rest[..at]);
            let (start, after) = rest[at..].split_at(self.start.needle().len());
            let word = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            // Shorter than a token's kind and body: an ordinary word that begins like one.
            if word < 20 {
                line.push_str(start);
                rest = after;
            } else {
                line.push_str("[token]");
                rest = &after[word..];
            }
        }
        escape(line, rest);
    }
}

/// `text` with `%5F` and the like as the letter, digit or underscore that they stand for, which is
/// the same address (RFC 3986 section 6.2.2.2).
fn plain(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'%', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut plain = String::from(&text[..first]);
    for piece in text[first + 1..].split('%') {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|&byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&piece[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(piece);
            }
        }
    }
    Cow::Owned(plain)
}

/// What needs no escape, which is nearly all there is, is taken over in one piece.
fn escape(line: &mut String, text: &str) {
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && !matches!(byte, b'"' | b'\\' | 0x7f) {
            continue;
        }
        line.push_str(&text[done..at]);
        match byte {
            b'"' => line.push_str("\\\""),
            b'\\' => line.push_str("\\\\"),
            _ => line.push_str(&format!("\\u{byte:04x}")),
        }
        done = at + 1;
    }
    line.push_str(&text[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_taken_out_and_strings_stay_valid_json() {
        let redaction = Redaction::new("kg");
        let token = ["kg", "svc", "000000000000000000000000000000abcdef"].join("_");
        let mut line = String::from("\"");
        redaction.append(&mut line, &format!("/a\"b\\c\u{1}/{token}/kg_short/{token}é"));
        line.push('"');
        let back: String = serde_json::from_str(&line).expect("JSON");
        assert_eq!(back, "/a\"b\\c\u{1}/[token]/kg_short/[token]é");
    }

    #[test]
    fn no_encoding_hides_a_token_and_all_else_stays_as_it_was_sent() {
        let redaction = Redaction::new("kg");
        let encoded: String = ["kg", "svc", "000000000000000000000000000000abcdef"]
            .join("_")
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        let mut line = String::new();
        redaction.append(&mut line, &format!("/%2e%2e/{encoded}/%/%4/%é/%zz/%25/%41"));
        assert_eq!(line, "/%2e%2e/[token]/%/%4/%é/%zz/%25/A");
    }
}
