//! What a user proves itself with, and what it gets for it: password, invitation, session.

use std::time::Duration;

use super::{Lifecycle, LifecycleError, NewToken, UserEdit};
use crate::model::{Invitation, InvitationText, Timestamp, Token, TokenId, TokenText, User, UserId};
use crate::store::Expect;

/// How long an invitation can be used.
const INVITATION_LIFE: Duration = Duration::from_secs(7 * 86_400);

impl Lifecycle {
    /// Makes an invitation for the user, in place of its last. The text is in the answer and nowhere else.
    pub async fn invite(&self, id: UserId) -> Result<(InvitationText, Timestamp), LifecycleError> {
        let text = InvitationText::generate(self.verifier.prefix(), id)
            .map_err(|e| LifecycleError::NoRandomness(e.to_string()))?;
        let expires = self.clock.wall().plus(INVITATION_LIFE);
        let invitation = Invitation { digest: self.verifier.digest_of_invitation(text.expose()), expires };
        self.edit_user(id, UserEdit { invitation: Some(Some(invitation)), ..UserEdit::default() }).await?;
        Ok((text, expires))
    }

    /// Whose invitation the text is, if it can be used. Digests are compared in constant time.
    pub fn invited(&self, text: &str) -> Option<(User, Invitation)> {
        let id = InvitationText::parse(text, self.verifier.prefix()).ok()?;
        let user = self.users.get(id)?;
        let invitation = user.invitation.clone().filter(|invitation| self.clock.wall() < invitation.expires)?;
        (invitation.digest == self.verifier.digest_of_invitation(text)).then_some((user, invitation))
    }

    /// Puts a new password in the place of the one whose hash is `old`. Every session that began before
    /// is over, but for `kept`, which counts as begun now.
    pub async fn change_password(
        &self,
        id: UserId,
        old: String,
        new: String,
        kept: Option<TokenId>,
    ) -> Result<(), LifecycleError> {
        let lifecycle = self.clone();
        self.in_turn(async move |turn| {
            let present = turn.user(id)?;
            has_password(&present, &old)?;
            let expect = Expect::Revision(present.revision);
            let changed = User { password: Some(new), invitation: None, sessions_since: turn.now, ..present };
            let user = turn.put_user(changed, expect).await?;
            match kept {
                None => Ok(()),
                // If this fails, the session is over with the others, and a login begins another.
                Some(kept) => lifecycle.begin_again(kept, user.sessions_since).await,
            }
        })
        .await
    }

    /// Makes a session's token. `password` is the hash that the login was checked against: if it was
    /// changed meanwhile, sessions with it are over, and none begins.
    pub async fn begin_session(
        &self,
        new: NewToken,
        password: Option<String>,
    ) -> Result<(Token, TokenText), LifecycleError> {
        let (Some(password), Some(user)) = (password, new.user) else { return self.create(new).await };
        let lifecycle = self.clone();
        self.in_turn(async move |turn| {
            has_password(&turn.user(user)?, &password)?;
            lifecycle.create(new).await
        })
        .await
    }
}

fn has_password(user: &User, hash: &str) -> Result<(), LifecycleError> {
    if user.password.as_deref() == Some(hash) {
        return Ok(());
    }
    Err(LifecycleError::Conflict(format!("the password of {}", user.id)))
}
