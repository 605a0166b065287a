//! The tree of accounts, in memory: who reaches whom, and what may be done where at most.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::{Access, Account, AccountId, AccountState, Grants};

/// The accounts at present. Cheap to clone; clones see the same tree.
#[derive(Clone)]
pub struct Accounts {
    tree: Arc<ArcSwap<Tree>>,
}

/// The accounts at one moment.
#[derive(Default)]
pub(super) struct Tree(HashMap<AccountId, Node>);

pub(super) struct Node {
    account: Account,
    /// It and every account above it are active, and the way up ends at a root.
    pub(super) active: bool,
    /// What its own ceiling and all above it allow together; `None`: none of them has one.
    ceiling: Option<Grants>,
}

impl Accounts {
    pub fn new(accounts: Vec<Account>) -> Self {
        Self { tree: Arc::new(ArcSwap::from_pointee(Tree::of(accounts))) }
    }

    pub fn get(&self, id: AccountId) -> Option<Account> {
        self.tree.load().0.get(&id).map(|node| node.account.clone())
    }

    /// One decision on one state of the tree, whatever changes meanwhile.
    pub(super) fn look<T>(&self, decide: impl FnOnce(&Tree) -> T) -> T {
        decide(&self.tree.load())
    }

    /// The account and those above it, up to the root; empty where it is not in force.
    pub fn way_up(&self, id: AccountId) -> Vec<Account> {
        let tree = self.tree.load();
        tree.way_up(id).map(|way| way.cloned().collect()).unwrap_or_default()
    }

    /// The account and all below it, each before those below it.
    pub fn subtree(&self, id: AccountId) -> Vec<AccountId> {
        let tree = self.tree.load();
        let mut found = vec![id];
        let mut at = 0;
        while let Some(&parent) = found.get(at) {
            let children = tree.0.values().filter(|node| node.account.parent == Some(parent));
            let mut children: Vec<_> = children.map(|node| node.account.id).collect();
            children.sort();
            found.extend(children);
            at += 1;
        }
        found
    }

    /// Every account that a token of `own` reaches, in the order of their ids.
    pub fn within_reach(&self, own: AccountId) -> Vec<Account> {
        let tree = self.tree.load();
        let mut found: Vec<_> = tree
            .0
            .values()
            .filter(|node| tree.reaches(own, node.account.id))
            .map(|node| node.account.clone())
            .collect();
        found.sort_by_key(|account| account.id);
        found
    }

    /// What `see` makes of every account that a token of `own` reaches. They come in any order, and none is copied.
    pub fn look_within_reach<T>(&self, own: AccountId, see: impl FnOnce(&mut dyn Iterator<Item = &Account>) -> T) -> T {
        let tree = self.tree.load();
        let reached = tree.0.values().filter(|node| tree.reaches(own, node.account.id));
        see(&mut reached.map(|node| &node.account))
    }

    /// Whether tokens of this account work: it is there, and nothing on the way up is suspended.
    pub fn is_active(&self, id: AccountId) -> bool {
        self.tree.load().0.get(&id).is_some_and(|node| node.active)
    }

    /// Whether a token of `own` may act on `target`: the account itself, or one below it where every
    /// account on the way down is visible to its parent.
    pub fn reaches(&self, own: AccountId, target: AccountId) -> bool {
        own == target || self.tree.load().reaches(own, target)
    }

    /// The account without a parent; `None` before an installation has one.
    pub fn root(&self) -> Option<Account> {
        self.tree.load().0.values().find(|node| node.account.parent.is_none()).map(|node| node.account.clone())
    }

    /// Forgets an account, once its deletion is durable.
    pub(super) fn remove(&self, id: AccountId) {
        self.tree.rcu(|tree| {
            let rest = tree.0.values().filter(|node| node.account.id != id);
            Tree::of(rest.map(|node| node.account.clone()).collect())
        });
    }

