//! Filters: which part of the data a token is limited to, as key → values.
//!
//! The gateway does not know what they mean: a route says how its upstream is told, and the upstream
//! limits what it answers. A token with filters is refused where a route says nothing.

use std::fmt;

/// Of keys, and of the values of one key.
const MOST_KEYS: usize = 16;
const MOST_VALUES: usize = 64;
const LONGEST_VALUE: usize = 256;

/// Key → values, both in order and without repetition; empty: no limit.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Filters(Vec<(String, Vec<String>)>);

/// What is wrong with filters, and with which key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("has {0} keys; at most {MOST_KEYS} are allowed")]
    TooManyKeys(usize),
    #[error("`{0}` is no key: 1 to 64 of a-z, A-Z, 0-9, `_`, `-` and `.`, starting with a letter")]
    Key(String),
    #[error("`{0}` is given more than once")]
    Repeated(String),
    #[error("`{0}` has no value: a filter that lets nothing through is no filter")]
    NoValue(String),
    #[error("`{key}` has {count} values; at most {MOST_VALUES} are allowed")]
    TooManyValues { key: String, count: usize },
    #[error("a value of `{0}` is empty, longer than {LONGEST_VALUE} bytes, or has a control character")]
    Value(String),
}

impl Filters {
    pub fn new(entries: impl IntoIterator<Item = (String, Vec<String>)>) -> Result<Self, FilterError> {
        let mut filters: Vec<(String, Vec<String>)> = Vec::new();
        for (key, mut values) in entries {
            check_key(&key)?;
            values.sort();
            values.dedup();
            check_values(&key, &values)?;
            match filters.binary_search_by(|(known, _)| known.cmp(&key)) {
                Ok(_) => return Err(FilterError::Repeated(key)),
                Err(at) => filters.insert(at, (key, values)),
            }
        }
        if filters.len() > MOST_KEYS { Err(FilterError::TooManyKeys(filters.len())) } else { Ok(Self(filters)) }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), &values[..]))
    }
}

fn check_key(key: &str) -> Result<(), FilterError> {
    let plain = key.len() <= 64
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if plain { Ok(()) } else { Err(FilterError::Key(key.chars().take(64).collect())) }
}

fn check_values(key: &str, values: &[String]) -> Result<(), FilterError> {
    let plain = |value: &String| (1..=LONGEST_VALUE).contains(&value.len()) && !value.chars().any(char::is_control);
    match values.len() {
        0 => Err(FilterError::NoValue(key.to_owned())),
        1..=MOST_VALUES if values.iter().all(plain) => Ok(()),
        1..=MOST_VALUES => Err(FilterError::Value(key.to_owned())),
        count => Err(FilterError::TooManyValues { key: key.to_owned(), count }),
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(entries: &[(&str, &[&str])]) -> Result<Filters, FilterError> {
        let entry = |(key, values): &(&str, &[&str])| {
            ((*key).to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
        };
        Filters::new(entries.iter().map(entry))
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let one = filters(&[("b", &["2", "1", "2"]), ("a", &["x"])]).expect("lawful");
        assert_eq!(one, filters(&[("a", &["x"]), ("b", &["1", "2"])]).expect("lawful"));
    }

    #[test]
    fn what_limits_nothing_or_everything_is_refused() {
        assert_eq!(filters(&[("a", &[])]), Err(FilterError::NoValue("a".to_owned())));
        assert_eq!(filters(&[("a", &["x"]), ("a", &["y"])]), Err(FilterError::Repeated("a".to_owned())));
        for value in ["", "a\nb", "\u{0}"] {
            assert_eq!(filters(&[("a", &[value])]), Err(FilterError::Value("a".to_owned())));
        }
        for key in ["", "1", "a b", "a&b", "é"] {
            assert_eq!(filters(&[(key, &["x"])]), Err(FilterError::Key(key.to_owned())));
        }
    }
}
