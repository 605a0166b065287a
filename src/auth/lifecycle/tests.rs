//! What a lifecycle does that no single call of the management API shows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::auth::once::MOST_OF_ONE;
use crate::auth::{CacheOptions, VerifierOptions};
use crate::limit::TokenLimits;
use crate::model::{Account, ForeignHash, Grants, MadeObject, NoteId, Pepper, Token, TokenHasher, TokenPrefix, User};
use crate::store::{MemoryStore, StoreKey};

/// As a gateway has it that was just started on this store.
async fn started(store: &Arc<MemoryStore>) -> Lifecycle {
    let store = Arc::clone(store) as Arc<dyn Store>;
    let accounts = Accounts::new(store.accounts().await.expect("the store answers"));
    let options = VerifierOptions {
        prefix: TokenPrefix::default(),
        hasher: TokenHasher::new(&Pepper::from_material(&[b'p'; 32]).expect("long enough")),
        cache: CacheOptions { tokens: 10, unknown: 10, unknown_ttl: Duration::from_secs(1) },
    };
    let users = Users::new(vec![], Arc::default());
    // Nobody presents a token, so nobody has to look for one.
    let (verifier, _) = Verifier::new(options, Arc::clone(&store), Arc::new(TokenLimits::new(None)), users.clone());
    Lifecycle::new(store, verifier, accounts, users, Clock::adjustable())
}

async fn with_root() -> (Arc<MemoryStore>, Lifecycle, Account) {
    let store = Arc::new(MemoryStore::new(StoreKey::new(&[1; 32])));
    let lifecycle = started(&store).await;
    let root = lifecycle.create_account(NewAccount::plain(None, "root")).await.expect("an account");
    (store, lifecycle, root)
}

async fn make(lifecycle: &Lifecycle, account: &Account) -> Token {
    let new = NewToken::service(account.id, "a token", Grants::default());
    lifecycle.create(new).await.expect("a token").0
}

/// The request with this key, and what it makes if it was not made before.
async fn ask(lifecycle: &Lifecycle, by: &Token, key: &str) -> MadeObject {
    let asked = Asked { by: by.id, call: "POST /v1/tokens", key, contents: b"{}" };
    match lifecycle.asked(asked).await.expect("it is not under way") {
        Asking::Again(again) => again.object(),
        Asking::First(once) => {
            let new = NewToken::service(by.account, key, Grants::default());
            let (token, _) = lifecycle.once(Some(once)).create(new).await.expect("a token");
            MadeObject::Token(token.id)
        }
    }
}

async fn notes(store: &MemoryStore) -> Vec<NoteId> {
    let notes = store.notes(None, usize::MAX).await.expect("the store answers");
    notes.into_iter().map(|note| note.id).collect()
}

/// Notes are read two at a time here: none, a part of two, and more.
#[tokio::test]
async fn every_request_of_before_is_known_after_a_start() {
    for count in 0..=5 {
        let (store, lifecycle, root) = with_root().await;
        let by = make(&lifecycle, &root).await;
        let mut made = Vec::new();
        for key in 0..count {
            made.push(ask(&lifecycle, &by, &key.to_string()).await);
        }
        let later = started(&store).await;
        later.recall_requests().await.expect("the store answers");
        for (key, object) in made.iter().enumerate() {
            assert_eq!(ask(&later, &by, &key.to_string()).await, *object, "{key} of {count}");
        }
    }
}

#[tokio::test]
async fn the_store_keeps_no_more_notes_of_a_token_than_are_remembered() {
    let (store, lifecycle, root) = with_root().await;
    let by = make(&lifecycle, &root).await;
    ask(&lifecycle, &by, "the first").await;
    let first = notes(&store).await;
    // Those of one moment are all as old.
    lifecycle.clock.step_millis(1);
    for key in 1..MOST_OF_ONE {
        ask(&lifecycle, &by, &key.to_string()).await;
    }
    assert_eq!(notes(&store).await.len(), MOST_OF_ONE);
    ask(&lifecycle, &by, "one too many").await;
    // It is forgotten beside the answer, on this very thread.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let left = notes(&store).await;
    assert_eq!((left.len(), left.contains(&first[0])), (MOST_OF_ONE, false));
}

/// Tokens are deleted some at a time: none of those that wait may be worth anything meanwhile.
#[tokio::test]
async fn nothing_of_an_account_works_from_the_moment_on_that_its_deletion_begins() {
    let (_, lifecycle, root) = with_root().await;
    let child = async |parent: &Account| {
        lifecycle.create_account(NewAccount::plain(Some(parent.id), "an account")).await.expect("an account")
    };
    let top = child(&root).await;
    let leaf = child(&top).await;
    for account in [&top, &leaf, &leaf, &leaf] {
        make(&lifecycle, account).await;
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (accounts, into) = (lifecycle.accounts.clone(), Arc::clone(&seen));
    lifecycle.tell(move |change| {
        let deleted = change.before.as_ref().filter(|_| change.after.is_none()).expect("a deletion");
        let active = [top.id, leaf.id].into_iter().filter(|id| accounts.is_active(*id)).count();
        into.lock().expect("no panic holds it").push((deleted.account, active));
    });
    lifecycle.delete_account(top.id, true).await.expect("it is deleted");
    let expected = [leaf.id, leaf.id, leaf.id, top.id].map(|account| (account, 0));
    assert_eq!(*seen.lock().expect("no panic holds it"), expected);
}

#[tokio::test]
async fn nobody_gets_a_role_that_there_is_not() {
    let (_, lifecycle, root) = with_root().await;
    let roles = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<RoleName>>();
    let create = async |login: &str, names: &[&str]| -> Result<User, LifecycleError> {
        let login = login.parse().expect("a login");
        let new = NewUser { account: root.id, login, name: String::new(), password: None, roles: roles(names) };
        lifecycle.create_user(new).await
    };
    let refused = create("ada", &["viewer", "king"]).await.map(|_| ());
    assert!(matches!(refused, Err(LifecycleError::NoRole(name)) if name.as_str() == "king"));
    let ada = create("ada", &["viewer"]).await.expect("nobody has this login");
    let refused = lifecycle.set_member(ada.id, root.id, roles(&["king"])).await.map(|_| ());
    assert!(matches!(refused, Err(LifecycleError::NoRole(name)) if name.as_str() == "king"));
    assert_eq!(lifecycle.users.get(ada.id), Some(ada));
}

/// The text that every new token is drafted with is not an imported key's.
#[tokio::test]
async fn of_an_imported_key_no_text_is_told() {
    let (_, lifecycle, root) = with_root().await;
    let sealer = Sealer::new(&Pepper::from_material(&[b'r'; 32]).expect("long enough")).expect("a key");
    let lifecycle = lifecycle.with_sealer(Some(Arc::new(sealer)));
    let new = NewToken { retrievable: true, ..NewToken::service(root.id, "imported", Grants::default()) };
    let hash = ForeignHash::Sha256;
    let key = ForeignKey { hash, bytes: hash.of("the key"), new, again: false };
    let mut outcomes = lifecycle.import(vec![key]).await;
    let Some(Ok(Imported::Made(token))) = outcomes.pop() else { panic!("{outcomes:?}") };
    assert_eq!((token.hint.as_str(), token.sealed.is_none()), ("", true), "{token:?}");
}
