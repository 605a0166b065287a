//! What has to be remembered beside accounts, users and tokens, under an id that can be worked out again.

use super::clock::Timestamp;
use super::id::{NoteId, TokenId};
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
