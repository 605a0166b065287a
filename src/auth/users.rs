//! The users, in memory: who they are, and what they may do in which account at present.
//!
//! A principal holds its user's [`Owner`], whose contents are replaced in place: a change of one user
//! costs the same however many tokens it has, and the next request of each of them sees it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;

use crate::model::{AccountId, Grants, Kind, Login, Revision, Roles, Timestamp, Token, User, UserId, UserState};

/// The users at present. Cheap to clone; clones see the same ones.
#[derive(Clone)]
pub struct Users {
    index: Arc<RwLock<Index>>,
    roles: Arc<Roles>,
}

/// One user, shared by all principals that stand for it.
pub(super) struct Owner(ArcSwap<Authority>);

/// What a user is and may do at one moment.
struct Authority {
    /// `None`: deleted.
    user: Option<User>,
    revision: Revision,
    /// What its roles give, for each account that it is a member of.
    grants: Vec<(AccountId, Grants)>,
}

/// Why a user's token is worth nothing at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnerFault {
    /// Disabled, deleted, or no member of the token's account any more.
    Inactive,
    /// A session from before the password was changed.
    Ended { at: Timestamp },
}

#[derive(Default)]
struct Index {
    owners: BTreeMap<UserId, Arc<Owner>>,
    logins: HashMap<Login, UserId>,
    members: HashMap<AccountId, BTreeSet<UserId>>,
    homes: HashMap<AccountId, BTreeSet<UserId>>,
}

impl Users {
    pub fn new(users: Vec<User>, roles: Arc<Roles>) -> Self {
        let all = Self { index: Arc::default(), roles };
        users.into_iter().for_each(|user| all.put(user));
        all
    }

    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    pub fn get(&self, id: UserId) -> Option<User> {
        self.read().owners.get(&id).and_then(|owner| owner.0.load().user.clone())
    }

    pub fn by_login(&self, login: &Login) -> Option<User> {
        let id = self.read().logins.get(login).copied()?;
        self.get(id)
    }

    /// Everybody who is a member of the account or is managed in it, in the order of their ids.
    pub fn of(&self, account: AccountId) -> Vec<User> {
        let index = self.read();
        let ids: BTreeSet<_> =
            [&index.members, &index.homes].into_iter().filter_map(|ids| ids.get(&account)).flatten().collect();
        ids.into_iter().filter_map(|id| index.owners.get(id)?.0.load().user.clone()).collect()
    }

    /// The members of the account, in the order of their ids.
    pub fn members(&self, account: AccountId) -> Vec<User> {
        let index = self.read();
        let ids = index.members.get(&account).into_iter().flatten();
        ids.filter_map(|id| index.owners.get(id)?.0.load().user.clone()).collect()
    }

    /// Whom a token stands for; `None` for one that is tied to nobody.
    pub(super) fn owner(&self, token: &Token) -> Option<Arc<Owner>> {
        let id = token.user?;
        // A user that is not there is nobody, for good: ids are not given out again.
        Some(self.read().owners.get(&id).map_or_else(|| Arc::new(Owner(ArcSwap::from_pointee(GONE))), Arc::clone))
    }

    /// Takes a new or changed user in, once the change is durable.
    pub(super) fn put(&self, user: User) {
        let mut index = self.write();
        let owner = index.owners.get(&user.id).cloned();
        if let Some(owner) = &owner {
            let present = owner.0.load();
            // Two changes may arrive in another order than they were committed in: the later one stays.
            if present.revision > user.revision {
                return;
            }
            index.leave(present.user.as_ref());
        }
        index.enter(&user);
        let (id, authority) = (user.id, Arc::new(Authority::of(user, &self.roles)));
        match owner {
            Some(owner) => owner.0.store(authority),
            None => drop(index.owners.insert(id, Arc::new(Owner(ArcSwap::new(authority))))),
        }
    }

    /// Forgets a user, once its deletion is durable.
    pub(super) fn remove(&self, id: UserId) {
        let mut index = self.write();
        if let Some(owner) = index.owners.remove(&id) {
            index.leave(owner.0.swap(Arc::new(GONE)).user.as_ref());
        }
    }

    /// Of every user.
    pub(super) fn ids(&self) -> Vec<UserId> {
        self.read().owners.keys().copied().collect()
    }