    /// Takes in all that the store has, in place of what is known.
    pub(super) fn replace(&self, accounts: Vec<Account>) {
        self.tree.store(Arc::new(Tree::of(accounts)));
    }

    /// Takes a new or changed account in, once the change is durable. Calls that meet each other are
    /// all kept: one that finds the tree replaced meanwhile begins again with the new one.
    pub(super) fn put(&self, account: Account) {
        self.tree.rcu(|tree| {
            let mut all: HashMap<_, _> = tree.0.values().map(|node| (node.account.id, node.account.clone())).collect();
            // Two changes may arrive in another order than they were committed in: the later one stays.
            if all.get(&account.id).is_none_or(|present| present.revision <= account.revision) {
                all.insert(account.id, account.clone());
            }
            Tree::of(all.into_values().collect())
        });
    }
}

impl Tree {
    fn of(accounts: Vec<Account>) -> Self {
        let node = |account: Account| (account.id, Node { account, active: false, ceiling: None });
        let mut tree = Tree(accounts.into_iter().map(node).collect());
        let together: Vec<_> = tree.0.keys().map(|&id| (id, tree.is_active(id), tree.ceiling(id))).collect();
        for (id, active, ceiling) in together {
            if let Some(node) = tree.0.get_mut(&id) {
                (node.active, node.ceiling) = (active, ceiling);
            }
        }
        tree
    }

    pub(super) fn node(&self, id: AccountId) -> Option<&Node> {
        self.0.get(&id)
    }

    fn is_active(&self, id: AccountId) -> bool {
        self.way_up(id).is_some_and(|mut way| way.all(is_active))
    }

    fn ceiling(&self, id: AccountId) -> Option<Grants> {
        let ceilings = self.way_up(id)?.filter_map(|account| account.ceiling.as_ref());
        ceilings.map(Grants::as_ceiling).reduce(|all, ceiling| all.limited_by(&ceiling))
    }

    pub(super) fn reaches(&self, own: AccountId, target: AccountId) -> bool {
        let Some(mut way) = self.way_up(target) else { return false };
        way.find_map(|account| match account {
            _ if account.id == own => Some(true),
            _ if account.visible_to_parent => None,
            _ => Some(false),
        })
        .unwrap_or(false)
    }

    /// The account and those above it, up to the root. `None` for a way that does not end there: a
    /// missing parent, or a circle, which no stored tree has and which must not hang us if one had.
    fn way_up(&self, from: AccountId) -> Option<impl Iterator<Item = &Account>> {
        let mut way = vec![&self.0.get(&from)?.account];
        while let Some(parent) = way.last().and_then(|account| account.parent) {
            way.push(&self.0.get(&parent)?.account);
            if way.len() > self.0.len() {
                return None;
            }
        }
        Some(way.into_iter())
    }
}

impl Node {
    /// What of `access` on the resource is left under the ceilings.
    pub(super) fn limit(&self, resource: &str, access: Access) -> Access {
        match &self.ceiling {
            None => access,
            Some(ceiling) => access.intersection(ceiling.on(resource)),
        }
    }

    /// What of the grants is left under the ceilings.
    pub(super) fn limit_all(&self, grants: Grants) -> Grants {
        match &self.ceiling {
            None => grants,
            Some(ceiling) => grants.limited_by(ceiling),
        }
    }
}

