//! Copies of tokens for who may see them again.

use super::{Lifecycle, LifecycleError};
use crate::auth::seal::{SealError, Sealer};
use crate::model::{Token, TokenId, TokenText};
use std::sync::Arc;

impl Lifecycle {
    /// With what encrypts copies; without it, none can be kept.
    pub fn with_sealer(self, sealer: Option<Arc<Sealer>>) -> Self {
        Self { sealer, ..self }
    }

    /// The copy to keep of a new token, where one is asked for.
    pub(super) fn copy(
        &self,
        id: TokenId,
        text: &TokenText,
        retrievable: bool,
    ) -> Result<Option<Box<[u8]>>, LifecycleError> {
        if !retrievable {
            return Ok(None);
        }
        let sealer = self.sealer.as_ref().ok_or(LifecycleError::NoRevealKey)?;
        Ok(Some(sealer.seal(id, text)?))
    }

    /// The token's text, from the copy that was kept; `None` where none was.
    pub fn reveal(&self, token: &Token) -> Result<Option<TokenText>, LifecycleError> {
        let Some(sealed) = &token.sealed else { return Ok(None) };
        let sealer = self.sealer.as_ref().ok_or(LifecycleError::NoRevealKey)?;
        let text = sealer.open(token.id, self.verifier.prefix(), sealed)?;
        // A copy of something else would be an alteration that the cipher cannot tell.
        if self.verifier.digest(&text) == token.digest { Ok(Some(text)) } else { Err(SealError::OtherKey.into()) }
    }
}
