//! What the embedded store promises beyond the contract: to be the same after a reopening, and to say
//! what is wrong with a directory or a record.

use std::fs;
use std::path::{Path, PathBuf};

use keygate::model::{Account, AccountId, Token, TokenId};
use keygate::store::{Expect, OpenError, SledOptions, SledStore, Store, StoreError, Write};
use tempfile::TempDir;

use super::*;

fn refusal(options: SledOptions) -> OpenError {
    SledStore::open(options).err().expect("it is refused")
}

/// A closed store that holds one token.
async fn closed_store() -> (TempDir, Token) {
    let place = tempfile::tempdir().expect("a directory");
    let store = open(place.path());
    let made = create(&store, token(AccountId::fresh())).await;
    store.close().await.expect("closed in order");
    (place, made)
}

/// Changes records behind the store's back.
fn meddle(place: &Path, change: impl FnOnce(&sled::Db)) {
    let db = sled::open(place.join("tokens")).expect("sled opens");
    change(&db);
    db.flush().expect("flushed");
    drop(db);
}

fn key(kind: u8, rest: &[u8]) -> Vec<u8> {
    [&[kind], rest].concat()
}

#[tokio::test]
async fn all_is_as_it_was_after_a_reopening_at_once() {
    let place = tempfile::tempdir().expect("a directory");
    let home = account("home");
    let store = open(place.path());
    let write = Write::PutAccount { account: home.clone(), expect: Expect::Absent };
    let home = Account { revision: store.commit(vec![write]).await.expect("it is new"), ..home };
    let mut made = Vec::new();
    for _ in 0..50 {
        made.push(create(&store, token(home.id)).await);
    }
    made[7] = edit(&store, revoked(&made[7])).await;
    let gone = made.remove(20);
    let mut last = delete(&store, &gone).await;
    store.record_usage(vec![(made[0].id, usage(3, 4))]).await.expect("recorded");

    let mut store = store;
    for _ in 0..5 {
        store.close().await.expect("closed in order");
        drop(store);
        store = open(place.path());
        assert_eq!(all_pages(&store, home.id, 100).await, made);
        assert_eq!(by_digest(&store, made[3].digest).await.as_ref(), Some(&made[3]));
        assert_eq!(by_digest(&store, gone.digest).await, None);
        assert_eq!(store.accounts().await.expect("readable"), std::slice::from_ref(&home));
        assert_eq!(store.usage(vec![made[0].id]).await.expect("readable"), [usage(3, 4)]);
        let next = create(&store, token(AccountId::fresh())).await.revision;
        assert!(next > last, "{next:?} comes after {last:?}");
        last = next;
    }
}

#[tokio::test]
async fn a_dropped_store_is_closed_too() {
    let place = tempfile::tempdir().expect("a directory");
    for _ in 0..5 {
        let store = open(place.path());
        let made = create(&store, token(AccountId::fresh())).await;
        drop(store);
        let store = open(place.path());
        assert_eq!(store.token(made.id).await.expect("readable"), Some(made));
    }
}

#[tokio::test]
async fn commits_that_wait_at_the_close_are_still_answered() {
    let place = tempfile::tempdir().expect("a directory");
    let store = open(place.path());
    let tokens: Vec<_> = (0..40).map(|_| token(AccountId::fresh())).collect();
    let mut commits: Vec<_> = tokens.iter().map(|token| store.commit(vec![put(token, Expect::Absent)])).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let sent = commits.iter_mut().map(|commit| commit.as_mut().poll(&mut context).is_pending()).count();
    store.close().await.expect("closed in order");
    assert_eq!(sent, 40);
    for commit in commits {
        commit.await.expect("it was taken before the close");
    }
    drop(store);
    let store = open(place.path());
    for token in tokens {
        assert!(store.token(token.id).await.expect("readable").is_some());
    }
}

#[tokio::test]
async fn the_directory_belongs_to_one_process() {
    let place = tempfile::tempdir().expect("a directory");
    let store = open(place.path());
    let text = format!(
        "the store at {} is in use by process {}: a store belongs to one process, so stop that one or give this one a \
         `store.path` of its own",
        place.path().display(),
        std::process::id()
    );
    assert_eq!(refusal(options(place.path())).to_string(), text);
    create(&store, token(AccountId::fresh())).await;
}

