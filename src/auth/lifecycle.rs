//! The token's whole life: issue, edit, disable, enable, revoke, delete.
//!
//! Every change is durable first, then forgotten by every cache, and only then acknowledged.

use crate::model::{Account, AccountId, Grants, Kind, Quota, Timestamp, Token, TokenId, TokenText};
use crate::store::{StoreError, Usage};

/// What a creation asks for. The caller has checked the giver's rights against `grants`.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub account: AccountId,
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub grants: Grants,
    pub not_before: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub rate_limit: Option<Quota>,
    pub created_by: Option<TokenId>,
}

/// What an edit changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    #[error("there is no token {0}")]
    NotFound(TokenId),
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    /// A revoked token is final.
    #[error("token {0} is revoked, and that is final")]
    Revoked(TokenId),
    #[error("somebody else changed it meanwhile: {0}")]
    Conflict(String),
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}
