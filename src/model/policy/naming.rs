//! What a token may be called.

use regex::{Regex, RegexBuilder};

/// Compiled, a pattern must not take more memory than this, in bytes.
const LARGEST: usize = 1 << 20;

/// The rules for names.
#[derive(Debug, Clone, Default)]
pub struct NameRules {
    pub required: bool,
    /// What a name that is given must look like.
    pub pattern: Option<NamePattern>,
}

/// A regular expression that a whole name must match, and what is said where it does not.
#[derive(Debug, Clone)]
pub struct NamePattern {
    text: String,
    regex: Regex,
    pub message: Option<String>,
}

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NamePatternError(String);

impl NamePattern {
    pub fn new(text: &str, message: Option<String>) -> Result<Self, NamePatternError> {
        // The text alone first: a bracket too many could else close the one around it.
        let built =
            Regex::new(text).and_then(|_| RegexBuilder::new(&format!(r"\A(?:{text})\z")).size_limit(LARGEST).build());
        let regex = built.map_err(|error| NamePatternError(error.to_string()))?;
        Ok(Self { text: text.to_owned(), regex, message })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }
}

impl NameRules {
    /// Whether a token may be called so; an empty name is none. The error is a message about the field.
    pub fn check(&self, name: &str) -> Result<(), String> {
        match &self.pattern {
            _ if name.is_empty() && self.required => Err("is needed: tokens of this account have names".to_owned()),
            Some(pattern) if !name.is_empty() && !pattern.matches(name) => {
                let rule = || format!("must match `{}`", pattern.text);
                Err(pattern.message.clone().unwrap_or_else(rule))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(required: bool, pattern: &str, message: Option<&str>) -> NameRules {
        let pattern = NamePattern::new(pattern, message.map(str::to_owned)).expect("a pattern");
        NameRules { required, pattern: Some(pattern) }
    }

    #[test]
    fn the_whole_name_must_match() {
        let rules = rules(false, "[a-z]+|[0-9]+", None);
        assert_eq!(rules.check("abc"), Ok(()));
        assert_eq!(rules.check(""), Ok(()));
        for wrong in ["abc1", "abc\n", "1a", "A"] {
            assert_eq!(rules.check(wrong), Err("must match `[a-z]+|[0-9]+`".to_owned()), "{wrong:?}");
        }
    }

    #[test]
    fn a_pattern_has_its_own_message() {
        let rules = rules(true, "[a-z0-9_]+", Some("only a-z, 0-9 and _"));
        assert_eq!(rules.check("CI Token"), Err("only a-z, 0-9 and _".to_owned()));
        assert!(rules.check("").is_err_and(|message| message.starts_with("is needed")));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["[a-z", "a)(b", "(?P<x>", "a{1000000}{1000000}"] {
            assert!(NamePattern::new(text, None).is_err(), "{text}");
        }
    }
}
