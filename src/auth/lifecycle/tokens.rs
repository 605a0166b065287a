//! Tokens: issue, edit, disable, enable, revoke, delete. [`super::rotation`] has the change of a text.

use std::sync::Arc;

use super::{Lifecycle, LifecycleError, TRIES, TokenChange, interrupted, is_at, of_commit, too_busy};
use crate::model::{
    AccountId, Digest, Filters, Grants, Kind, LabelEdit, Labels, MadeObject, Quota, Revision, RoleName, Standing,
    State, Timestamp, Token, TokenId, TokenText, Usage, UserId,
};
use crate::store::{CommitError, Count, Found, Search, Write};

/// What a creation asks for. The caller has checked the giver's rights against `grants` or `roles`, one
/// of which is empty.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub account: AccountId,
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub grants: Grants,
    pub roles: Vec<RoleName>,
    pub user: Option<UserId>,
    pub filters: Filters,
    pub labels: Labels,
    pub not_before: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub rate_limit: Option<Quota>,
    pub created_by: Option<TokenId>,
    /// An encrypted copy of its text is kept.
    pub retrievable: bool,
    /// How many active tokens the account may have with this one; `None`: any number.
    pub max_active: Option<u32>,
}

/// What an edit of a token changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
    /// In place of grants and roles.
    pub rights: Option<(Grants, Vec<RoleName>)>,
    pub filters: Option<Filters>,
    pub labels: LabelEdit,
    pub expires: Option<Option<Timestamp>>,
    pub rate_limit: Option<Option<Quota>>,
    /// How many active tokens the account may have, where the edit makes an expired one active again.
    pub max_active: Option<u32>,
}

impl NewToken {
    /// A service token that never expires, with nothing else.
    pub fn service(account: AccountId, name: impl Into<String>, grants: Grants) -> Self {
        Self {
            account,
            kind: Kind::Service,
            name: name.into(),
            description: String::new(),
            grants,
            roles: Vec::new(),
            user: None,
            filters: Filters::default(),
            labels: Labels::default(),
            not_before: None,
            expires: None,
            rate_limit: None,
            created_by: None,
            retrievable: false,
            max_active: None,
        }
    }
}

impl Edit {
    fn apply(&self, token: &mut Token) -> Result<(), LifecycleError> {
        token.labels = token.labels.edited(&self.labels)?;
        if let Some(name) = &self.name {
            token.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            token.description.clone_from(description);
        }
        if let Some((grants, roles)) = &self.rights {
            token.grants.clone_from(grants);
            token.roles.clone_from(roles);
        }
        if let Some(filters) = &self.filters {
            token.filters.clone_from(filters);
        }
        token.expires = self.expires.unwrap_or(token.expires);
        token.rate_limit = self.rate_limit.unwrap_or(token.rate_limit);
        Ok(())
    }
}

impl Lifecycle {
    /// Makes a token. The text is in the answer and nowhere else.
    pub async fn create(&self, new: NewToken) -> Result<(Token, TokenText), LifecycleError> {
        let Some(max) = new.max_active else { return self.make(new).await };
        let lifecycle = self.clone();
        self.in_place(new.account, max, async move { lifecycle.make(new).await }).await
    }

    async fn make(&self, new: NewToken) -> Result<(Token, TokenText), LifecycleError> {
        if self.accounts.get(new.account).is_none() {
            return Err(LifecycleError::NoAccount(new.account));
        }
        let (token, text) = self.draft(new)?;
        let note = self.noted(MadeObject::Token(token.id), Some((token.id, &text)))?;
        let change = TokenChange { before: None, after: Some(token.clone()) };
        let revision = self.commit_after(note.into_iter().collect(), vec![change]).await?;
        Ok((Token { revision, ..token }, text))
    }

    /// A new token that is not stored yet.
    pub(super) fn draft(&self, new: NewToken) -> Result<(Token, TokenText), LifecycleError> {
        let text = TokenText::generate(self.verifier.prefix(), new.kind)
            .map_err(|e| LifecycleError::NoRandomness(e.to_string()))?;
        let id = TokenId::fresh();
        let token = Token {
            id,
            account: new.account,
            kind: new.kind,
            name: new.name,
            description: new.description,
            grants: new.grants,
            roles: new.roles,
            user: new.user,
            filters: new.filters,
            labels: new.labels,
            sealed: self.copy(id, &text, new.retrievable)?,
            state: State::Active,
            not_before: new.not_before,
            expires: new.expires,
            rate_limit: new.rate_limit,
            created: self.clock.wall(),
            created_by: new.created_by,
            hint: text.hint(),
            digest: self.verifier.digest(&text),
            rotation: None,
            revision: Revision::default(),
        };
        Ok((token, text))
    }