fn is_active(account: &Account) -> bool {
    account.state == AccountState::Active
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Revision, Timestamp};

    fn account(parent: Option<&Account>, visible_to_parent: bool) -> Account {
        Account {
            id: AccountId::fresh(),
            parent: parent.map(|parent| parent.id),
            name: String::new(),
            state: AccountState::Active,
            visible_to_parent,
            ceiling: None,
            plan: None,
            policy: None,
            labels: Default::default(),
            created: Timestamp::from_millis(0),
            revision: Revision(1),
        }
    }

    #[test]
    fn what_the_store_has_takes_the_place_of_what_was_known() {
        let (old, new) = (account(None, true), account(None, true));
        let accounts = Accounts::new(vec![old.clone()]);
        accounts.replace(vec![new.clone()]);
        assert_eq!((accounts.get(old.id), accounts.get(new.id)), (None, Some(new)));
    }

    #[test]
    fn reach_goes_down_through_visible_accounts_only() {
        let root = account(None, true);
        let open = account(Some(&root), true);
        let closed = account(Some(&root), false);
        let below_closed = account(Some(&closed), true);
        let accounts = Accounts::new([&root, &open, &closed, &below_closed].map(Account::clone).to_vec());
        assert!(accounts.reaches(root.id, root.id) && accounts.reaches(root.id, open.id));
        assert!(!accounts.reaches(root.id, closed.id) && !accounts.reaches(root.id, below_closed.id));
        assert!(accounts.reaches(closed.id, below_closed.id));
        assert!(!accounts.reaches(open.id, root.id) && !accounts.reaches(open.id, closed.id), "never up, never across");
        assert_eq!(accounts.within_reach(root.id).len(), 2);
    }

    #[test]
    fn a_suspended_account_stops_everything_below_it() {
        let root = account(None, true);
        let middle = account(Some(&root), true);
        let leaf = account(Some(&middle), true);
        let accounts = Accounts::new(vec![root.clone(), middle.clone(), leaf.clone()]);
        assert!(accounts.is_active(leaf.id));
        accounts.put(Account { state: AccountState::Suspended, revision: Revision(2), ..middle.clone() });
        assert!(!accounts.is_active(leaf.id) && !accounts.is_active(middle.id) && accounts.is_active(root.id));
        accounts.put(middle.clone());
        assert!(!accounts.is_active(middle.id), "an older record does not undo a later change");
    }

    #[test]
    fn ceilings_add_up_on_the_way_down() {
        let ceiling = |name: &str, access| Some(Grants::new([(name.parse().expect("a name"), access)]));
        let root = account(None, true);
        let middle = Account { ceiling: ceiling("*", Access::READ_WRITE), ..account(Some(&root), true) };
        let leaf = Account { ceiling: ceiling("devices", Access::FULL), ..account(Some(&middle), true) };
        let accounts = Accounts::new(vec![root.clone(), middle.clone(), leaf.clone()]);
        let left = |id, resource| accounts.look(|tree| tree.node(id).map(|node| node.limit(resource, Access::FULL)));
        assert_eq!(left(root.id, "devices"), Some(Access::FULL));
        assert_eq!(left(middle.id, "files"), Some(Access::READ_WRITE));
        assert_eq!((left(leaf.id, "devices"), left(leaf.id, "files")), (Some(Access::READ_WRITE), Some(Access::NONE)));
        assert_eq!(left(leaf.id, "keygate.tokens"), Some(Access::FULL));
        assert_eq!(accounts.subtree(root.id), [root.id, middle.id, leaf.id]);
        accounts.remove(middle.id);
        assert!(!accounts.is_active(leaf.id), "what is above it is gone");
    }

    #[test]
    fn changes_at_the_same_time_are_all_kept() {
        let root = account(None, true);
        let accounts = Accounts::new(vec![root.clone()]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| accounts.put(account(Some(&root), true))));
            }
        });
        assert_eq!(accounts.within_reach(root.id).len(), 201);
    }

    #[test]
    fn orphans_and_circles_are_inactive_and_out_of_reach() {
        let root = account(None, true);
        let orphan = account(Some(&account(None, true)), true);
        let (mut one, mut two) = (account(None, true), account(None, true));
        (one.parent, two.parent) = (Some(two.id), Some(one.id));
        let accounts = Accounts::new(vec![root.clone(), orphan.clone(), one.clone(), two.clone()]);
        assert!(
            !accounts.is_active(orphan.id) && !accounts.is_active(one.id) && !accounts.is_active(AccountId::fresh())
        );
        assert!(!accounts.reaches(root.id, orphan.id) && !accounts.reaches(two.id, one.id));
    }
}
