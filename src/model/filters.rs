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

    /// As one text that every language has a reader for: `region=eu&region=us`, everything but letters,
    /// digits and `-._~` percent-encoded. Empty: no limit.
    pub fn to_form(&self) -> String {
        let mut form = String::new();
        for (key, value) in self.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value))) {
            form.push_str(if form.is_empty() { "" } else { "&" });
            push_encoded(&mut form, key);
            form.push('=');
            push_encoded(&mut form, value);
        }
        form
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), &values[..]))
    }
}

/// Appends a text in a form that is read as that text by all who decode percent signs, `+` or not.
pub fn push_encoded(into: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            into.extend(['%', char::from(digits[0]), char::from(digits[1])]);
        }
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
    fn as_a_form_each_value_is_one_pair_and_stays_what_it_is() {
        let some = filters(&[("b.c", &["é & ü=+", "100%"]), ("a", &["~x_-."])]).expect("lawful");
        assert_eq!(some.to_form(), "a=~x_-.&b.c=100%25&b.c=%C3%A9%20%26%20%C3%BC%3D%2B");
        assert_eq!(Filters::default().to_form(), "");
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
