//! Random trees of accounts, users, ceilings and tokens: what the gateway answers is what a naive reading
//! of the rules comes to, before and after each of many random changes, from a warm cache and a cold one.
//!
//! `Reference` knows nothing of the gateway's own types for it: it goes through everything, every time.

use std::collections::BTreeMap;

use keygate::auth::{AccountEdit, Edit, Lifecycle, NewAccount, NewToken, NewUser, UserEdit};
use keygate::model::{Access, AccountId, AccountState, Grants, Kind, RoleName, TokenId, UserId, UserState};

use crate::support::{Builder, Client, Gateway, Upstream};

const RESOURCES: [&str; 3] = ["a", "b", "c"];
const METHODS: [(&str, u8); 4] = [("GET", 1), ("POST", 2), ("PUT", 4), ("DELETE", 8)];
/// What the built-in roles give on the API, as bits.
const ROLES: [(&str, u8); 5] = [("owner", 15), ("admin", 15), ("power_user", 15), ("deployment", 7), ("viewer", 1)];

const ACCOUNTS: usize = 9;
const USERS: usize = 6;
const TOKENS: usize = 24;
const ROUNDS: usize = 40;
const DECISIONS: usize = 250;
const WORLDS: u64 = 10;

/// Resource → bits; `*` stands for all.
type Rights = BTreeMap<&'static str, u8>;

struct Node {
    parent: Option<AccountId>,
    active: bool,
    visible: bool,
    ceiling: Option<Rights>,
}

struct Person {
    active: bool,
    roles: BTreeMap<AccountId, Vec<&'static str>>,
}

struct Holder {
    text: String,
    account: AccountId,
    kind: Kind,
    rights: Rights,
    roles: Vec<&'static str>,
    user: Option<UserId>,
    active: bool,
}

#[derive(Default)]
struct Reference {
    accounts: BTreeMap<AccountId, Node>,
    users: BTreeMap<UserId, Person>,
    tokens: BTreeMap<TokenId, Holder>,
}

fn on(rights: &Rights, resource: &str) -> u8 {
    rights.get(resource).copied().unwrap_or(0) | rights.get("*").copied().unwrap_or(0)
}

fn of_roles(roles: &[&str]) -> u8 {
    ROLES.iter().filter(|(name, _)| roles.contains(name)).fold(0, |sum, (_, bits)| sum | bits)
}

impl Reference {
    /// From the account to the root.
    fn way(&self, from: AccountId) -> Vec<AccountId> {
        std::iter::successors(Some(from), |id| self.accounts[id].parent).collect()
    }

    fn allows(&self, token: TokenId, target: Option<AccountId>, resource: &str, bit: u8) -> bool {
        let holder = &self.tokens[&token];
        let target = target.unwrap_or(holder.account);
        let way = self.way(target);
        let Some(steps) = way.iter().position(|id| *id == holder.account) else { return false };
        let visible = way[..steps].iter().all(|id| self.accounts[id].visible);
        let active = way.iter().all(|id| self.accounts[id].active);
        let mut bits = if holder.roles.is_empty() { on(&holder.rights, resource) } else { of_roles(&holder.roles) };
        if holder.kind == Kind::Shared {
            bits &= 1;
        }
        if let Some(user) = holder.user {
            let member = self.users.get(&user).filter(|user| user.active);
            let roles = member.and_then(|user| user.roles.get(&holder.account));
            bits &= roles.map_or(0, |roles| of_roles(roles));
        }
        for id in &way {
            bits &= self.accounts[id].ceiling.as_ref().map_or(15, |ceiling| on(ceiling, resource));
        }
        holder.active && visible && active && bits & bit != 0
    }
}

/// A gateway, what it should do, and where the chances come from.
struct World {
    gateway: Gateway,
    reference: Reference,
    random: fastrand::Rng,
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a lawful name")
}

fn grants(rights: &Rights) -> Grants {
    Grants::new(rights.iter().map(|(resource, bits)| (name(resource), Access::from_bits(*bits).expect("four bits"))))
}

fn roles(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|role| name(role)).collect()
}

impl World {
    fn new(seed: u64, upstream: &Upstream) -> Self {
        let cached = if seed.is_multiple_of(2) { 10_000 } else { 4 };
        let routes = RESOURCES.map(|resource| {
            format!(
                "[[route]]\nname = \"{resource}\"\npath = \"/{resource}\"\nresource = \"{resource}\"\nupstream = \"api\"\naccount = {{ header = \"X-Account\" }}\n"
            )
        });
        let routes = format!("[cache]\ntokens = {cached}\n{}", routes.concat());
        let gateway = Builder::new(&upstream.url()).routes(&routes).start();
        let mut world = Self { gateway, reference: Reference::default(), random: fastrand::Rng::with_seed(seed) };
        world.populate();
        world
    }

