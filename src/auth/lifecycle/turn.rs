//! One change of accounts or users: it sees all of them as they are, and nobody else changes any
//! meanwhile.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{Lifecycle, LifecycleError, interrupted, of_commit};
use crate::auth::{Accounts, Users};
use crate::model::{Account, AccountId, Revision, Timestamp, Token, User, UserId};
use crate::store::{CommitError, Expect, Store, Write};

/// The right to change accounts and users, and what they are.
pub(super) struct Turn {
    pub(super) accounts: Accounts,
    pub(super) users: Users,
    pub(super) now: Timestamp,
    store: Arc<dyn Store>,
    _guard: OwnedMutexGuard<()>,
}

impl Lifecycle {
    /// Does `work` when no other change is under way, and to its end, whatever the caller does.
    pub(super) async fn in_turn<T, F>(&self, work: impl FnOnce(Turn) -> F + Send + 'static) -> Result<T, LifecycleError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LifecycleError>> + Send,
    {
        let Self { store, accounts, users, clock, .. } = self.clone();
        let waiting = Arc::clone(&self.turn).lock_owned();
        let done = tokio::spawn(async move {
            let guard = waiting.await;
            work(Turn { accounts, users, now: clock.wall(), store, _guard: guard }).await
        });
        done.await.unwrap_or_else(|_| Err(interrupted().into()))
    }
}

impl Turn {
    pub(super) fn account(&self, id: AccountId) -> Result<Account, LifecycleError> {
        self.accounts.get(id).ok_or(LifecycleError::NoAccount(id))
    }

    pub(super) fn user(&self, id: UserId) -> Result<User, LifecycleError> {
        self.users.get(id).ok_or(LifecycleError::NoUser(id))
    }

    /// A new account, with its first token where it is to have one. No cache can know that token yet.
    pub(super) async fn add_account(
        &self,
        account: Account,
        token: Option<Token>,
        note: Option<Write>,
    ) -> Result<Account, LifecycleError> {
        let put_account = Write::PutAccount { account: account.clone(), expect: Expect::Absent };
        let put_token = token.map(|token| Write::PutToken { token, expect: Expect::Absent });
        let revision = self.commit([put_account].into_iter().chain(put_token).chain(note).collect()).await?;
        let account = Account { revision, ..account };
        self.accounts.put(account.clone());
        Ok(account)
    }

    pub(super) async fn put_account(&self, account: Account, expect: Expect) -> Result<Account, LifecycleError> {
        let revision = self.commit(vec![Write::PutAccount { account: account.clone(), expect }]).await?;
        let account = Account { revision, ..account };
        self.accounts.put(account.clone());
        Ok(account)
    }

    pub(super) async fn delete_account(&self, account: &Account) -> Result<(), LifecycleError> {
        self.commit(vec![Write::DeleteAccount { id: account.id, expect: account.revision }]).await?;
        self.accounts.remove(account.id);
        Ok(())
    }

    pub(super) async fn put_user(&self, user: User, expect: Expect) -> Result<User, LifecycleError> {
        self.put_user_with(user, expect, None).await
    }

    /// The same, and writes something else with it.
    pub(super) async fn put_user_with(
        &self,
        user: User,
        expect: Expect,
        also: Option<Write>,
    ) -> Result<User, LifecycleError> {
        let put = Write::PutUser { user: user.clone(), expect };
        let revision = self.commit([put].into_iter().chain(also).collect()).await?;
        let user = User { revision, ..user };
        self.users.put(user.clone());
        Ok(user)
    }

    pub(super) async fn delete_user(&self, user: &User) -> Result<(), LifecycleError> {
        self.commit(vec![Write::DeleteUser { id: user.id, expect: user.revision }]).await?;
        self.users.remove(user.id);
        Ok(())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, LifecycleError> {
        match self.store.commit(writes).await {
            Ok(revision) => Ok(revision),
            Err(error) => {
                self.catch_up().await;
                Err(of_commit(error))
            }
        }
    }

    /// A commit that failed may have been carried out all the same, or somebody else changed the store:
    /// what is known here is brought up to what the store has.
    async fn catch_up(&self) {
        let read = async {
            let (accounts, users) = (self.store.accounts().await?, self.store.users().await?);
            Ok::<_, CommitError>((accounts, users))
        };
        // Without a store nothing changes; the next change that is tried comes here again.
        let Ok((accounts, users)) = read.await else { return };
        let there: BTreeSet<UserId> = users.iter().map(|user| user.id).collect();
        for gone in self.users.ids().into_iter().filter(|id| !there.contains(id)) {
            self.users.remove(gone);
        }
        users.into_iter().for_each(|user| self.users.put(user));
        self.accounts.replace(accounts);
    }
}
