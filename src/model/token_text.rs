//! The text of a token: `<prefix>_<kind>_<30 base62><6 base62 checksum>`.
//!
//! The 30 characters come from the operating system's generator (178 bits). The checksum is CRC-32
//! (IEEE) of those 30 characters in base62, left-padded to 6: a garbled or made-up text is refused
//! without a look-up, and a secret scanner finds ours with one regular expression.

use std::fmt;
use std::str::FromStr;

use zeroize::{Zeroize, Zeroizing};

use super::base62;
use super::token::Kind;

pub(super) const BODY: usize = 30;
pub(super) const CHECKSUM: usize = 6;

/// The first part of every token text of an installation: `acme` in `acme_svc_…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPrefix(Box<str>);

/// Why a text is no token of this installation. None of these needs a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenTextError {
    #[error("does not start with this installation's prefix and a kind")]
    Prefix,
    #[error("is not 36 characters of 0-9, A-Z, a-z after the kind")]
    Shape,
    #[error("has a wrong checksum")]
    Checksum,
}

impl TokenPrefix {
    /// The rule, in words for error messages.
    pub const RULE: &'static str = "2 to 10 of a-z and 0-9, starting with a letter";

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TokenPrefix {
    fn default() -> Self {
        Self("kg".into())
    }
}

impl FromStr for TokenPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lawful = (2..=10).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if lawful { Ok(Self(text.into())) } else { Err(format!("`{text}` is no token prefix: it is {}", Self::RULE)) }
    }
}

/// Checks that `text` has the form and the checksum of a token of this installation.
///
/// Says nothing about whether such a token exists.
pub fn parse_token(text: &str, prefix: &TokenPrefix) -> Result<Kind, TokenTextError> {
    let rest =
        text.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('_')).ok_or(TokenTextError::Prefix)?;
    let end = rest.bytes().position(|byte| byte == b'_').ok_or(TokenTextError::Prefix)?;
    let kind = Kind::from_letters(&rest[..end]).ok_or(TokenTextError::Prefix)?;
    let body = &rest.as_bytes()[end + 1..];
    if body.len() != BODY + CHECKSUM || !base62::is_base62(body) {
        return Err(TokenTextError::Shape);
    }
    let (random, checksum) = body.split_at(BODY);
    if checksum_of(random) == *checksum { Ok(kind) } else { Err(TokenTextError::Checksum) }
}

/// The clear text of a token. Has no `Display`, prints as dots, is wiped when dropped.
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    /// A fresh token. Fails only where the operating system has no randomness to give.
    pub fn generate(prefix: &TokenPrefix, kind: Kind) -> Result<Self, getrandom::Error> {
        let body = random_body()?;
        let checksum = checksum_of(&*body);
        let mut text = Zeroizing::new(String::with_capacity(prefix.0.len() + 5 + BODY + CHECKSUM));
        text.push_str(prefix.as_str());
        text.push('_');
        text.push_str(kind.letters());
        text.push('_');
        body.iter().chain(&checksum).for_each(|&byte| text.push(char::from(byte)));
        Ok(Self(text))
    }

    /// A token whose text was kept.
    pub fn kept(text: &str, prefix: &TokenPrefix) -> Result<Self, TokenTextError> {
        parse_token(text, prefix)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The text itself, for the one answer that shows it and for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What lists may show to tell tokens apart: the last four characters, which are of the checksum
    /// and say nothing about the random part that it does not already commit to.
    pub fn hint(&self) -> String {
        let text = self.expose();
        text[text.len() - 4..].to_owned()
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(…)")
    }
}

pub(super) fn checksum_of(random: &[u8]) -> [u8; CHECKSUM] {
    base62::encode(u128::from(crc32fast::hash(random)))
}

/// 30 characters, each of the 62 equally likely: bytes from 248 up are thrown away, because 256 is no
/// multiple of 62 and keeping them would favour the first eight characters.
pub(super) fn random_body() -> Result<Zeroizing<[u8; BODY]>, getrandom::Error> {
    let mut body = Zeroizing::new([0u8; BODY]);
    let mut filled = 0;
    let mut pool = [0u8; 48];
    while filled < BODY {
        getrandom::fill(&mut pool)?;
        for &byte in pool.iter().filter(|&&byte| byte < 248) {
            if filled < BODY {
                body[filled] = base62::ALPHABET[usize::from(byte % 62)];
                filled += 1;
            }
        }
    }
    pool.zeroize();
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix() -> TokenPrefix {
        TokenPrefix::default()
    }

    /// Built from parts, so that no secret scanner takes the source for a leak.
    fn sample(kind: &str, body: &str, checksum: &str) -> String {
        ["kg", kind, &format!("{body}{checksum}")].join("_")
    }

    /// `echo -n BODY | crc32`, written in base62: worked out apart from this code.
    #[test]
    fn published_vectors() {
        let vectors = [
            ("pat", "000000000000000000000000000000", "2C8GjS"),
            ("svc", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "4IlJEz"),
            ("ses", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"),
        ];
        for (kind, body, checksum) in vectors {
            let text = sample(kind, body, checksum);
            assert_eq!(
                parse_token(&text, &prefix()).map(Kind::letters),
                Ok(kind),
                "{body}: {}",
                String::from_utf8_lossy(&checksum_of(body.as_bytes()))
            );
        }
    }

    #[test]
    fn generated_tokens_parse_and_differ() {
        for kind in Kind::ALL {
            let (one, two) = (
                TokenText::generate(&prefix(), kind).expect("randomness"),
                TokenText::generate(&prefix(), kind).expect("randomness"),
            );
            assert_eq!(parse_token(one.expose(), &prefix()), Ok(kind));
            assert_ne!(one.expose(), two.expose());
            assert_eq!(format!("{one:?}"), "TokenText(…)");
        }
    }

    #[test]
    fn each_single_changed_character_is_caught() {
        let text = TokenText::generate(&prefix(), Kind::Service).expect("randomness");
        for at in 0..text.expose().len() {
            let mut bytes = text.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(parse_token(&changed, &prefix()).is_err(), "position {at}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let body = "000000000000000000000000000000";
        let cases = [
            ("", TokenTextError::Prefix),
            ("kg_svc", TokenTextError::Prefix),
            (&sample("xyz", body, "2C8GjS"), TokenTextError::Prefix),
            (&sample("svc", body, "2C8Gj"), TokenTextError::Shape),
            (&sample("svc", body, "2C8Gj-"), TokenTextError::Shape),
            (&sample("svc", body, "2C8GjT"), TokenTextError::Checksum),
        ];
        for (text, error) in cases {
            assert_eq!(parse_token(text, &prefix()), Err(error), "{text}");
        }
    }

    #[test]
    fn prefixes_are_checked() {
        for bad in ["", "a", "Acme", "1ab", "ac_me", "elevenchars", "é1"] {
            assert!(bad.parse::<TokenPrefix>().is_err(), "{bad}");
        }
    }
}
