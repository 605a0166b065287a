//! Another set of records in place of the present ones: all of it, or nothing.

use std::fs;
use std::path::Path;

use keygate::model::{Account, AccountId, Revision, Token, Usage};
use keygate::store::{OpenError, Rebuild, Record, SledStore, Store};
use tempfile::TempDir;

use super::*;
use crate::proof::specimen::copy_directory;

/// A closed store with some history, and all that it holds.
async fn filled() -> (TempDir, Vec<Record>) {
    let place = tempfile::tempdir().expect("a directory");
    let store = open(place.path());
    let mut home = account("home");
    let write = Write::PutAccount { account: home.clone(), expect: Expect::Absent };
    home.revision = store.commit(vec![write]).await.expect("it is new");
    for number in 0..20 {
        let made = create(&store, token(home.id)).await;
        match number % 4 {
            0 => drop(edit(&store, revoked(&made)).await),
            1 => drop(delete(&store, &made).await),
            _ => store.record_usage(vec![(made.id, usage(number, 4))]).await.expect("recorded"),
        }
    }
    let records = records(&store).await;
    store.close().await.expect("closed in order");
    (place, records)
}

async fn records(store: &SledStore) -> Vec<Record> {
    let mut copy = store.snapshot().await.expect("a copy");
    let mut records = Vec::new();
    loop {
        let more = copy.next().await.expect("readable");
        if more.is_empty() {
            return records;
        }
        records.extend(more);
    }
}

/// What the store in `place` holds once it is opened.
async fn held(place: &Path) -> Vec<Record> {
    let store = open(place);
    let held = records(&store).await;
    store.close().await.expect("closed in order");
    held
}

fn begin(place: &Path) -> Rebuild {
    Rebuild::begin(options(place)).expect("nobody has it open")
}

#[tokio::test]
async fn what_was_copied_is_the_same_store_again() {
    let (_place, all) = filled().await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let mut rebuild = begin(elsewhere.path());
    all.iter().for_each(|record| rebuild.put(record.clone()).expect("it is new"));
    let finished = rebuild.finish().expect("it takes effect");
    assert_eq!(((finished.summary.tokens, finished.summary.accounts), finished.replaced), ((15, 1), None));
    assert_eq!(held(elsewhere.path()).await, all);
    let made = create(&open(elsewhere.path()), token(AccountId::fresh())).await;
    assert!(made.revision > finished.summary.revision, "revisions go on");
}

#[tokio::test]
async fn what_is_not_finished_leaves_no_trace() {
    let (place, all) = filled().await;
    let names = || -> Vec<_> {
        let entries = fs::read_dir(place.path().join("store")).expect("readable");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("readable").file_name()).collect();
        names.sort();
        names
    };
    let before = (names(), fs::read(place.path().join("store.anchor")).expect("readable"));
    let mut rebuild = begin(place.path());
    rebuild.present().expect("it is complete");
    rebuild.put(Record::Token(token(AccountId::fresh()), Usage::default())).expect("it is new");
    drop(rebuild);
    assert_eq!((names(), fs::read(place.path().join("store.anchor")).expect("readable")), before);
    assert_eq!(held(place.path()).await, all);
}

#[tokio::test]
async fn records_are_added_to_those_that_are_there_and_none_twice() {
    let (place, mut all) = filled().await;
    let mut rebuild = begin(place.path());
    assert_eq!(rebuild.present().expect("it is complete").tokens, 15);
    let (Record::Account(home), Record::Token(known, _)) = (all[0].clone(), all[1].clone()) else {
        panic!("accounts come first");
    };
    let twin = Token { digest: known.digest, ..token(home.id) };
    let other = Token { digest: digest("another"), ..known.clone() };
    let refused = |rebuild: &mut Rebuild, record| rebuild.put(record).expect_err("it is there").to_string();
    let text = refused(&mut rebuild, Record::Token(twin, Usage::default()));
    assert_eq!(text, format!("token {} has the same secret already", known.id));
    let text = refused(&mut rebuild, Record::Token(other, Usage::default()));
    assert_eq!(text, format!("there is a token {} already", known.id));
    let text = refused(&mut rebuild, Record::Account(Account { name: "other".to_owned(), ..home.clone() }));
    assert_eq!(text, format!("there is an account {} already", home.id));
    let new = Token { revision: Revision(500), ..token(home.id) };
    rebuild.put(Record::Token(new.clone(), usage(9, 9))).expect("it is new");
    let finished = rebuild.finish().expect("it takes effect");
    assert!(finished.summary.revision > new.revision, "no later change has the number of an earlier one");
    assert!(finished.replaced.is_some_and(|path| path.ends_with("data-1")));
    all.push(Record::Token(new, usage(9, 9)));
    assert_eq!(held(place.path()).await, all);

    let mut again = begin(place.path());
    again.present().expect("it is complete");
    again.finish().expect("it takes effect");
    assert!(!place.path().join("store/data-1").exists(), "one that was replaced is kept, and not two");
    assert_eq!(held(place.path()).await, all);
}