    /// Whole changes are made under the lock, and none of them can panic half-way.
    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

const GONE: Authority = Authority { user: None, revision: Revision(u64::MAX), grants: Vec::new() };

impl Authority {
    fn of(user: User, roles: &Roles) -> Self {
        let grants = user.memberships.iter().map(|member| (member.account, roles.grants(&member.roles))).collect();
        Self { revision: user.revision, grants, user: Some(user) }
    }
}

impl Owner {
    /// What its roles give it in the token's account, if the token is worth anything.
    pub(super) fn decide<T>(&self, token: &Token, decide: impl FnOnce(&Grants) -> T) -> Result<T, OwnerFault> {
        let authority = self.0.load();
        let user = authority.user.as_ref().filter(|user| user.state == UserState::Active);
        let user = user.ok_or(OwnerFault::Inactive)?;
        let grants = authority.grants.iter().find(|(account, _)| *account == token.account);
        let (_, grants) = grants.ok_or(OwnerFault::Inactive)?;
        if token.kind == Kind::Session && token.created < user.sessions_since {
            return Err(OwnerFault::Ended { at: user.sessions_since });
        }
        Ok(decide(grants))
    }
}

impl Index {
    fn enter(&mut self, user: &User) {
        self.logins.insert(user.login.clone(), user.id);
        self.homes.entry(user.account).or_default().insert(user.id);
        for membership in &user.memberships {
            self.members.entry(membership.account).or_default().insert(user.id);
        }
    }

    fn leave(&mut self, user: Option<&User>) {
        let Some(user) = user else { return };
        self.logins.remove(&user.login);
        take(&mut self.homes, user.account, user.id);
        for membership in &user.memberships {
            take(&mut self.members, membership.account, user.id);
        }
    }
}

fn take(ids: &mut HashMap<AccountId, BTreeSet<UserId>>, account: AccountId, id: UserId) {
    if let Some(of_account) = ids.get_mut(&account) {
        of_account.remove(&id);
        if of_account.is_empty() {
            ids.remove(&account);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::auth::principal::tests::token;
    use crate::model::{Access, Membership};

    pub(in crate::auth) fn user(account: AccountId, roles: &[&str]) -> User {
        let roles = roles.iter().map(|name| name.parse().expect("a name")).collect();
        User {
            id: UserId::fresh(),
            account,
            login: format!("{}@example.org", UserId::fresh()).parse().expect("a login"),
            name: String::new(),
            password: None,
            invitation: None,
            state: UserState::Active,
            memberships: vec![Membership { account, roles }],
            sessions_since: Timestamp::from_millis(0),
            created: Timestamp::from_millis(0),
            revision: Revision(1),
        }
    }

    #[test]
    fn a_token_follows_its_user() {
        let users = Users::new(vec![], Arc::default());
        let home = AccountId::fresh();
        let ada = user(home, &["deployment"]);
        let token = Token { account: home, user: Some(ada.id), kind: Kind::Session, ..token(Grants::default()) };
        users.put(ada.clone());
        let owner = users.owner(&token).expect("it stands for somebody");
        let access = || owner.decide(&token, |grants| grants.on("devices"));
        assert_eq!(access(), Ok(Access::READ_WRITE));

        let later = |change: &dyn Fn(&mut User), revision| {
            let mut user = User { revision: Revision(revision), ..ada.clone() };
            change(&mut user);
            users.put(user);
        };
        later(&|user| user.memberships[0].roles = vec!["viewer".parse().expect("a name")], 3);
        assert_eq!(access(), Ok(Access::READ));
        later(&|_| {}, 2);
        assert_eq!(access(), Ok(Access::READ), "an older record does not undo a later change");
        later(&|user| user.state = UserState::Disabled, 4);
        assert_eq!(access(), Err(OwnerFault::Inactive));
        let at = Timestamp::from_millis(token.created.millis() + 1);
        later(&|user| user.sessions_since = at, 5);
        assert_eq!(access(), Err(OwnerFault::Ended { at }));
        later(&|user| user.memberships.clear(), 6);
        assert_eq!(access(), Err(OwnerFault::Inactive));
        assert_eq!((users.members(home).len(), users.of(home).len()), (0, 1));
        later(&|_| {}, 7);
        users.remove(ada.id);
        assert_eq!(access(), Err(OwnerFault::Inactive));
        assert_eq!((users.by_login(&ada.login), users.of(home)), (None, vec![]));
        let stranger = users.owner(&token).expect("it stands for somebody");
        assert_eq!(stranger.decide(&token, |_| ()), Err(OwnerFault::Inactive), "whoever loads it now");
    }
}
