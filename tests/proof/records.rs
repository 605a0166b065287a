//! Records whose every field follows from a few words, so that two processes can agree on them.

use std::path::Path;
use std::time::Duration;

use keygate::model::{
    Access, Account, AccountId, AccountState, Digest, Grants, Kind, Quota, Revision, State, Timestamp, Token, TokenId,
};
use keygate::store::{Expect, SledOptions, Store, Write};

/// A cache that is smaller than most stores, so that sled has to read again what it wrote.
pub fn options(path: &Path) -> SledOptions {
    SledOptions { cache_bytes: 2 << 20, ..SledOptions::new(path, [7; 32]) }
}

/// A token as it is when it is made.
pub fn token(account: AccountId, id: TokenId) -> Token {
    let [.., low] = id.to_bytes();
    Token {
        id,
        account,
        kind: Kind::ALL[usize::from(low % 4)],
        name: String::new(),
        description: "d".repeat(usize::from(low % 64)),
        grants: Grants::new([("devices".parse().expect("a name"), Access::READ_WRITE)]),
        roles: Vec::new(),
        user: None,
        filters: Default::default(),
        sealed: None,
        labels: Default::default(),
        state: State::Active,
        not_before: (low % 2 == 0).then(|| Timestamp::from_millis(5)),
        expires: (low % 3 == 0).then(|| Timestamp::from_millis(6)),
        rate_limit: (low % 5 == 0).then(|| Quota::new(10, Duration::from_secs(1)).expect("lawful")),
        created: Timestamp::from_millis(7),
        created_by: None,
        hint: "abcd".to_owned(),
        digest: Digest::from_bytes(*blake3::hash(&id.to_bytes()).as_bytes()),
        rotation: None,
        revision: Revision(0),
    }
}

pub fn account(number: u8) -> Account {
    Account {
        id: account_id(number),
        parent: (number > 0).then(|| account_id(0)),
        name: format!("account {number}"),
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

pub fn account_id(number: u8) -> AccountId {
    AccountId::from_bytes([number + 1; 16])
}

pub fn revoked() -> State {
    State::Revoked { at: Timestamp::from_millis(9) }
}

pub async fn put(store: &dyn Store, token: &Token, expect: Expect) -> Revision {
    store.commit(vec![Write::PutToken { token: token.clone(), expect }]).await.expect("nobody else changes it")
}

pub async fn delete(store: &dyn Store, token: &Token) -> Revision {
    let write = Write::DeleteToken { id: token.id, expect: token.revision };
    store.commit(vec![write]).await.expect("nobody else changes it")
}

/// Every token of `account`, page by page.
pub async fn tokens(store: &dyn Store, account: AccountId) -> Vec<Token> {
    const PAGE: usize = 97;
    let mut all: Vec<Token> = Vec::new();
    loop {
        let page = store.list_tokens(account, all.last().map(|token| token.id), PAGE).await.expect("readable");
        let full = page.len() == PAGE;
        all.extend(page);
        if !full {
            return all;
        }
    }
}