    pub async fn get(&self, id: TokenId) -> Result<Token, LifecycleError> {
        self.store.token(id).await?.ok_or(LifecycleError::NoToken(id))
    }

    /// A part of a list.
    pub async fn search(&self, search: Search) -> Result<Found, LifecycleError> {
        Ok(self.store.search(search).await?)
    }

    /// How many tokens a list is of.
    pub async fn count(&self, search: Search) -> Result<Count, LifecycleError> {
        Ok(self.store.count(search).await?)
    }

    /// How much these tokens were used, in their order.
    pub async fn usage(&self, ids: Vec<TokenId>) -> Result<Vec<Usage>, LifecycleError> {
        Ok(self.store.usage(ids).await?)
    }

    pub async fn edit(&self, id: TokenId, edit: Edit) -> Result<Token, LifecycleError> {
        let (lifecycle, limit) = (self.clone(), edit.max_active.filter(|_| edit.expires.is_some()));
        let token = self.to_be_changed(id).await?;
        let is_expired = matches!(token.standing(self.clock.wall()), Standing::Expired { .. });
        let work = async move { lifecycle.change(id, |token| edit.apply(token)).await };
        match limit.filter(|_| is_expired) {
            None => work.await,
            Some(max) => self.in_place(token.account, max, work).await,
        }
    }

    /// Refuses the token until it is enabled again.
    pub async fn disable(&self, id: TokenId) -> Result<Token, LifecycleError> {
        self.set_state(id, State::Disabled).await
    }

    pub async fn enable(&self, id: TokenId) -> Result<Token, LifecycleError> {
        self.set_state(id, State::Active).await
    }

    /// Refuses the token for good. The record stays, so that its owner is told "revoked". A token
    /// that is revoked already is left as it is.
    pub async fn revoke(&self, id: TokenId) -> Result<Token, LifecycleError> {
        let at = self.clock.wall();
        self.change(id, |token| {
            if !matches!(token.state, State::Revoked { .. }) {
                token.state = State::Revoked { at };
                token.forget_copies();
            }
            Ok(())
        })
        .await
    }

    /// Refuses those of these tokens for good that are still meant, all in one commit: each as it was and as
    /// it is. What is gone or revoked meanwhile is passed over.
    pub async fn revoke_all(
        &self,
        ids: &[TokenId],
        is_meant: impl Fn(&Token) -> bool,
    ) -> Result<Vec<(Token, Token)>, LifecycleError> {
        for _ in 0..TRIES {
            let at = self.clock.wall();
            let mut pairs = Vec::new();
            for &id in ids {
                let Some(present) = self.store.token(id).await? else { continue };
                if matches!(present.state, State::Revoked { .. }) || !is_meant(&present) {
                    continue;
                }
                let mut revoked = Token { state: State::Revoked { at }, ..present.clone() };
                revoked.forget_copies();
                pairs.push((present, revoked));
            }
            let change = |(present, revoked): &(Token, Token)| TokenChange {
                before: Some(present.clone()),
                after: Some(revoked.clone()),
            };
            match self.commit(pairs.iter().map(change).collect()).await {
                Err(LifecycleError::Conflict(_)) => {}
                Err(error) => return Err(error),
                Ok(revision) => {
                    pairs.iter_mut().for_each(|(_, revoked)| revoked.revision = revision);
                    return Ok(pairs);
                }
            }
        }
        Err(too_busy("one of the tokens"))
    }

    /// Removes the token and all that is known of it; from then on it is as if it had never been.
    pub async fn delete(&self, id: TokenId) -> Result<(), LifecycleError> {
        self.delete_if(id, |_| true).await.map(drop)
    }

    /// The same, for a token that is as `is_due` says when it is deleted. Whether it was.
    pub(super) async fn delete_if(&self, id: TokenId, is_due: impl Fn(&Token) -> bool) -> Result<bool, LifecycleError> {
        for _ in 0..TRIES {
            let token = self.to_be_changed(id).await?;
            is_at(self.expected, token.revision, id)?;
            if !is_due(&token) {
                return Ok(false);
            }
            match self.commit(vec![TokenChange { before: Some(token), after: None }]).await {
                Err(LifecycleError::Conflict(_)) => {}
                done => return done.map(|_| true),
            }
        }
        Err(too_busy(id))
    }

