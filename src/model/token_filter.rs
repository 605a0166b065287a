//! Which tokens of a list are meant: every condition of a filter holds for them.

use super::clock::Timestamp;
use super::id::{TokenId, UserId};
use super::selector::Selector;
use super::token::{Kind, Standing, Token};

/// What tokens must be like; the default: anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenFilter {
    /// By [`Standing::name`]; empty: any.
    pub states: Vec<&'static str>,
    /// Empty: any.
    pub kinds: Vec<Kind>,
    /// Whose it is.
    pub user: Option<UserId>,
    /// The token that asked for it.
    pub created_by: Option<TokenId>,
    /// Neither made nor used since then.
    pub unused_since: Option<Timestamp>,
    /// It expires, not yet, and by then at the latest.
    pub expires_by: Option<Timestamp>,
    /// In its name or its description; in lower case.
    pub text: Option<String>,
    pub labels: Selector,
}

impl TokenFilter {
    /// Whether a token is meant that was last used at `last_used`.
    pub fn has(&self, token: &Token, last_used: Option<Timestamp>, now: Timestamp) -> bool {
        self.has_state(token.standing(now))
            && self.has_kind(token.kind)
            && self.user.is_none_or(|user| token.user == Some(user))
            && self.created_by.is_none_or(|by| token.created_by == Some(by))
            && self.unused_since.is_none_or(|since| last_used.unwrap_or(token.created) < since)
            && self.expires_by.is_none_or(|by| token.expires.is_some_and(|at| now < at && at <= by))
            && (self.has_text(&token.name) || self.has_text(&token.description))
            && self.labels.has(&token.labels)
    }

    /// Whether some of it can be told from the record alone.
    pub fn asks_records(&self) -> bool {
        self.user.is_some() || self.created_by.is_some() || self.text.is_some() || !self.labels.is_empty()
    }

    pub fn has_state(&self, standing: Standing) -> bool {
        self.states.is_empty() || self.states.contains(&standing.name())
    }

    pub fn has_kind(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    pub fn has_text(&self, text: &str) -> bool {
        self.text.as_ref().is_none_or(|wanted| contains(text, wanted))
    }
}

/// Whether `wanted`, which is in lower case, is in the text in any case.
pub fn contains(text: &str, wanted: &str) -> bool {
    if text.is_ascii() {
        // Without a copy: a list is searched through thousands of names.
        let wanted = wanted.as_bytes();
        return wanted.is_empty()
            || text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted));
    }
    text.to_lowercase().contains(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_in_any_script() {
        for (text, wanted) in [("CI deploy", "ci d"), ("x", ""), ("GRÜSSE", "grüsse"), ("", "")] {
            assert!(contains(text, wanted), "{text} {wanted}");
        }
        for (text, wanted) in [("ci", "cd"), ("", "a"), ("ab", "abc"), ("é", "e")] {
            assert!(!contains(text, wanted), "{text} {wanted}");
        }
    }
}
