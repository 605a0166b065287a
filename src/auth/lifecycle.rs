//! The token's whole life: issue, edit, disable, enable, revoke, delete.
//!
//! Every change is durable first, then forgotten by every cache, and only then acknowledged. The
//! three steps run in a task of their own, so that a caller who hangs up between them cannot leave a
//! change durable and the cache unaware of it.

use std::sync::Arc;

use super::accounts::Accounts;
use super::verifier::Verifier;
use crate::model::{
    Account, AccountId, AccountState, Clock, Digest, Grants, Kind, Quota, Revision, State, Timestamp, Token, TokenId,
    TokenText, Usage,
};
use crate::store::{CommitError, Expect, Store, StoreError, Write};

/// How often an edit that meets another one is tried again.
const TRIES: usize = 16;

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

/// What an edit of a token changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
}

/// What a creation of an account asks for.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// `None` for the root of an installation.
    pub parent: Option<AccountId>,
    pub name: String,
    pub visible_to_parent: bool,
}

/// What an edit of an account changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountEdit {
    pub name: Option<String>,
    pub visible_to_parent: Option<bool>,
    pub state: Option<AccountState>,
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    #[error("there is no token {0}")]
    NoToken(TokenId),
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    /// Revocation is final.
    #[error("token {0} is revoked, and that is final")]
    Revoked(TokenId),
    #[error("{0}")]
    Conflict(String),
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes tokens and accounts. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    store: Arc<dyn Store>,
    verifier: Verifier,
    accounts: Accounts,
    clock: Clock,
}