#[tokio::test]
async fn a_directory_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("deep/down");
    let store = open(&path);
    for part in ["", "tokens", "usage"] {
        let mode = fs::metadata(path.join(part)).expect("it was made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{part}");
    }
    assert_eq!(
        fs::read_to_string(path.join("keygate.lock")).expect("it was made"),
        format!("{}\n", std::process::id())
    );
    store.close().await.expect("closed in order");
}

#[test]
fn a_path_that_is_a_file_is_refused() {
    let place = tempfile::NamedTempFile::new().expect("a file");
    let path = place.path();
    let text =
        format!("the store's path {} is a file: give `store.path` a directory, or a name that is free", path.display());
    assert_eq!(refusal(options(path)).to_string(), text);
    let below = path.join("store");
    assert!(matches!(refusal(options(&below)), OpenError::NotADirectory { path } if path == below));
    assert_eq!(fs::read(path).expect("still a file"), b"");
}

#[tokio::test]
async fn another_pepper_is_refused() {
    let (place, made) = closed_store().await;
    let wrong = SledOptions { pepper_check: [8; 32], ..options(place.path()) };
    assert!(!format!("{wrong:?}").contains("8, 8"), "the value is not printed: {wrong:?}");
    let text = format!(
        "the store at {} was made with another pepper, so no token in it would be found: give `tokens.pepper` the \
         pepper of this store",
        place.path().display()
    );
    assert_eq!(refusal(wrong).to_string(), text);
    assert_eq!(open(place.path()).token(made.id).await.expect("readable"), Some(made));
}

/// A record about the store, as version 1 writes it.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let covered = key(1, payload);
    [&covered[..], &blake3::hash(&covered).as_bytes()[..8]].concat()
}

#[tokio::test]
async fn a_later_format_is_refused() {
    let (place, _) = closed_store().await;
    meddle(place.path(), |db| drop(db.insert("m/schema", sealed(&2u64.to_be_bytes())).expect("written")));
    let text = format!(
        "the store at {} has format 2, and this version of keygate knows formats up to 1: use the version that wrote \
         it, or a later one",
        place.path().display()
    );
    assert_eq!(refusal(options(place.path())).to_string(), text);
}

