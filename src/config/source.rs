//! The text of the file as it may be shown: lines by position, with secrets blotted out.
//!
//! A report quotes the line of a problem. Whoever wrote a secret into the file by mistake must not
//! find it in a log afterwards, so everything that looks like one is replaced, byte for byte, by `*`.

use std::ops::Range;

use crate::model::WebhookSecret;

/// Keys whose text may be a secret, wherever they stand and whatever surrounds the word.
const SECRET_WORDS: [&str; 5] = ["pepper", "secret", "password", "passwd", "api_key"];

/// Keys that say where a secret is, and so hold none.
pub(super) const REFERENCES: [&str; 3] = ["file", "env", "credential"];

/// The keys of `[tokens]` that refer to a secret.
pub(super) const TOKENS_SECRET: [&str; 2] = ["pepper", "reveal_key"];

/// The keys of `[tokens]` whose values may be shown.
pub(super) const TOKENS_SHOWN: [&str; 6] =
    ["prefix", "default_expiry", "max_expiry", "rate_limit", "expires_header", "expires_header_within"];

pub(super) struct Source {
    path: String,
    shown: Vec<u8>,
}

/// One line of the shown text.
pub(super) struct Line {
    /// From 1.
    pub number: usize,
    /// Of its first byte.
    pub start: usize,
    pub text: String,
}

impl Source {
    pub fn new(path: String, text: &str) -> Self {
        let mut source = Self { path, shown: text.as_bytes().to_vec() };
        for span in [secrets(text), odd_tokens_values(text), user_infos(text), webhook_secrets(text)].concat() {
            source.hide(span);
        }
        source
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// Blots out these bytes of the text, all but line ends.
    pub fn hide(&mut self, span: Range<usize>) {
        for byte in self.shown.get_mut(span).into_iter().flatten().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            *byte = b'*';
        }
    }

    /// The line that holds byte `at`; the last one where `at` is past the end.
    pub fn line_at(&self, at: usize) -> Line {
        let range = self.line_range(at);
        let number = self.shown[..range.start].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let text = String::from_utf8_lossy(&self.shown[range.clone()]).into_owned();
        Line { number, start: range.start, text }
    }

    /// The bytes of the line that holds byte `at`, without its end.
    pub fn line_range(&self, at: usize) -> Range<usize> {
        let at = at.min(self.shown.len());
        let start = self.shown[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let end = self.shown[at..].iter().position(|&byte| byte == b'\n').map_or(self.shown.len(), |end| at + end);
        start..end
    }
}

/// What stands after `pepper =` and its like, unless it is a reference to elsewhere. Works on text and
/// not on the parsed tree, because a line that cannot be parsed is quoted too.
fn secrets(text: &str) -> Vec<Range<usize>> {
    // ASCII folding keeps every byte where it is.
    let folded = text.to_ascii_lowercase();
    let mut spans = Vec::new();
    for word in SECRET_WORDS {
        for (at, _) in folded.match_indices(word) {
            let line_end = folded[at..].find('\n').map_or(folded.len(), |end| at + end);
            let Some((before, value)) = folded[at + word.len()..line_end].split_once('=') else { continue };
            if !refers(before, value) {
                spans.push(value_span(&folded, line_end - value.len(), line_end));
            }
        }
    }
    spans
}

/// What stands under `[tokens]` and is none of [`TOKENS_SHOWN`]: it may be a pepper whose key is mistyped,
/// or the rest of one that was broken over lines.
fn odd_tokens_values(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let (mut in_tokens, mut start) = (false, 0);
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end_matches('\n').len();
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') {
            in_tokens = trimmed.trim_start_matches(['[', ' ']).starts_with("tokens");
        } else if in_tokens && !trimmed.starts_with('#') {
            spans.extend(odd_tokens_line(text, start..end));
        }
        start += line.len();
    }
    spans
}