impl Lifecycle {
    pub fn new(store: Arc<dyn Store>, verifier: Verifier, accounts: Accounts, clock: Clock) -> Self {
        Self { store, verifier, accounts, clock }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Makes a token. The text is in the answer and nowhere else.
    pub async fn create(&self, new: NewToken) -> Result<(Token, TokenText), LifecycleError> {
        if self.accounts.get(new.account).is_none() {
            return Err(LifecycleError::NoAccount(new.account));
        }
        let text = TokenText::generate(self.verifier.prefix(), new.kind)
            .map_err(|e| LifecycleError::NoRandomness(e.to_string()))?;
        let token = Token {
            id: TokenId::fresh(),
            account: new.account,
            kind: new.kind,
            name: new.name,
            description: new.description,
            grants: new.grants,
            roles: Vec::new(),
            user: None,
            filters: Default::default(),
            sealed: None,
            state: State::Active,
            not_before: new.not_before,
            expires: new.expires,
            rate_limit: new.rate_limit,
            created: self.clock.wall(),
            created_by: new.created_by,
            hint: text.hint(),
            digest: self.verifier.digest(&text),
            revision: Revision::default(),
        };
        let digest = token.digest;
        let revision =
            self.commit(vec![Write::PutToken { token: token.clone(), expect: Expect::Absent }], digest).await?;
        Ok((Token { revision, ..token }, text))
    }

    pub async fn get(&self, id: TokenId) -> Result<Token, LifecycleError> {
        self.store.token(id).await?.ok_or(LifecycleError::NoToken(id))
    }

    /// At most `limit` tokens of the account in the order of their ids, after `after`.
    pub async fn list(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> Result<Vec<Token>, LifecycleError> {
        Ok(self.store.list_tokens(account, after, limit).await?)
    }

    /// How much these tokens were used, in their order.
    pub async fn usage(&self, ids: Vec<TokenId>) -> Result<Vec<Usage>, LifecycleError> {
        Ok(self.store.usage(ids).await?)
    }

    pub async fn edit(&self, id: TokenId, edit: Edit) -> Result<Token, LifecycleError> {
        self.change(id, |token| {
            if let Some(name) = &edit.name {
                token.name.clone_from(name);
            }
            if let Some(description) = &edit.description {
                token.description.clone_from(description);
            }
            Ok(())
        })
        .await
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
            }
            Ok(())
        })
        .await
    }

    /// Removes the token and all that is known of it; from then on it is as if it had never been.
    pub async fn delete(&self, id: TokenId) -> Result<(), LifecycleError> {
        for _ in 0..TRIES {
            let token = self.to_be_changed(id).await?;
            let write = Write::DeleteToken { id, expect: token.revision };
            match self.commit(vec![write], token.digest).await {
                Err(LifecycleError::Conflict(_)) => {}
                done => return done.map(drop),
            }
        }
        Err(too_busy(id))
    }

    pub async fn create_account(&self, new: NewAccount) -> Result<Account, LifecycleError> {
        if let Some(parent) = new.parent.filter(|&parent| self.accounts.get(parent).is_none()) {
            return Err(LifecycleError::NoAccount(parent));
        }
        let account = Account {
            id: AccountId::fresh(),
            parent: new.parent,
            name: new.name,
            state: AccountState::Active,
            visible_to_parent: new.visible_to_parent,
            ceiling: None,
            plan: None,
            policy: None,
            created: self.clock.wall(),
            revision: Revision::default(),
        };
        self.put_account(account, Expect::Absent).await
    }

    pub async fn edit_account(&self, id: AccountId, edit: AccountEdit) -> Result<Account, LifecycleError> {
        for _ in 0..TRIES {
            let mut account = self.accounts.get(id).ok_or(LifecycleError::NoAccount(id))?;
            let expect = Expect::Revision(account.revision);
            account.name = edit.name.clone().unwrap_or(account.name);
            account.visible_to_parent = edit.visible_to_parent.unwrap_or(account.visible_to_parent);
            account.state = edit.state.unwrap_or(account.state);
            match self.put_account(account, expect).await {
                // The other change is in our copy of the tree once its own task has run.
                Err(LifecycleError::Conflict(_)) => tokio::task::yield_now().await,
                done => return done,
            }
        }
        Err(too_busy(id))
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
    async fn change(
        &self,
        id: TokenId,
        apply: impl Fn(&mut Token) -> Result<(), LifecycleError>,
    ) -> Result<Token, LifecycleError> {
        for _ in 0..TRIES {
            let present = self.to_be_changed(id).await?;
            let mut changed = present.clone();
            apply(&mut changed)?;
            if changed == present {
                // Nothing to write; but what was read may be another caller's change that is not
                // durable yet, and whoever is told "done" must be able to rely on it.
                self.commit(vec![], present.digest).await?;
                return Ok(present);
            }
            let write = Write::PutToken { token: changed.clone(), expect: Expect::Revision(present.revision) };
            match self.commit(vec![write], changed.digest).await {
                Err(LifecycleError::Conflict(_)) => {}
                Err(error) => return Err(error),
                Ok(revision) => return Ok(Token { revision, ..changed }),
            }
        }
        Err(too_busy(id))
    }

    async fn put_account(&self, account: Account, expect: Expect) -> Result<Account, LifecycleError> {
        let (store, accounts) = (Arc::clone(&self.store), self.accounts.clone());
        let committed = tokio::spawn(async move {
            let revision = store.commit(vec![Write::PutAccount { account: account.clone(), expect }]).await?;
            let account = Account { revision, ..account };
            accounts.put(account.clone());
            Ok(account)
        });
        committed.await.unwrap_or_else(|_| Err(interrupted())).map_err(of_commit)
    }

    /// Makes the writes durable and forgets `digest`, whatever the caller does meanwhile.
    async fn commit(&self, writes: Vec<Write>, digest: Digest) -> Result<Revision, LifecycleError> {
        let (store, verifier) = (Arc::clone(&self.store), self.verifier.clone());
        let committed = tokio::spawn(async move {
            let outcome = store.commit(writes).await;
            // Also after an error: it may have come after the record was changed.
            verifier.invalidate(&digest);
            outcome
        });
        committed.await.unwrap_or_else(|_| Err(interrupted())).map_err(of_commit)
    }
}

fn of_commit(error: CommitError) -> LifecycleError {
    match error {
        CommitError::Conflict(what) => LifecycleError::Conflict(what),
        CommitError::Store(error) => LifecycleError::Store(error),
    }
}

fn interrupted() -> CommitError {
    CommitError::Store(StoreError::Unavailable("the change was interrupted".into()))
}

fn too_busy(what: impl std::fmt::Display) -> LifecycleError {
    LifecycleError::Conflict(format!("{what} was changed by others {TRIES} times while this change was tried"))
}
