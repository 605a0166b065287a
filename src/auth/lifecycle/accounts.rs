//! Accounts: make, edit, move, delete.

use std::fmt;

use super::turn::Turn;
use super::{Lifecycle, LifecycleError, NewToken, TokenChange, is_at};
use crate::model::{
    Account, AccountId, AccountState, AccountToken, Grants, LabelEdit, Labels, MadeObject, PlanName, PolicyName,
    Revision, Token, User,
};
use crate::store::Expect;

/// How many tokens are deleted at a time.
const BATCH: usize = if cfg!(test) { 2 } else { 256 };

/// What a creation of an account asks for.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// `None` for the root of an installation.
    pub parent: Option<AccountId>,
    pub name: String,
    pub visible_to_parent: bool,
    pub ceiling: Option<Grants>,
    pub plan: Option<PlanName>,
    pub policy: Option<PolicyName>,
    pub labels: Labels,
    /// A token that it has from the beginning, with a copy that can be seen again.
    pub token: Option<AccountToken>,
}

/// What an edit of an account changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountEdit {
    pub name: Option<String>,
    /// Moves it, with all that is below it.
    pub parent: Option<AccountId>,
    pub visible_to_parent: Option<bool>,
    pub state: Option<AccountState>,
    pub ceiling: Option<Option<Grants>>,
    pub plan: Option<Option<PlanName>>,
    pub policy: Option<Option<PolicyName>>,
    pub labels: LabelEdit,
}

/// What is in an account and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Below {
    pub accounts: usize,
    pub has_tokens: bool,
    pub users: usize,
}

impl fmt::Display for Below {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: usize, noun: &str| match number {
            0 => None,
            1 => Some(format!("1 {noun}")),
            more => Some(format!("{more} {noun}s")),
        };
        let tokens = self.has_tokens.then(|| "tokens".to_owned());
        let parts: Vec<_> =
            [count(self.accounts, "account"), count(self.users, "user"), tokens].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

impl NewAccount {
    /// Without a limit of its own.
    pub fn plain(parent: Option<AccountId>, name: impl Into<String>) -> Self {
        Self {
            parent,
            name: name.into(),
            visible_to_parent: true,
            ceiling: None,
            plan: None,
            policy: None,
            labels: Labels::default(),
            token: None,
        }
    }
}

impl Lifecycle {
    /// Makes an account, and in the same commit the token that it has from the beginning.
    pub async fn create_account(&self, new: NewAccount) -> Result<Account, LifecycleError> {
        self.create_account_with(new).await.map(|(account, _)| account)
    }

    /// The same; with the token.
    pub async fn create_account_with(&self, new: NewAccount) -> Result<(Account, Option<Token>), LifecycleError> {
        let lifecycle = self.clone();
        self.in_turn(async move |turn: Turn| {
            if let Some(parent) = new.parent {
                turn.account(parent)?;
            }
            let account = Account {
                id: AccountId::fresh(),
                parent: new.parent,
                name: new.name,
                state: AccountState::Active,
                visible_to_parent: new.visible_to_parent,
                ceiling: new.ceiling,
                plan: new.plan,
                policy: new.policy,
                labels: new.labels,
                created: turn.now,
                revision: Revision::default(),
            };
            let token = new.token.map(|token| lifecycle.draft(first_token(account.id, token))).transpose()?;
            let token = token.map(|(token, _)| token);
            let note = lifecycle.noted(MadeObject::Account(account.id), None)?;
            let account = turn.add_account(account, token.clone(), note).await?;
            if token.is_some() {
                lifecycle.told.tell(&TokenChange { before: None, after: token.clone() }.at(account.revision));
            }
            Ok((account, token))
        })
        .await
    }

