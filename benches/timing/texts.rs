//! Texts of every kind that somebody may present, and what stands in the store beside them.

use std::cell::{Cell, RefCell};

use keygate::model::{
    Access, Digest, Grants, Kind, Pepper, ResourceName, State, Timestamp, Token, TokenHasher, TokenPrefix, TokenText,
    Usage, parse_token,
};
use keygate::store::{Rebuild, Record};

use crate::{Outcome, records};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 30;
const CHECKSUM: usize = 6;

/// What is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// Nobody's, of the right form.
    Unknown,
    /// Nobody's, and its digest has the first two bytes of a stored one.
    LikeADigest,
    /// Nobody's, and its digest has the first two bytes of one of as many that are not stored: so that finding such a
    /// text takes as many tries, which leave the same traces in the processor.
    LikeNoDigest,
    /// Nobody's, and it begins with 25 of a stored token's 30 random characters.
    LikeAText,
    /// Nobody's, with a checksum that is wrong.
    Garbled,
    /// All of a stored token but for its checksum. Each is presented once: a text that was presented before is
    /// answered sooner, and few texts would differ in more than in whose they are.
    GarbledToken,
    /// Not of this installation.
    Foreign,
    /// A token that is remembered.
    Active,
    /// A revoked one that is remembered.
    Revoked,
    /// A token that nobody has asked about yet.
    Cold,
}

/// Which digests begin with two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Like {
    Stored,
    /// As many as are stored, and are not.
    Others,
    None,
}

/// The tokens of the store.
pub struct Stored {
    hasher: TokenHasher,
    active: Vec<String>,
    revoked: Vec<String>,
    cold: RefCell<Vec<String>>,
    /// So many of the cold ones were presented with another checksum.
    garbled: Cell<usize>,
    /// By the first two bytes of a digest, whose it is like.
    begins: Vec<Like>,
}

impl Stored {
    /// So many that will be remembered, half of them revoked, and so many that will not.
    pub fn put(rebuild: &mut Rebuild, pepper: &Pepper, remembered: usize, cold: usize) -> Outcome<Self> {
        let hasher = TokenHasher::new(pepper);
        let mut begins = vec![Like::None; 1 << 16];
        let mut texts = Vec::with_capacity(remembered + cold);
        for number in 0..remembered + cold {
            let text = unknown()?;
            let digest = hasher.digest(&text);
            let is_revoked = number < remembered / 2;
            let state = if is_revoked { State::Revoked { at: Timestamp::from_millis(1) } } else { State::Active };
            rebuild.put(Record::Token(token(number as u64, digest, state), Usage::default()))?;
            // What is cold is asked about by one pair alone, which is not about digests.
            if number < remembered {
                begins[begin(&digest)] = Like::Stored;
            }
            texts.push(text);
        }
        let mut others = begins.iter().filter(|&&like| like == Like::Stored).count();
        while others > 0 {
            let like = &mut begins[begin(&hasher.digest(&unknown()?))];
            if *like == Like::None {
                *like = Like::Others;
                others -= 1;
            }
        }
        let cold = texts.split_off(remembered);
        let active = texts.split_off(remembered / 2);
        let (cold, garbled) = (RefCell::new(cold), Cell::new(0));
        Ok(Self { hasher, active, revoked: texts, cold, garbled, begins })
    }

    /// All that are to be remembered.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.active.iter().chain(&self.revoked).map(String::as_str)
    }

    /// Another one of these; `None`: there is none left.
    pub fn one(&self, presented: Presented) -> Outcome<Option<String>> {
        let any = |texts: &[String]| texts[fastrand::usize(..texts.len())].clone();
        Ok(Some(match presented {
            Presented::Unknown => unknown()?,
            Presented::LikeADigest => self.until(Like::Stored)?,
            Presented::LikeNoDigest => self.until(Like::Others)?,
            Presented::LikeAText => like(&any(&self.active), 25)?,
            Presented::Garbled => garbled(&unknown()?),
            Presented::GarbledToken => {
                let number = self.garbled.replace(self.garbled.get() + 1);
                return Ok(self.cold.borrow().get(number).map(|text| garbled(text)));
            }
            Presented::Foreign => format!("xx{}", &unknown()?[2..]),
            Presented::Active => any(&self.active),
            Presented::Revoked => any(&self.revoked),
            Presented::Cold => return Ok(self.cold.borrow_mut().pop()),
        }))
    }

    fn until(&self, like: Like) -> Outcome<String> {
        loop {
            let text = unknown()?;
            if self.begins[begin(&self.hasher.digest(&text))] == like {
                return Ok(text);
            }
        }
    }
}

fn begin(digest: &Digest) -> usize {
    let [a, b, ..] = *digest.as_bytes();
    usize::from(u16::from_be_bytes([a, b]))
}

fn unknown() -> Outcome<String> {
    let text = TokenText::generate(&TokenPrefix::default(), Kind::Service).map_err(|error| error.to_string())?;
    Ok(text.expose().to_owned())
}

/// Another token with the same beginning, and the checksum that belongs to it.
fn like(text: &str, same: usize) -> Outcome<String> {
    let (before, body) = text.split_at(text.len() - BODY - CHECKSUM);
    let mut body = body.as_bytes()[..BODY].to_vec();
    body[same..].fill_with(|| ALPHABET[fastrand::usize(..ALPHABET.len())]);
    let mut rest = usize::try_from(crc32fast::hash(&body))?;
    let mut checksum = [ALPHABET[0]; CHECKSUM];
    for digit in checksum.iter_mut().rev() {
        *digit = ALPHABET[rest % 62];
        rest /= 62;
    }
    let like = format!("{before}{}{}", String::from_utf8(body)?, String::from_utf8(checksum.to_vec())?);
    parse_token(&like, &TokenPrefix::default()).map_err(|error| format!("{like} {error}"))?;
    Ok(like)
}

/// With another last character.
fn garbled(text: &str) -> String {
    let (before, last) = text.split_at(text.len() - 1);
    format!("{before}{}", if last == "0" { '1' } else { '0' })
}

fn token(number: u64, digest: Digest, state: State) -> Token {
    let grants = Grants::new([(ResourceName::every_api(), Access::FULL)]);
    Token { grants, digest, state, expires: None, ..records::token(number) }
}
