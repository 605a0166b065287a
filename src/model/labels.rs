//! Labels: what people sort tokens and accounts by, as key → value, in the syntax of Kubernetes.
//!
//! They decide nothing; a [`Selector`](super::Selector) finds by them.

use std::collections::BTreeMap;
use std::fmt;

const MOST: usize = 16;
/// Of all keys and values together: a record is read and written as a whole.
const MOST_BYTES: usize = 1_024;
/// Of a key's name, and of a value.
const LONGEST: usize = 63;
/// Of what stands before a key's slash: a name of a domain.
const LONGEST_PREFIX: usize = 253;

/// Key → value, in the order of the keys.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Labels(BTreeMap<Box<str>, Box<str>>);

/// What is wrong with labels, and with which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    #[error("would be {0}; at most {MOST} are allowed")]
    TooMany(usize),
    #[error("would have {0} bytes in all; at most {MOST_BYTES} are allowed")]
    TooLong(usize),
    #[error(
        "`{0}` is no key: 1 to {LONGEST} of a-z, A-Z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends; \
         a domain and `/` may stand before it"
    )]
    Key(String),
    #[error(
        "the value of `{0}` is none: at most {LONGEST} of a-z, A-Z, 0-9, `-`, `_` and `.`, with a letter or a digit \
         at both ends"
    )]
    Value(String),
    #[error("`{0}` is given more than once")]
    Repeated(String),
}

/// What an edit makes of labels: those it names are set or removed, the others stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelEdit {
    /// Whether all that were there go first.
    pub clear: bool,
    /// `None` removes it.
    pub set: Vec<(String, Option<String>)>,
}

impl Labels {
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Result<Self, LabelError> {
        let mut labels = Self::default();
        for (key, value) in entries {
            check(&key, Some(&value))?;
            if labels.0.contains_key(key.as_str()) {
                return Err(LabelError::Repeated(key));
            }
            labels.0.insert(key.into(), value.into());
        }
        labels.bounded()
    }

    /// These with the edit made.
    pub fn edited(&self, edit: &LabelEdit) -> Result<Self, LabelError> {
        let mut labels = if edit.clear { Self::default() } else { self.clone() };
        for (key, value) in &edit.set {
            check(key, value.as_deref())?;
            match value {
                Some(value) => drop(labels.0.insert(key.as_str().into(), value.as_str().into())),
                None => drop(labels.0.remove(key.as_str())),
            }
        }
        labels.bounded()
    }

    fn bounded(self) -> Result<Self, LabelError> {
        let bytes = self.iter().map(|(key, value)| key.len() + value.len()).sum();
        match self.0.len() {
            ..=MOST if bytes <= MOST_BYTES => Ok(self),
            ..=MOST => Err(LabelError::TooLong(bytes)),
            count => Err(LabelError::TooMany(count)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| &**value)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// What of a text that is no key may stand in a message.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn check(key: &str, value: Option<&str>) -> Result<(), LabelError> {
    if !is_key(key) {
        return Err(LabelError::Key(shown(key)));
    }
    match value {
        Some(value) if !is_value(value) => Err(LabelError::Value(key.to_owned())),
        _ => Ok(()),
    }
}

pub(super) fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        None => is_name(text),
        Some((prefix, name)) => is_domain(prefix) && is_name(name),
    }
}

/// May be empty.
pub(super) fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn is_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LONGEST
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_domain(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(ends)
            && part.ends_with(ends)
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= LONGEST_PREFIX && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(entries: &[(&str, &str)]) -> Result<Labels, LabelError> {
        Labels::new(entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
    }

    fn set(entries: &[(&str, Option<&str>)]) -> LabelEdit {
        let set = entries.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
        LabelEdit { clear: false, set }
    }

    #[test]
    fn keys_and_values_are_those_of_kubernetes() {
        for (key, value) in [("env", "prod"), ("a", ""), ("app.example.com/name", "A_b-c.1"), ("0", "0")] {
            assert_eq!(labels(&[(key, value)]).expect("lawful").get(key), Some(value));
        }
        for key in ["", "-a", "a-", "a b", "é", "/a", "a/", "A.com/a", "a..b/c", "a/b/c", "a=b", "a,b", &"a".repeat(64)]
        {
            assert_eq!(labels(&[(key, "x")]), Err(LabelError::Key(shown(key))), "{key}");
        }
        for value in ["-", "a b", "é", "a/b", "a\n", &"a".repeat(64)] {
            assert_eq!(labels(&[("a", value)]), Err(LabelError::Value("a".to_owned())), "{value}");
        }
        assert_eq!(labels(&[("a", "x"), ("a", "x")]), Err(LabelError::Repeated("a".to_owned())));
    }

    #[test]
    fn number_and_size_are_bounded() {
        let many = |count: usize, length: usize| {
            Labels::new((0..count).map(|number| (format!("key{number:02}"), "v".repeat(length))))
        };
        assert!(many(16, 59).is_ok());
        assert_eq!(many(17, 1), Err(LabelError::TooMany(17)));
        assert_eq!(many(16, 63), Err(LabelError::TooLong(16 * 68)));
    }

    #[test]
    fn an_edit_is_merged() {
        let present = labels(&[("env", "prod"), ("team", "a")]).expect("lawful");
        let edited = present.edited(&set(&[("team", Some("b")), ("env", None), ("gone", None)]));
        assert_eq!(edited, labels(&[("team", "b")]));
        let cleared = present.edited(&LabelEdit { clear: true, ..set(&[("new", Some("1"))]) });
        assert_eq!(cleared, labels(&[("new", "1")]));
        assert_eq!(present.edited(&set(&[("a b", None)])), Err(LabelError::Key("a b".to_owned())));
    }
}