/// A restore of an old backup does not bring back what was revoked since.
#[tokio::test]
async fn changes_since_a_copy_are_put_over_it() {
    let (place, old) = filled().await;
    let taken = open(place.path()).snapshot().await.expect("a copy").head().revision;
    let store = open(place.path());
    let Some(Record::Token(alive, _)) = old.iter().rfind(|record| matches!(record, Record::Token(..))) else {
        panic!("there are tokens");
    };
    edit(&store, revoked(alive)).await;
    let mut gone = create(&store, token(alive.account)).await;
    gone = edit(&store, revoked(&gone)).await;
    delete(&store, &gone).await;
    create(&store, token(alive.account)).await;
    let now = records(&store).await;
    store.close().await.expect("closed in order");

    let mut rebuild = begin(place.path());
    old.iter().for_each(|record| rebuild.put(record.clone()).expect("it is new"));
    let replayed = rebuild.replay(taken).expect("the journal is whole");
    assert_eq!((replayed.changes, replayed.complete, replayed.missing), (5, true, None));
    rebuild.finish().expect("it takes effect");
    assert_eq!(held(place.path()).await, now);
}

#[tokio::test]
async fn what_the_journal_has_not_is_told() {
    let (place, old) = filled().await;
    let store = open(place.path());
    let made = create(&store, token(AccountId::fresh())).await;
    store.close().await.expect("closed in order");
    fs::remove_dir_all(place.path().join("store/data-1/journal")).expect("removed");
    let mut rebuild = begin(place.path());
    old.iter().for_each(|record| rebuild.put(record.clone()).expect("it is new"));
    let before = Revision(made.revision.0 - 1);
    let replayed = rebuild.replay(before).expect("there is nothing to replay");
    assert_eq!(
        (replayed.changes, replayed.complete, replayed.missing),
        (0, false, Some((made.revision, made.revision)))
    );
    rebuild.finish().expect("whoever asks for it gets it");
    assert_eq!(held(place.path()).await, old);
}

#[tokio::test]
async fn what_can_be_read_is_accepted_without_an_anchor_and_with_a_broken_tree() {
    let (place, all) = filled().await;
    fs::remove_file(place.path().join("store.anchor")).expect("removed");
    assert!(matches!(SledStore::open(options(place.path())), Err(OpenError::Unanchored { .. })));
    let mut rebuild = begin(place.path());
    assert!(matches!(rebuild.present(), Err(OpenError::Unanchored { .. })), "it cannot prove complete");
    drop(rebuild);
    let mut rebuild = begin(place.path());
    assert_eq!(rebuild.salvage().expect("all of it is readable").tokens, 15);
    rebuild.finish().expect("it takes effect");
    assert_eq!(held(place.path()).await, all);

    // Nothing is left of the tree, and the journal of this small store has everything that came since.
    let store = open(place.path());
    let made = create(&store, token(AccountId::fresh())).await;
    store.close().await.expect("closed in order");
    fs::remove_dir_all(place.path().join("store/data-2/tokens")).expect("removed");
    let mut rebuild = begin(place.path());
    assert_eq!(rebuild.salvage().expect("the journal can be read").tokens, 1);
    rebuild.finish().expect("it takes effect");
    let held = held(place.path()).await;
    assert_eq!(held, [Record::Token(made, Usage::default())]);
}

#[tokio::test]
async fn a_user_that_was_disabled_last_is_accepted_as_disabled() {
    let (place, _) = filled().await;
    let store = open(place.path());
    let ada = user(AccountId::fresh());
    let made = Write::PutUser { user: ada.clone(), expect: Expect::Absent };
    let revision = store.commit(vec![made]).await.expect("it is new");
    store.close().await.expect("closed in order");
    let (tree, older) = (place.path().join("store/data-1/tokens"), place.path().join("older"));
    copy_directory(&tree, &older);

    let store = open(place.path());
    let disabled = User { state: UserState::Disabled, ..ada };
    let write = Write::PutUser { user: disabled, expect: Expect::Revision(revision) };
    store.commit(vec![write]).await.expect("nobody else edits it");
    let now = records(&store).await;
    store.close().await.expect("closed in order");

    // The tree is as it was before; the journal knows better.
    fs::remove_dir_all(&tree).expect("removed");
    copy_directory(&older, &tree);
    let mut rebuild = begin(place.path());
    rebuild.salvage().expect("all of it is readable");
    rebuild.finish().expect("it takes effect");
    assert_eq!(held(place.path()).await, now);
}

#[tokio::test]
async fn an_open_store_and_a_wrong_pepper_are_left_alone() {
    let (place, all) = filled().await;
    let store = open(place.path());
    assert!(matches!(Rebuild::begin(options(place.path())), Err(OpenError::Held { pid: Some(_), .. })));
    store.close().await.expect("closed in order");
    let wrong = keygate::store::SledOptions { secret: [8; 32], ..options(place.path()) };
    assert!(matches!(Rebuild::begin(wrong), Err(OpenError::WrongPepper { .. })));
    assert_eq!(held(place.path()).await, all);
}
