//! What a presented text is, and where that was found.

use std::sync::Arc;

use super::principal::Principal;
use crate::model::TokenTextError;
use crate::store::StoreError;

/// Where an answer came from, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The hot cache knew the token.
    Cache,
    /// The cache knew that there is no such token.
    Negative,
    /// The store was asked.
    Store,
    /// The text alone told.
    Text,
}

/// What a presented text is.
pub enum Verdict {
    Known(Arc<Principal>),
    /// Well-formed, but nobody's.
    Unknown,
    /// Not a token of this installation; no look-up was needed.
    NotAToken(TokenTextError),
}

/// The question could not be answered; neither a yes nor a no.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store could not be asked for the token: {0}")]
pub struct VerifyError(pub StoreError);

/// The answer to one question.
pub type Answered = (Source, Result<Verdict, VerifyError>);
