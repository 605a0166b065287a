//! Selection by labels: `env=prod,team!=x`, in the syntax of Kubernetes.

use std::fmt;
use std::str::FromStr;

use super::labels::{Labels, is_key, is_value};

const MOST: usize = 32;

/// What labels must be like: all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: Box<str>,
    is: Is,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Is {
    Present,
    Absent,
    /// It is there, with one of these values.
    In(Vec<Box<str>>),
    /// It is not there, or has another value.
    NotIn(Vec<Box<str>>),
}

/// Why a text is no selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no requirement: write `key=value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`, `key` or `!key`")]
pub struct SelectorError(String);

impl Selector {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.is_met(labels))
    }

    /// Whether labels can meet it of which `may_be` tells that a key, or a key with a value, may be among them.
    pub fn is_possible(&self, may_be: impl Fn(&str, Option<&str>) -> bool) -> bool {
        self.0.iter().all(|Requirement { key, is }| match is {
            Is::Present => may_be(key, None),
            Is::In(values) => may_be(key, None) && values.iter().any(|value| may_be(key, Some(value))),
            Is::Absent | Is::NotIn(_) => true,
        })
    }
}

impl Requirement {
    fn is_met(&self, labels: &Labels) -> bool {
        let one_of = |values: &[Box<str>]| {
            labels.get(&self.key).is_some_and(|value| values.iter().any(|wanted| **wanted == *value))
        };
        match &self.is {
            Is::Present => labels.get(&self.key).is_some(),
            Is::Absent => labels.get(&self.key).is_none(),
            Is::In(values) => one_of(values),
            Is::NotIn(values) => !one_of(values),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let parts = parts(text);
        if parts.len() > MOST {
            return Err(SelectorError(shown(text)));
        }
        parts.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// Between commas, but for those in parentheses.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0usize;
    let outside = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    text.split(outside).collect()
}

impl FromStr for Requirement {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let text = text.trim();
        let wrong = || SelectorError(shown(text));
        let one = |value: &str| vec![value.trim().into()];
        let (key, is) = if let Some((key, value)) = text.split_once("!=") {
            (key, Is::NotIn(one(value)))
        } else if let Some((key, value)) = text.split_once('=') {
            (key, Is::In(one(value.strip_prefix('=').unwrap_or(value))))
        } else if let Some(key) = text.strip_prefix('!') {
            (key, Is::Absent)
        } else if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            let values: Vec<Box<str>> = values.split(',').map(|value| value.trim().into()).collect();
            match head.trim().rsplit_once(char::is_whitespace) {
                Some((key, "in")) => (key, Is::In(values)),
                Some((key, "notin")) => (key, Is::NotIn(values)),
                _ => return Err(wrong()),
            }
        } else {
            (text, Is::Present)
        };
        let key = key.trim();
        let lawful = match &is {
            Is::Present | Is::Absent => true,
            Is::In(values) | Is::NotIn(values) => values.len() <= MOST && values.iter().all(|value| is_value(value)),
        };
        if is_key(key) && lawful { Ok(Self { key: key.into(), is }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.is {
            Is::Present => write!(f, "{key}"),
            Is::Absent => write!(f, "!{key}"),
            Is::In(values) => write!(f, "{key} in ({})", values.join(",")),
            Is::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.0.iter().enumerate() {
            write!(f, "{}{requirement}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// What of a wrong text may stand in a message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let selector: Selector = selector.parse().unwrap_or_else(|error| panic!("{selector}: {error}"));
        assert_eq!(selector.to_string().parse().as_ref(), Ok(&selector), "as it is shown it means the same");
        selector.has(&Labels::new(labels).expect("lawful"))
    }

    #[test]
    fn every_requirement_must_be_met() {
        let labels = [("env", "prod"), ("team", "a"), ("x/y", "")];
        for selector in [
            "env=prod",
            "env==prod",
            "env = prod , team=a",
            "team!=b",
            "gone!=b",
            "env",
            "!gone",
            "x/y=",
            "x/y",
            "env in (prod,stage)",
            "env in ( stage , prod ),team",
            "team notin (b,c)",
            "gone notin (b)",
        ] {
            assert!(meets(selector, &labels), "{selector}");
        }
        for selector in ["env=stage", "env=prod,team=b", "env!=prod", "gone", "!env", "gone in (a)", "team notin (a,b)"]
        {
            assert!(!meets(selector, &labels), "{selector}");
        }
    }

    #[test]
    fn what_is_none_is_refused_and_named() {
        for text in ["", "a b", "=x", "env=a b", "env in prod", "env of (a)", "env in (a", "a,,b", "!", "env=é", "a)"]
        {
            let error = text.parse::<Selector>().expect_err(text).to_string();
            assert!(error.contains("is no requirement: write `key=value`"), "{error}");
        }
        assert!(vec!["a"; 33].join(",").parse::<Selector>().is_err());
    }
}
