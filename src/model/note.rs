//! What has to be remembered beside accounts, users and tokens, under an id that can be worked out again.

use super::clock::Timestamp;
use super::digest::Digest;
use super::id::{AccountId, NoteId, TokenId, UserId};
use super::token::Revision;

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: NoteId,
    pub made: Timestamp,
    pub what: Noted,
    /// Of the commit that wrote it.
    pub revision: Revision,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// A key was imported as the token with the same bytes for its id, and the token was deleted: no import
    /// brings the key back unless it is told to.
    ImportDeleted,
    /// A request made something, and may come again.
    Made(Made),
}

/// What a request made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The token that asked.
    pub by: TokenId,
    /// Of the whole request, so that the same key with another one is told apart.
    pub request: Digest,
    pub object: MadeObject,
    /// The text that was answered, encrypted under a key that takes the request's own to be made.
    pub sealed: Option<Box<[u8]>>,
    /// Until when it is remembered.
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeObject {
    Token(TokenId),
    Account(AccountId),
    User(UserId),
    Member(AccountId, UserId),
}

impl NoteId {
    /// Where it stands that an imported token was deleted.
    pub const fn of_import(token: TokenId) -> Self {
        Self::from_bytes(token.to_bytes())
    }
}

impl Note {
    /// What has to be noted with the deletion of the token; `None` for one that was made here: its text is
    /// gone with it.
    pub fn of_deletion(token: TokenId, at: Timestamp) -> Option<Self> {
        token.imported_by()?;
        let revision = Revision::default();
        Some(Self { id: NoteId::of_import(token), made: at, what: Noted::ImportDeleted, revision })
    }
}