/// Refused with this problem, twice: the refusal itself mends nothing.
#[track_caller]
fn assert_damaged(place: &Path, expected: &str) {
    for _ in 0..2 {
        match refusal(options(place)) {
            OpenError::Damaged { path, problem } => assert_eq!((&*path, &*problem), (place, expected)),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn lost_records_are_never_a_new_store() {
    let (place, _) = closed_store().await;
    meddle(place.path(), |db| drop(db.remove("m/schema").expect("removed")));
    assert_damaged(place.path(), "it was filled once, and its records are gone");
    fs::remove_file(place.path().join("keygate.store")).expect("removed");
    assert_damaged(place.path(), "it has records, but the one that says in which format is gone");

    let (place, _) = closed_store().await;
    meddle(place.path(), |db| db.clear().expect("cleared"));
    assert_damaged(place.path(), "it was filled once, and its records are gone");

    let (place, _) = closed_store().await;
    fs::remove_dir_all(place.path().join("tokens")).expect("removed");
    assert_damaged(place.path(), "the file tokens/db is gone");

    for fact in ["m/pepper", "m/revision"] {
        let (place, _) = closed_store().await;
        meddle(place.path(), |db| drop(db.remove(fact).expect("removed")));
        assert_damaged(place.path(), &format!("its record {fact} is gone"));
    }
    let (place, _) = closed_store().await;
    meddle(place.path(), |db| drop(db.insert("m/revision", b"garbage in it").expect("written")));
    assert_damaged(place.path(), "record m/revision: its checksum is wrong");
}

#[tokio::test]
async fn a_log_full_of_garbage_is_refused() {
    let (place, _) = closed_store().await;
    let log = place.path().join("tokens/db");
    let length = fs::metadata(&log).expect("it is there").len();
    fs::write(&log, vec![0xa5; usize::try_from(length).expect("small")]).expect("written");
    let error = refusal(options(place.path()));
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

fn assert_damage<T: std::fmt::Debug>(found: Result<T, StoreError>, named: impl ToString, expected: &str) {
    match found {
        Err(StoreError::Damaged { record, problem }) => {
            assert_eq!((record, &*problem), (named.to_string(), expected));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error_wherever_it_is_met() {
    let (place, made) = closed_store().await;
    let good = open(place.path());
    let other = create(&good, token(made.account)).await;
    good.close().await.expect("closed in order");
    meddle(place.path(), |db| {
        let key = key(b't', &made.id.to_bytes());
        let mut record = db.get(&key).expect("readable").expect("it is there").to_vec();
        record[40] ^= 1;
        db.insert(key, record).expect("written");
    });

    let store = open(place.path());
    let text = "its checksum is wrong";
    assert_damage(store.token(made.id).await, made.id, text);
    assert_damage(store.tokens_by_digest(vec![made.digest]).await, made.id, text);
    assert_damage(store.list_tokens(made.account, None, 10).await, made.id, text);
    let write = Write::DeleteToken { id: made.id, expect: made.revision };
    let refused = store.commit(vec![write]).await.expect_err("nobody knows what would be deleted");
    assert_eq!(refused.to_string(), format!("record {} of the store cannot be read: {text}", made.id));
    assert_eq!(by_digest(&store, other.digest).await, Some(other), "others are served");
    assert_eq!(store.health(), Ok(()));
}

#[tokio::test]
async fn an_index_that_points_astray_lends_no_rights() {
    let (place, made) = closed_store().await;
    let stranger = digest("somebody else's text");
    let moved = TokenId::fresh();
    meddle(place.path(), |db| {
        db.insert(key(b'h', stranger.as_bytes()), &made.id.to_bytes()).expect("written");
        let record = db.get(key(b't', &made.id.to_bytes())).expect("readable").expect("it is there");
        db.insert(key(b't', &moved.to_bytes()), record).expect("written");
    });
    let store = open(place.path());
    let astray = "the index names a token that has another digest or is not there";
    assert_damage(store.tokens_by_digest(vec![stranger]).await, format!("of {stranger:?}"), astray);
    assert_damage(store.token(moved).await, moved, "it lies where another one belongs");
}

#[tokio::test]
async fn damaged_counts_do_not_stop_the_counting() {
    let (place, made) = closed_store().await;
    let db = sled::open(place.path().join("usage")).expect("sled opens");
    db.insert(made.id.to_bytes(), b"garbage in it").expect("written");
    db.flush().expect("flushed");
    drop(db);
    let store = open(place.path());
    let named = format!("of the use of {}", made.id);
    assert_damage(store.usage(vec![made.id]).await, named, "its checksum is wrong");
    store.record_usage(vec![(made.id, usage(1, 2))]).await.expect("it starts again");
    assert_eq!(store.usage(vec![made.id]).await.expect("readable"), [usage(1, 2)]);
}

#[tokio::test]
async fn a_broken_usage_database_is_told_from_the_tokens() {
    let (place, made) = closed_store().await;
    let broken = place.path().join("usage");
    fs::write(broken.join("conf"), [0xa5; 24]).expect("written");
    let text = refusal(options(place.path())).to_string();
    assert!(text.starts_with(&format!("the usage counts at {} are damaged: ", broken.display())), "{text}");
    assert!(text.ends_with(". Tokens are not affected: move that directory away, and counting starts again"), "{text}");
    fs::rename(&broken, place.path().join("away")).expect("moved");
    assert_eq!(open(place.path()).token(made.id).await.expect("readable"), Some(made));
}

/// Records must stay in sled's log, where one sync covers them.
#[tokio::test]
async fn nothing_is_written_apart_from_the_log() {
    let place = tempfile::tempdir().expect("a directory");
    let store = open(place.path());
    for _ in 0..200 {
        let large = Token { name: "n".repeat(256), description: "d".repeat(2048), ..token(AccountId::fresh()) };
        create(&store, large).await;
    }
    store.close().await.expect("closed in order");
    for database in ["tokens", "usage"] {
        let blobs: Vec<PathBuf> = fs::read_dir(place.path().join(database).join("blobs"))
            .expect("sled makes it")
            .map(|entry| entry.expect("readable").path())
            .collect();
        assert_eq!(blobs, Vec::<PathBuf>::new());
    }
}