    /// Has a session count as begun at `at`; it ends when it would have ended.
    pub(super) async fn begin_again(&self, id: TokenId, at: Timestamp) -> Result<(), LifecycleError> {
        let done = self.change(id, |token| {
            token.created = at;
            Ok(())
        });
        done.await.map(drop)
    }

    async fn set_state(&self, id: TokenId, state: State) -> Result<Token, LifecycleError> {
        self.change(id, |token| match token.state {
            State::Revoked { .. } => Err(LifecycleError::Revoked(token.id)),
            State::Active | State::Disabled => {
                token.state = state;
                Ok(())
            }
        })
        .await
    }

    /// The token as it is. That there is none may be another caller's deletion that is not durable
    /// yet, and whoever is told "there is none" must be able to rely on it.
    async fn to_be_changed(&self, id: TokenId) -> Result<Token, LifecycleError> {
        match self.store.token(id).await? {
            Some(token) => Ok(token),
            None => {
                self.store.commit(Vec::new()).await.map_err(of_commit)?;
                Err(LifecycleError::NoToken(id))
            }
        }
    }

    /// Reads the token, changes it, and writes it if nobody else did meanwhile; else again.
    pub(super) async fn change(
        &self,
        id: TokenId,
        apply: impl Fn(&mut Token) -> Result<(), LifecycleError>,
    ) -> Result<Token, LifecycleError> {
        self.change_with(id, apply, None).await
    }

    /// The same, and writes something else with it.
    pub(super) async fn change_with(
        &self,
        id: TokenId,
        apply: impl Fn(&mut Token) -> Result<(), LifecycleError>,
        also: Option<Write>,
    ) -> Result<Token, LifecycleError> {
        for _ in 0..TRIES {
            let present = self.to_be_changed(id).await?;
            is_at(self.expected, present.revision, id)?;
            let mut changed = present.clone();
            apply(&mut changed)?;
            if changed == present {
                // Nothing to write; but what was read may be another caller's change that is not
                // durable yet, and whoever is told "done" must be able to rely on it.
                self.make_durable(vec![], present.digests().collect(), vec![]).await?;
                return Ok(present);
            }
            let change = TokenChange { before: Some(present), after: Some(changed.clone()) };
            match self.commit_after(also.iter().cloned().collect(), vec![change]).await {
                Err(LifecycleError::Conflict(_)) => {}
                Err(error) => return Err(error),
                Ok(revision) => return Ok(Token { revision, ..changed }),
            }
        }
        Err(too_busy(id))
    }

    /// Makes changes of tokens durable and tells of them, whatever the caller does meanwhile. The one way to
    /// write a token that may be known already.
    pub(super) async fn commit(&self, changes: Vec<TokenChange>) -> Result<Revision, LifecycleError> {
        self.commit_after(Vec::new(), changes).await
    }

    /// The same, together with writes that go before.
    pub(super) async fn commit_after(
        &self,
        mut writes: Vec<Write>,
        changes: Vec<TokenChange>,
    ) -> Result<Revision, LifecycleError> {
        let now = self.clock.wall();
        writes.extend(changes.iter().flat_map(|change| change.writes(now)));
        let digests = changes.iter().flat_map(TokenChange::digests).collect();
        self.make_durable(writes, digests, changes).await
    }

    async fn make_durable(
        &self,
        writes: Vec<Write>,
        digests: Vec<Digest>,
        changes: Vec<TokenChange>,
    ) -> Result<Revision, LifecycleError> {
        let (store, verifier, told) = (Arc::clone(&self.store), self.verifier.clone(), self.told.clone());
        let committed = tokio::spawn(async move {
            let outcome = store.commit(writes).await;
            // Also after an error: it may have come after the record was changed.
            digests.iter().for_each(|digest| verifier.invalidate(digest));
            if let Ok(revision) = outcome {
                changes.into_iter().for_each(|change| told.tell(&change.at(revision)));
            }
            outcome
        });
        let outcome = committed.await.unwrap_or_else(|_| Err(CommitError::Store(interrupted())));
        outcome.map_err(of_commit)
    }
}