    fn run<T>(&mut self, work: impl AsyncFnOnce(&Lifecycle) -> T) -> T {
        let gateway = self.gateway.inner().as_ref().expect("it runs");
        gateway.block_on(work(gateway.lifecycle()))
    }

    fn rights(&mut self) -> Rights {
        let names = ["a", "b", "c", "*"];
        let count = self.random.usize(0..3);
        (0..count).map(|_| (names[self.random.usize(0..4)], self.random.u8(0..16))).collect()
    }

    fn some_roles(&mut self) -> Vec<&'static str> {
        let count = self.random.usize(1..3);
        (0..count).map(|_| ROLES[self.random.usize(0..ROLES.len())].0).collect()
    }

    fn one<K: Copy, V>(random: &mut fastrand::Rng, of: &BTreeMap<K, V>) -> K {
        *of.keys().nth(random.usize(0..of.len())).expect("there is one")
    }

    fn account(&mut self) -> AccountId {
        Self::one(&mut self.random, &self.reference.accounts)
    }

    fn populate(&mut self) {
        let admin = self.gateway.admin.call("GET", "/v1/whoami", None).json();
        let root = name(admin["account"]["id"].as_str().expect("an id"));
        self.reference.accounts.insert(root, Node { parent: None, active: true, visible: true, ceiling: None });
        for _ in 1..ACCOUNTS {
            let parent = self.account();
            let new = NewAccount::plain(Some(parent), "an account");
            let id = self.run(async |lifecycle| lifecycle.create_account(new).await).expect("an account").id;
            self.reference
                .accounts
                .insert(id, Node { parent: Some(parent), active: true, visible: true, ceiling: None });
        }
        for number in 0..USERS {
            let (account, held) = (self.account(), self.some_roles());
            let new = NewUser {
                account,
                login: name(&format!("user{number}")),
                name: String::new(),
                password: None,
                roles: roles(&held),
            };
            let id = self.run(async |lifecycle| lifecycle.create_user(new).await).expect("a user").id;
            self.reference.users.insert(id, Person { active: true, roles: [(account, held)].into() });
        }
        for _ in 0..TOKENS {
            self.issue();
        }
    }

    fn issue(&mut self) {
        let kind = Kind::ALL[self.random.usize(0..4)];
        let account = self.account();
        let user =
            matches!(kind, Kind::Personal | Kind::Session).then(|| Self::one(&mut self.random, &self.reference.users));
        // Most of a user's tokens are of an account that it is a member of.
        let home = user.and_then(|user| self.reference.users[&user].roles.keys().next().copied());
        let account = home.filter(|_| self.random.u8(0..4) > 0).unwrap_or(account);
        let (held, rights) =
            if self.random.bool() { (self.some_roles(), Rights::new()) } else { (Vec::new(), self.rights()) };
        let new = NewToken { kind, user, roles: roles(&held), ..NewToken::service(account, "", grants(&rights)) };
        let (token, text) = self.run(async |lifecycle| lifecycle.create(new).await).expect("a token");
        let text = text.expose().to_owned();
        self.reference.tokens.insert(token.id, Holder { text, account, kind, rights, roles: held, user, active: true });
    }

    fn change(&mut self) {
        match self.random.u8(0..9) {
            0 | 1 => self.change_membership(),
            2 => self.change_user_state(),
            3..=5 => self.change_account(),
            6 => self.change_rights(),
            7 => self.change_token_state(),
            _ => self.move_account(),
        }
    }

    /// What the rules for the last owner refuse stays as it was, here as there.
    fn change_membership(&mut self) {
        let (user, account, held) =
            (Self::one(&mut self.random, &self.reference.users), self.account(), self.some_roles());
        let removes = self.random.u8(0..3) == 0;
        let given = roles(&held);
        let done = self.run(async |lifecycle| match removes {
            true => lifecycle.remove_member(user, account).await,
            false => lifecycle.set_member(user, account, given).await,
        });
        let person = self.reference.users.get_mut(&user).expect("a user");
        match (done, removes) {
            (Err(_), _) => {}
            (Ok(_), true) => drop(person.roles.remove(&account)),
            (Ok(_), false) => drop(person.roles.insert(account, held)),
        }
    }

    fn change_user_state(&mut self) {
        let (user, active) = (Self::one(&mut self.random, &self.reference.users), self.random.bool());
        let state = if active { UserState::Active } else { UserState::Disabled };
        let edit = UserEdit { state: Some(state), ..UserEdit::default() };
        if self.run(async |lifecycle| lifecycle.edit_user(user, edit).await).is_ok() {
            self.reference.users.get_mut(&user).expect("a user").active = active;
        }
    }

    fn change_account(&mut self) {
        let id = self.account();
        let (active, visible) = (self.random.u8(0..4) > 0, self.random.u8(0..4) > 0);
        let ceiling = (self.random.u8(0..3) == 0).then(|| self.rights());
        let edit = AccountEdit {
            state: Some(if active { AccountState::Active } else { AccountState::Suspended }),
            visible_to_parent: Some(visible),
            ceiling: Some(ceiling.as_ref().map(grants)),
            ..AccountEdit::default()
        };
        self.run(async |lifecycle| lifecycle.edit_account(id, edit).await).expect("an account is edited");
        let node = self.reference.accounts.get_mut(&id).expect("an account");
        (node.active, node.visible, node.ceiling) = (active, visible, ceiling);
    }

    fn move_account(&mut self) {
        let (id, parent) = (self.account(), self.account());
        let lawful = self.reference.accounts[&id].parent.is_some() && !self.reference.way(parent).contains(&id);
        let edit = AccountEdit { parent: Some(parent), ..AccountEdit::default() };
        let moved = self.run(async |lifecycle| lifecycle.edit_account(id, edit).await);
        assert_eq!(moved.is_ok(), lawful, "neither the root nor below itself");
        if lawful {
            self.reference.accounts.get_mut(&id).expect("an account").parent = Some(parent);
        }
    }

    fn change_rights(&mut self) {
        let id = Self::one(&mut self.random, &self.reference.tokens);
        let (held, rights) =
            if self.random.bool() { (self.some_roles(), Rights::new()) } else { (Vec::new(), self.rights()) };
        let edit = Edit { rights: Some((grants(&rights), roles(&held))), ..Edit::default() };
        self.run(async |lifecycle| lifecycle.edit(id, edit).await).expect("a token is edited");
        let holder = self.reference.tokens.get_mut(&id).expect("a token");
        (holder.rights, holder.roles) = (rights, held);
    }

    fn change_token_state(&mut self) {
        let (id, active) = (Self::one(&mut self.random, &self.reference.tokens), self.random.u8(0..4) > 0);
        let changed = self.run(async |lifecycle| match active {
            true => lifecycle.enable(id).await,
            false => lifecycle.disable(id).await,
        });
        changed.expect("a token is changed");
        self.reference.tokens.get_mut(&id).expect("a token").active = active;
    }

    /// Asks the proxy, and compares.
    fn decide(&mut self, client: &mut Client, story: &str) -> bool {
        let id = Self::one(&mut self.random, &self.reference.tokens);
        let own = self.reference.tokens[&id].account;
        let target = match self.random.u8(0..3) {
            0 => None,
            1 => Some(own),
            _ => Some(self.account()),
        };
        let (resource, (method, bit)) =
            (RESOURCES[self.random.usize(0..RESOURCES.len())], METHODS[self.random.usize(0..METHODS.len())]);
        let bearer = format!("Bearer {}", self.reference.tokens[&id].text);
        let account = target.map(|target| target.to_string()).unwrap_or_default();
        let mut headers = vec![("Authorization", bearer.as_str())];
        if target.is_some() {
            headers.push(("X-Account", account.as_str()));
        }
        let answer = client.request(method, &format!("/{resource}"), &headers, b"");
        let expected = self.reference.allows(id, target, resource, bit);
        assert!(matches!(answer.status, 200 | 401 | 403), "{story}: {answer:?}");
        assert_eq!(answer.status == 200, expected, "{story}: {id} {method} {resource} for {target:?}: {answer:?}");
        expected
    }
}

#[test]
fn slow_every_decision_is_what_the_rules_come_to() {
    let upstream = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let worlds = std::thread::scope(|scope| {
        let worlds = [0, 1].map(|half| {
            let upstream = &upstream;
            scope.spawn(move || (0..WORLDS / 2).map(|number| one_world(2 * number + half, upstream)).sum::<usize>())
        });
        worlds.map(|world| world.join().expect("no decision was wrong"))
    });
    let (allowed, all) = (worlds.into_iter().sum::<usize>(), WORLDS as usize * ROUNDS * DECISIONS);
    assert_eq!(all, 100_000);
    assert!(allowed * 10 > all && allowed * 10 < 9 * all, "{allowed} of {all} were allowed: that shows little");
}

/// How many of its decisions were a yes.
fn one_world(seed: u64, upstream: &Upstream) -> usize {
    let mut world = World::new(seed, upstream);
    let mut client = Client::connect(world.gateway.proxy);
    let mut allowed = 0;
    for round in 0..ROUNDS {
        for _ in 0..DECISIONS {
            allowed += usize::from(world.decide(&mut client, &format!("seed {seed}, after {round} changes")));
        }
        world.change();
    }
    allowed
}
