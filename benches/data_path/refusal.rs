//! The requests that Keygate refuses by itself.

use keygate::model::{Kind, TokenPrefix, TokenText};

use crate::Outcome;
use crate::request::Request;
use crate::target::Target;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Refusal {
    /// No token at all.
    None,
    /// A text with a wrong checksum, which takes no look-up.
    Checksum,
    /// A well-formed text that nobody was given: always the same.
    Unknown,
    /// A token that may read, and DELETE.
    Method,
}

impl Refusal {
    /// How many times the processor time of a forwarded request it may take.
    pub const BAR: f64 = 0.6;

    pub fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Checksum => "checksum",
            Self::Unknown => "unknown",
            Self::Method => "method",
        }
    }

    /// The status and the problem code that it is refused with.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::None => (401, "missing_credential"),
            Self::Checksum | Self::Unknown => (401, "invalid_token"),
            Self::Method => (403, "insufficient_scope"),
        }
    }

    pub fn request(self, keygate: &Target) -> Outcome<Request> {
        let (method, token) = match self {
            Self::None => ("GET", None),
            Self::Checksum => ("GET", Some(garbled(&keygate.token))),
            Self::Unknown => ("GET", Some(unknown()?)),
            Self::Method => ("DELETE", keygate.reader.clone()),
        };
        Ok(Request { method, token, turns: None, body: 0 })
    }
}

/// The token with another last character, which is of its checksum.
fn garbled(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    let other = if last == "0" { '1' } else { '0' };
    format!("{rest}{other}")
}

fn unknown() -> Outcome<String> {
    Ok(TokenText::generate(&TokenPrefix::default(), Kind::Service)?.expose().to_owned())
}