fn odd_tokens_line(text: &str, line: Range<usize>) -> Option<Range<usize>> {
    let Some((key, value)) = text[line.clone()].split_once('=') else { return Some(line) };
    let key = key.trim().trim_matches(['"', '\'']);
    // No key is that long; Base64, which ends in `=`, is.
    if key.len() > 24 {
        return Some(line);
    }
    let harmless =
        TOKENS_SHOWN.contains(&key) || refers_in_key(key) || (TOKENS_SECRET.contains(&key) && refers("", value));
    (!harmless).then(|| value_span(text, line.end - value.len(), line.end))
}

/// Whether the value is `{ file = … }` or its like, or the key goes on in `.file`.
fn refers(key_rest: &str, value: &str) -> bool {
    refers_in_key(key_rest)
        || value.trim_start().strip_prefix('{').is_some_and(|inner| inner.split(',').all(is_reference))
}

fn refers_in_key(key: &str) -> bool {
    key.trim().rsplit_once('.').is_some_and(|(_, last)| REFERENCES.contains(&last.trim()))
}

/// Whether a pair of an inline table says where a secret is. Nothing at all says nothing.
fn is_reference(pair: &str) -> bool {
    match pair.split_once('=') {
        Some((key, _)) => REFERENCES.contains(&key.trim()),
        None => matches!(pair.trim(), "" | "}"),
    }
}

/// From the first byte of the value that begins after `from`, to the end of the line or of the text in
/// three quotes that begins on it.
fn value_span(text: &str, from: usize, line_end: usize) -> Range<usize> {
    let begun = text[from..line_end].trim_start();
    let first = line_end - begun.len();
    let fence = ["\"\"\"", "'''"].into_iter().find(|fence| begun.starts_with(fence));
    let end = fence.map_or(line_end, |fence| text[first + 3..].find(fence).map_or(text.len(), |end| first + 3 + end));
    first..end.max(line_end)
}

/// What a webhook signs with, under whatever key.
fn webhook_secrets(text: &str) -> Vec<Range<usize>> {
    let begins = text.match_indices(WebhookSecret::PREFIX).map(|(at, found)| at + found.len());
    let spans = begins.map(|start| {
        let end = text[start..].find(['"', '\'', '\n', ' ']).map_or(text.len(), |end| start + end);
        start..end
    });
    spans.collect()
}

/// `user:password` of every `scheme://user:password@host`.
fn user_infos(text: &str) -> Vec<Range<usize>> {
    let starts = text.match_indices("://").map(|(at, found)| at + found.len());
    let spans = starts.filter_map(|start| {
        let end = text[start..].find(['"', '\'', '\n', '/']).map_or(text.len(), |end| start + end);
        text[start..end].rfind('@').map(|at| start..start + at)
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let source = Source::new("keygate.toml".to_owned(), text);
        String::from_utf8(source.shown).expect("UTF-8")
    }

    #[test]
    fn secrets_are_blotted_out_wherever_they_stand() {
        for text in [
            "pepper = \"hunter2hunter2\"",
            "my_pepper=hunter2",
            "tokens = { prefix = \"kg\", pepper = \"hunter2\" }",
            "pepper = { value = \"hunter2\" }",
            "pepper = { file = \"/p\", value = \"hunter2\" }",
            "pepper.value = 'hunter2'",
            "pepper = \"\"\"\nhunter2\n\"\"\"",
            "Password = \"hunter2",
            "url = \"http://user:hunter2@host\"",
            "[[webhook]]\nsecrt = 'whsec_hunter2'",
            "[tokens]\npeper = \"hunter2\"\npeper = \"hunter2\"",
            "[tokens]\nprefix = \"kg\"\r\n\"odd key\" = 'hunter2'",
        ] {
            let shown = shown(text);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert_eq!(shown.len(), text.len());
        }
    }

    #[test]
    fn references_are_shown() {
        for text in [
            "pepper = { file = \"/run/pepper\" }",
            "pepper.env = \"X\"",
            "pepper = {}",
            "[tokens]\npepper = { env = \"X\" }\nprefix = \"kg\"",
            "url = \"http://host/a@b\"",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
