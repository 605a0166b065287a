//! Under which keys things lie in the one tree of the store.
//!
//! One tree, because only there is a batch of sled atomic. The first byte says what lies there.

use crate::model::{AccountId, Digest, TokenId};

/// The last revision that was given out.
pub(super) const REVISION: &[u8] = b"m/revision";
/// The version of this layout.
pub(super) const SCHEMA: &[u8] = b"m/schema";
/// Tells a wrong pepper from the right one.
pub(super) const PEPPER: &[u8] = b"m/pepper";

/// → the token.
pub(super) fn token(id: TokenId) -> [u8; 17] {
    join(b't', [id.to_bytes()])
}

/// → the id of the token that has this digest.
pub(super) fn digest(digest: &Digest) -> [u8; 33] {
    let mut key = [b'h'; 33];
    key[1..].copy_from_slice(digest.as_bytes());
    key
}

/// → nothing: the tokens of an account lie side by side, in the order of their ids.
pub(super) fn token_of(account: AccountId, id: TokenId) -> [u8; 33] {
    join(b'a', [account.to_bytes(), id.to_bytes()])
}

/// The token that a key of [`token_of`] speaks of.
pub(super) fn token_in(key: &[u8]) -> Option<TokenId> {
    key.get(17..).and_then(|id| id.try_into().ok()).map(TokenId::from_bytes)
}

/// → the account.
pub(super) fn account(id: AccountId) -> [u8; 17] {
    join(b'A', [id.to_bytes()])
}

/// What the keys of all accounts begin with.
pub(super) const ACCOUNTS: &[u8] = b"A";

fn join<const PARTS: usize, const KEY: usize>(kind: u8, parts: [[u8; 16]; PARTS]) -> [u8; KEY] {
    let mut key = [kind; KEY];
    key[1..].copy_from_slice(parts.as_flattened());
    key
}