    pub async fn edit_account(&self, id: AccountId, edit: AccountEdit) -> Result<Account, LifecycleError> {
        let expected = self.expected;
        self.in_turn(async move |turn: Turn| {
            let present = turn.account(id)?;
            is_at(expected, present.revision, id)?;
            if let Some(parent) = edit.parent {
                may_move(&turn, &present, parent)?;
            }
            let expect = Expect::Revision(present.revision);
            let changed = Account {
                name: edit.name.unwrap_or(present.name),
                parent: edit.parent.or(present.parent),
                visible_to_parent: edit.visible_to_parent.unwrap_or(present.visible_to_parent),
                state: edit.state.unwrap_or(present.state),
                ceiling: edit.ceiling.unwrap_or(present.ceiling),
                plan: edit.plan.unwrap_or(present.plan),
                policy: edit.policy.unwrap_or(present.policy),
                labels: present.labels.edited(&edit.labels)?,
                ..present
            };
            turn.put_account(changed, expect).await
        })
        .await
    }

    /// What is in the account and below it.
    pub async fn below(&self, id: AccountId) -> Result<Below, LifecycleError> {
        let subtree = self.accounts.subtree(id);
        let mut has_tokens = false;
        for account in &subtree {
            has_tokens = has_tokens || !self.store.list_tokens(*account, None, 1).await?.is_empty();
        }
        let users = subtree.iter().map(|account| self.users.of(*account).len()).sum();
        Ok(Below { accounts: subtree.len() - 1, has_tokens, users })
    }

    /// Deletes an account that is empty, or `with_all` that is in it and below it: accounts, their
    /// tokens, and the users that are managed there.
    ///
    /// The account is suspended first, so that nothing of it works from then on; where the rest fails
    /// half-way, the same call goes on with it.
    pub async fn delete_account(&self, id: AccountId, with_all: bool) -> Result<(), LifecycleError> {
        let account = self.accounts.get(id).ok_or(LifecycleError::NoAccount(id))?;
        if account.parent.is_none() {
            return Err(LifecycleError::Root);
        }
        let below = self.below(id).await?;
        if !with_all && below != (Below { accounts: 0, has_tokens: false, users: 0 }) {
            return Err(LifecycleError::NotEmpty(below));
        }
        let lifecycle = self.clone();
        self.in_turn(async move |turn: Turn| {
            let present = turn.account(id)?;
            is_at(lifecycle.expected, present.revision, id)?;
            let expect = Expect::Revision(present.revision);
            turn.put_account(Account { state: AccountState::Suspended, ..present }, expect).await?;
            for account in turn.accounts.subtree(id).into_iter().rev() {
                lifecycle.delete_tokens_of(account).await?;
                for user in turn.users.of(account) {
                    leave(&turn, user, account).await?;
                }
                turn.delete_account(&turn.account(account)?).await?;
                // One that was asked for before, and made meanwhile.
                lifecycle.delete_tokens_of(account).await?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_tokens_of(&self, account: AccountId) -> Result<(), LifecycleError> {
        loop {
            let tokens = self.store.list_tokens(account, None, BATCH).await?;
            if tokens.is_empty() {
                return Ok(());
            }
            let delete = |token: Token| TokenChange { before: Some(token), after: None };
            match self.commit(tokens.into_iter().map(delete).collect()).await {
                // Somebody changed or deleted one of them: what is left is listed again.
                Err(LifecycleError::Conflict(_)) => tokio::task::yield_now().await,
                done => drop(done?),
            }
        }
    }
}

fn first_token(account: AccountId, token: AccountToken) -> NewToken {
    let description = "made together with the account".to_owned();
    NewToken { description, retrievable: true, ..NewToken::service(account, token.name, token.grants) }
}

/// Refuses to put an account below itself, and to move the one that is above all.
fn may_move(turn: &Turn, account: &Account, parent: AccountId) -> Result<(), LifecycleError> {
    if account.parent.is_none() {
        return Err(LifecycleError::Root);
    }
    turn.account(parent)?;
    let above = turn.accounts.way_up(parent);
    if above.iter().any(|above| above.id == account.id) { Err(LifecycleError::Circle(account.id)) } else { Ok(()) }
}

/// Whoever is managed in the account goes with it; a member from elsewhere is none any more.
async fn leave(turn: &Turn, user: User, account: AccountId) -> Result<(), LifecycleError> {
    if user.account == account {
        return turn.delete_user(&user).await;
    }
    let expect = Expect::Revision(user.revision);
    let memberships = user.memberships.iter().filter(|member| member.account != account).cloned().collect();
    turn.put_user(User { memberships, ..user }, expect).await.map(drop)
}
