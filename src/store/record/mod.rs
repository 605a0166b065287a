//! How records are written: one version byte, MessagePack with named fields, and eight bytes of the
//! BLAKE3 hash of both.
//!
//! These structs are the format and change with [`VERSION`] only; the domain types know nothing of
//! them. A field that is unknown here is refused, since it may be one that narrows what a token may
//! do.

mod account;
mod bytes;
mod indexed;
mod note;
mod rotation;
mod skim;
mod token;
mod usage;
mod user;

#[cfg(test)]
pub(super) mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::snapshot::Record;
use crate::model::{AccountId, NoteId, TokenId, UserId};

pub(super) use self::indexed::{Indexed, Traits, indexed};

/// The last version of records that is known. A record is written in the first version that can say
/// what it says, so that a record that is read and written again is the same bytes: proofs are over
/// these.
pub(super) const VERSION: u8 = 4;

const CHECKSUM: usize = 8;

/// What the keys of tokens, of accounts, of users and of notes begin with.
pub(super) const TOKEN: u8 = b't';
pub(super) const ACCOUNT: u8 = b'A';
pub(super) const USER: u8 = b'U';
pub(super) const NOTE: u8 = b'n';
/// All of them, in the order of their keys.
pub(super) const KINDS: [u8; 4] = [ACCOUNT, USER, NOTE, TOKEN];

pub(super) type Key = [u8; 17];

pub(super) fn token_key(id: TokenId) -> Key {
    key(TOKEN, id.to_bytes())
}

pub(super) fn account_key(id: AccountId) -> Key {
    key(ACCOUNT, id.to_bytes())
}

pub(super) fn user_key(id: UserId) -> Key {
    key(USER, id.to_bytes())
}

pub(super) fn note_key(id: NoteId) -> Key {
    key(NOTE, id.to_bytes())
}

/// Under which key a record lies, and how it is written.
pub(super) fn entry(record: &Record) -> (Key, Vec<u8>) {
    match record {
        Record::Account(account) => (account_key(account.id), account.encode()),
        Record::User(user) => (user_key(user.id), user.encode()),
        Record::Note(note) => (note_key(note.id), note.encode()),
        Record::Token(token, _) => (token_key(token.id), token.encode()),
    }
}

fn key(kind: u8, id: [u8; 16]) -> Key {
    let mut key = [kind; 17];
    key[1..].copy_from_slice(&id);
    key
}

/// A domain type that has a written form.
pub(super) trait Stored: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self, Problem>;
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("it is cut short")]
    Short,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its version is {0}, and this one of keygate reads {known}", known = VERSION)]
    Version(u8),
    #[error("its contents make no sense: {0}")]
    Contents(String),
}

/// `payload` with its version and checksum.
pub(super) fn seal(payload: &[u8]) -> Vec<u8> {
    seal_as(1, payload)
}

fn seal_as(version: u8, payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(1 + payload.len() + CHECKSUM);
    sealed.push(version);
    sealed.extend_from_slice(payload);
    let checksum = checksum(&sealed);
    sealed.extend_from_slice(&checksum);
    sealed
}

/// What was sealed, once it proves to be whole. The checksum goes first: a version byte that does
/// not match it is damage, not a later version.
pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8], Problem> {
    let (covered, found) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Problem::Short)?;
    let (&version, payload) = covered.split_first().ok_or(Problem::Short)?;
    if checksum(covered) != *found {
        return Err(Problem::Checksum);
    }
    if (1..=VERSION).contains(&version) { Ok(payload) } else { Err(Problem::Version(version)) }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(bytes).as_bytes();
    [a, b, c, d, e, f, g, h]
}

/// `version`: the first that knows all fields that the record has.
fn write(version: u8, record: &impl Serialize) -> Vec<u8> {
    seal_as(version, &rmp_serde::to_vec_named(record).expect("numbers, texts and bytes always have a MessagePack form"))
}

/// A map with a name for each field, and nothing behind it: a list of bare values would be read by
/// place, and a later field could be taken for another.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut payload = unseal(bytes)?;
    if !matches!(payload.first(), Some(0x80..=0x8f | 0xde | 0xdf)) {
        return Err(Problem::Contents("its fields have no names".to_owned()));
    }
    let record = rmp_serde::from_read(&mut payload).map_err(|error| Problem::Contents(error.to_string()))?;
    if payload.is_empty() { Ok(record) } else { Err(Problem::Contents("something follows the record".to_owned())) }
}

/// A name, an id or the like in its written form.
fn named<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::Contents(format!("{error}")))
}
