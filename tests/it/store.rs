//! Both stores keep the same promises (`contract`), and the embedded one some more (`corruption`,
//! `embedded`, `formats`, `kill`, `rebuild`, `search`).

mod contract;
mod corruption;
mod embedded;
mod formats;
mod kill;
mod rebuild;
mod search;

use std::time::Duration;

pub use kill::child;

use keygate::model::{
    Access, Account, AccountId, AccountState, Day, Digest, Filters, Grants, Invitation, Kind, Labels, Membership,
    Quota, Revision, Seen, State, Timestamp, Token, TokenId, Usage, User, UserId, UserState,
};
use keygate::store::{CommitError, Expect, SledOptions, SledStore, Store, Write};

/// The store in `place`; its anchor lies in there too, beside it.
pub fn open(place: &std::path::Path) -> SledStore {
    SledStore::open(options(place)).expect("the store opens")
}

pub fn options(place: &std::path::Path) -> SledOptions {
    SledOptions { cache_bytes: 8 << 20, ..SledOptions::new(place.join("store"), [7; 32]) }
}

fn digest(seed: &str) -> Digest {
    Digest::from_bytes(*blake3::hash(seed.as_bytes()).as_bytes())
}

/// A token with something in every field.
pub fn token(account: AccountId) -> Token {
    let id = TokenId::fresh();
    Token {
        id,
        account,
        kind: Kind::Service,
        name: "ci".to_owned(),
        description: "deploys".to_owned(),
        grants: Grants::new([("devices".parse().expect("a name"), Access::READ_WRITE)]),
        roles: vec!["viewer".parse().expect("a name")],
        user: Some(UserId::from_bytes([3; 16])),
        filters: Filters::new([("region".to_owned(), vec!["eu".to_owned()])]).expect("lawful"),
        sealed: Some(Box::new([1, 2, 3])),
        labels: Labels::new([("env".to_owned(), "prod".to_owned())]).expect("lawful"),
        state: State::Active,
        not_before: Some(Timestamp::from_millis(5)),
        expires: Some(Timestamp::from_millis(6)),
        rate_limit: Some(Quota::new(10, Duration::from_secs(1)).expect("lawful")),
        created: Timestamp::from_millis(7),
        created_by: Some(id),
        hint: "abcd".to_owned(),
        digest: digest(&id.to_string()),
        rotation: None,
        revision: Revision(u64::MAX),
    }
}

fn account(name: &str) -> Account {
    Account {
        id: AccountId::fresh(),
        parent: None,
        name: name.to_owned(),
        state: AccountState::Active,
        visible_to_parent: false,
        ceiling: None,
        plan: None,
        policy: None,
        labels: Default::default(),
        created: Timestamp::from_millis(1),
        revision: Revision(0),
    }
}

/// A user with something in every field.
fn user(account: AccountId) -> User {
    User {
        id: UserId::fresh(),
        account,
        login: "ada@example.org".parse().expect("a login"),
        name: "Ada".to_owned(),
        password: Some("$argon2id$…".to_owned()),
        invitation: Some(Invitation { digest: digest("invitation"), expires: Timestamp::from_millis(8) }),
        state: UserState::Active,
        memberships: vec![Membership { account, roles: vec!["admin".parse().expect("a name")] }],
        sessions_since: Timestamp::from_millis(2),
        created: Timestamp::from_millis(1),
        revision: Revision(0),
    }
}

fn usage(requests: u64, last_used: i64) -> Usage {
    let last = Timestamp::from_millis(last_used);
    let peer = "192.0.2.7".parse().expect("an address");
    Usage {
        days: vec![(Day::of(last), requests)],
        routes: vec![Seen { what: "devices".into(), requests, last }],
        peers: vec![Seen { what: peer, requests, last }],
        ..Usage::new(requests, Some(last))
    }
}

pub fn put(token: &Token, expect: Expect) -> Write {
    Write::PutToken { token: token.clone(), expect }
}

fn revoked(token: &Token) -> Token {
    Token { state: State::Revoked { at: Timestamp::from_millis(9) }, ..token.clone() }
}

/// Stores a new token; what the store then holds.
async fn create(store: &dyn Store, token: Token) -> Token {
    let revision = store.commit(vec![put(&token, Expect::Absent)]).await.expect("it is new");
    Token { revision, ..token }
}

/// Replaces a token that nobody else edits; what the store then holds.
async fn edit(store: &dyn Store, token: Token) -> Token {
    let writes = vec![put(&token, Expect::Revision(token.revision))];
    let revision = store.commit(writes).await.expect("nobody else edits it");
    Token { revision, ..token }
}

async fn delete(store: &dyn Store, token: &Token) -> Revision {
    let writes = vec![Write::DeleteToken { id: token.id, expect: token.revision }];
    store.commit(writes).await.expect("nobody else edits it")
}

async fn by_digest(store: &dyn Store, digest: Digest) -> Option<Token> {
    store.tokens_by_digest(vec![digest]).await.expect("readable").remove(0)
}

/// Every token of `account`, in pages of `limit`.
async fn all_pages(store: &dyn Store, account: AccountId, limit: usize) -> Vec<Token> {
    let mut all: Vec<Token> = Vec::new();
    loop {
        let page = store.list_tokens(account, all.last().map(|token| token.id), limit).await.expect("readable");
        let full = page.len() == limit;
        all.extend(page);
        if !full {
            return all;
        }
    }
}

#[track_caller]
fn assert_conflict(outcome: Result<Revision, CommitError>, id: impl ToString) {
    let error = outcome.expect_err("a conflict");
    assert!(matches!(&error, CommitError::Conflict(named) if *named == id.to_string()), "{error:?}");
}
