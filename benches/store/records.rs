//! Tokens that follow from their number, so that two processes agree on them.

use std::path::Path;

use keygate::model::{
    Access, Account, AccountId, AccountState, Digest, Grants, Kind, Revision, State, Timestamp, Token, TokenId,
};
use keygate::store::SledOptions;

use crate::Outcome;

pub fn options(path: &Path) -> SledOptions {
    SledOptions::new(path, [7; 32])
}

/// The one account that has all tokens.
pub fn account() -> Account {
    Account {
        id: AccountId::from_bytes([1; 16]),
        parent: None,
        name: "all".to_owned(),
        state: AccountState::Active,
        visible_to_parent: false,
        ceiling: None,
        plan: None,
        policy: None,
        labels: Default::default(),
        created: Timestamp::from_millis(0),
        revision: Revision(1),
    }
}

/// As large as tokens usually are: a name, two grants, an expiry, a creator.
pub fn token(number: u64) -> Token {
    let id = id(number);
    Token {
        id,
        account: account().id,
        kind: Kind::Service,
        name: format!("service {number}"),
        description: String::new(),
        grants: Grants::new([
            ("devices".parse().expect("a name"), Access::READ_WRITE),
            ("files".parse().expect("a name"), Access::READ),
        ]),
        roles: Vec::new(),
        user: None,
        filters: Default::default(),
        sealed: None,
        labels: Default::default(),
        state: State::Active,
        not_before: None,
        expires: Some(Timestamp::from_millis(1_900_000_000_000)),
        rate_limit: None,
        created: Timestamp::from_millis(1_795_392_000_000),
        created_by: Some(TokenId::from_bytes([2; 16])),
        hint: "abcd".to_owned(),
        digest: digest(number),
        rotation: None,
        revision: Revision(number + 2),
    }
}

/// Like the ids that are given out: in order of their time, with random bits behind it.
pub fn id(number: u64) -> TokenId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(((1_795_392_000_000 + number / 4) << 16) | (number % 4)).to_be_bytes());
    bytes[8..].copy_from_slice(&digest(number).as_bytes()[..8]);
    TokenId::from_bytes(bytes)
}

pub fn digest(number: u64) -> Digest {
    of(b"known", number)
}

/// Nobody's.
pub fn unknown(number: u64) -> Digest {
    of(b"unknown", number)
}

fn of(kind: &[u8], number: u64) -> Digest {
    let text = [kind, &number.to_le_bytes()].concat();
    Digest::from_bytes(*blake3::hash(&text).as_bytes())
}

pub fn check(token: Option<Token>, number: u64) -> Outcome<()> {
    match token {
        Some(token) if token.id == id(number) => Ok(()),
        other => Err(format!("in place of token {number} there is {other:?}").into()),
    }
}
