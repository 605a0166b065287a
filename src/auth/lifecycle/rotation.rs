//! Rotation: a token's text is replaced, and the old one ends, at once, later, or not after all.
//!
//! That an overlap is over needs no task: it is looked at on every request.

use std::time::Duration;

use super::{Lifecycle, LifecycleError};
use crate::model::{Kind, MadeObject, NewSecret, RotationFault, Standing, State, Timestamp, Token, TokenId, TokenText};

/// What a rotation asks for. The caller has checked it against the policy.
#[derive(Debug, Clone, Copy)]
pub struct Rotate {
    /// How long the present text is good yet; zero: not any more.
    pub overlap: Duration,
    /// It may end an overlap that is under way.
    pub ends_running: bool,
    /// The token that asks for it.
    pub by: Option<TokenId>,
    /// An encrypted copy of the new text is kept.
    pub retrievable: bool,
}

impl Lifecycle {
    /// Gives the token another text, which is in the answer and nowhere else.
    pub async fn rotate(&self, id: TokenId, rotate: Rotate) -> Result<(Token, TokenText), LifecycleError> {
        let present = self.get(id).await?;
        let text = self.other_text(&present)?;
        let secret = NewSecret {
            hint: text.hint(),
            digest: self.verifier.digest(&text),
            sealed: self.copy(id, &text, rotate.retrievable)?,
        };
        let now = self.clock.wall();
        let apply = |token: &mut Token| {
            may_rotate(token, now)?;
            let Rotate { overlap, ends_running, by, .. } = rotate;
            token.rotate(secret.clone(), overlap, ends_running, (now, by)).map_err(LifecycleError::Rotation)
        };
        let note = self.noted(MadeObject::Token(id), Some((id, &text)))?;
        Ok((self.change_with(id, apply, note).await?, text))
    }

    /// Ends the overlap: the old text is refused from now on.
    pub async fn end_overlap(&self, id: TokenId) -> Result<Token, LifecycleError> {
        let now = self.clock.wall();
        self.of_rotation(id, |token| token.end_overlap(now)).await
    }

    /// Has the old text be good for longer, as far as an overlap of `max` goes.
    pub async fn extend_overlap(&self, id: TokenId, by: Duration, max: Duration) -> Result<Token, LifecycleError> {
        let now = self.clock.wall();
        self.of_rotation(id, |token| token.extend_overlap(by, max, now)).await
    }

    /// Makes the old text the present one again, while it is good.
    pub async fn undo_rotation(&self, id: TokenId, by: Option<TokenId>) -> Result<Token, LifecycleError> {
        let now = self.clock.wall();
        self.of_rotation(id, |token| token.undo_rotation((now, by))).await
    }

    async fn of_rotation(
        &self,
        id: TokenId,
        apply: impl Fn(&mut Token) -> Result<(), RotationFault>,
    ) -> Result<Token, LifecycleError> {
        self.change(id, |token| {
            not_revoked(token)?;
            apply(token).map_err(LifecycleError::Rotation)
        })
        .await
    }

    /// A new text for the token, which people can tell from the present one.
    fn other_text(&self, token: &Token) -> Result<TokenText, LifecycleError> {
        loop {
            let text = TokenText::generate(self.verifier.prefix(), token.kind)
                .map_err(|error| LifecycleError::NoRandomness(error.to_string()))?;
            if text.hint() != token.hint {
                return Ok(text);
            }
        }
    }
}

fn may_rotate(token: &Token, now: Timestamp) -> Result<(), LifecycleError> {
    not_revoked(token)?;
    match token.standing(now) {
        _ if token.kind == Kind::Session => Err(LifecycleError::Session(token.id)),
        Standing::Expired { at } => Err(LifecycleError::Expired(at)),
        _ => Ok(()),
    }
}

fn not_revoked(token: &Token) -> Result<(), LifecycleError> {
    match token.state {
        State::Revoked { .. } => Err(LifecycleError::Revoked(token.id)),
        State::Active | State::Disabled => Ok(()),
    }
}
