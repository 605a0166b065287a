//! What a text says of itself, without any installation: whose prefix, which kind, and whether its checksum
//! is right. Says nothing about whether such a token exists.

use super::token::Kind;
use super::token_text::{BODY, CHECKSUM, TokenPrefix, TokenTextError, parse_token};

/// What stands in a text that may be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// `None`: it begins like no token of any installation.
    pub prefix: Option<TokenPrefix>,
    pub kind: Option<Kind>,
    pub verdict: Result<Kind, TokenTextError>,
}

/// Looks at a text. With `expected`, the token has to be one of the installation with that prefix.
pub fn inspect_token(text: &str, expected: Option<&TokenPrefix>) -> Inspection {
    let (before, kind) = match text.split('_').collect::<Vec<_>>().as_slice() {
        [prefix, kind, ..] => (prefix.parse::<TokenPrefix>().ok(), Kind::from_letters(kind)),
        _ => (None, None),
    };
    let verdict = match (expected, &before) {
        (Some(expected), _) => parse_token(text, expected),
        (None, Some(own)) => parse_token(text, own),
        (None, None) => Err(TokenTextError::Prefix),
    };
    Inspection { prefix: before, kind, verdict }
}

/// The regular expression of the tokens with this prefix, without anything around it. Every common engine
/// reads it in the same way (RE2, PCRE, Hyperscan, Python, Rust).
pub fn token_expression(prefix: &TokenPrefix) -> String {
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.letters()).collect();
    format!("{}_(?:{})_[0-9A-Za-z]{{{}}}", prefix.as_str(), kinds.join("|"), BODY + CHECKSUM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TokenText;

    #[test]
    fn a_token_of_any_prefix_is_read_and_one_of_another_is_named() {
        let (acme, other): (TokenPrefix, TokenPrefix) =
            ("acme".parse().expect("a prefix"), "kg".parse().expect("a prefix"));
        let text = TokenText::generate(&acme, Kind::Shared).expect("randomness");
        let inspection = inspect_token(text.expose(), None);
        assert_eq!(inspection.prefix, Some(acme.clone()));
        assert_eq!((inspection.kind, inspection.verdict), (Some(Kind::Shared), Ok(Kind::Shared)));
        let foreign = inspect_token(text.expose(), Some(&other));
        assert_eq!((foreign.prefix, foreign.verdict), (Some(acme), Err(TokenTextError::Prefix)));
        let nothing = inspect_token("hello", None);
        assert_eq!((nothing.prefix, nothing.kind, nothing.verdict), (None, None, Err(TokenTextError::Prefix)));
    }

    #[test]
    fn the_expression_finds_every_token_and_nothing_near() {
        let prefix: TokenPrefix = "acme".parse().expect("a prefix");
        let whole = regex::Regex::new(&format!("^{}$", token_expression(&prefix))).expect("an expression");
        for kind in Kind::ALL {
            let text = TokenText::generate(&prefix, kind).expect("randomness");
            assert!(whole.is_match(text.expose()));
            assert!(!whole.is_match(&text.expose()[1..]) && !whole.is_match(&format!("{}0", text.expose())));
        }
    }
}
