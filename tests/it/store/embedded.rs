//! What the embedded store promises beyond the contract: to be the same after a reopening, and to say
//! what is wrong with a directory or a record.

use std::fs;
use std::path::{Path, PathBuf};

use keygate::model::{Account, AccountId, Token};
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
    let db = sled::open(place.join("store/data-1/tokens")).expect("sled opens");
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
        place.path().join("store").display(),
        std::process::id()
    );
    assert_eq!(refusal(options(place.path())).to_string(), text);
    create(&store, token(AccountId::fresh())).await;
}

#[tokio::test]
async fn a_directory_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("deep/store");
    let store = open(&place.path().join("deep"));
    for part in ["", "data-1", "data-1/tokens", "data-1/journal", "usage"] {
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
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("store");
    fs::write(&path, b"").expect("written");
    let text =
        format!("the store's path {} is a file: give `store.path` a directory, or a name that is free", path.display());
    assert_eq!(refusal(options(place.path())).to_string(), text);
    let below = path.join("store");
    assert!(matches!(refusal(options(&path)), OpenError::NotADirectory { path } if path == below));
    assert_eq!(fs::read(path).expect("still a file"), b"");
}

#[tokio::test]
async fn another_pepper_is_refused() {
    let (place, made) = closed_store().await;
    let wrong = SledOptions { secret: [8; 32], ..options(place.path()) };
    assert!(!format!("{wrong:?}").contains("8, 8"), "the value is not printed: {wrong:?}");
    let text = format!(
        "the store at {} was made with another pepper, so no token in it would be found: give `tokens.pepper` the \
         pepper of this store",
        place.path().join("store").display()
    );
    assert_eq!(refusal(wrong).to_string(), text);
    assert_eq!(open(place.path()).token(made.id).await.expect("readable"), Some(made));
}

#[tokio::test]
async fn a_later_format_is_refused() {
    let (place, _) = closed_store().await;
    let marker = place.path().join("store/keygate.store");
    let text = fs::read_to_string(&marker).expect("readable");
    fs::write(marker, text.replace("\"format\":2", "\"format\":3")).expect("written");
    let text = format!(
        "the store at {} has format 3, and this version of keygate knows formats up to 2: use the version that wrote \
         it, or a later one",
        place.path().join("store").display()
    );
    assert_eq!(refusal(options(place.path())).to_string(), text);
}

/// Refused with this text, twice: the refusal itself mends nothing.
#[track_caller]
fn assert_refused(place: &Path, expected: &str) {
    for _ in 0..2 {
        let text = refusal(options(place)).to_string().replace(&place.display().to_string(), "DIR");
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn lost_records_are_never_a_new_store() {
    let (place, _) = closed_store().await;
    fs::remove_file(place.path().join("store/keygate.store")).expect("removed");
    assert_refused(place.path(), "store_damaged: the store at DIR/store is damaged: its file keygate.store is gone.");
    fs::remove_dir_all(place.path().join("store")).expect("removed");
    assert_refused(place.path(), "store_gone: there is no store at DIR/store, but DIR/store.anchor says that 1 tokens");

    let (place, _) = closed_store().await;
    fs::remove_dir_all(place.path().join("store/data-1/tokens")).expect("removed");
    assert_refused(
        place.path(),
        "store_damaged: the store at DIR/store is damaged: the file data-1/tokens/db is gone.",
    );

    let (place, _) = closed_store().await;
    fs::remove_file(place.path().join("store.anchor")).expect("removed");
    assert_refused(place.path(), "store_unanchored: DIR/store.anchor is gone, so nobody can say");
}

/// All that was ever written is in the journal of this small store.
#[tokio::test]
async fn what_the_tree_lost_comes_back_from_the_journal() {
    let (place, made) = closed_store().await;
    meddle(place.path(), |db| db.clear().expect("cleared"));
    let store = open(place.path());
    assert_eq!(store.token(made.id).await.expect("readable"), Some(made.clone()));
    let ended = edit(&store, revoked(&made)).await;
    store.close().await.expect("closed in order");

    meddle(place.path(), |db| {
        db.remove(key(b't', &made.id.to_bytes())).expect("removed");
    });
    let store = open(place.path());
    assert_eq!(by_digest(&store, ended.digest).await, Some(ended));
}

#[tokio::test]
async fn a_change_that_neither_tree_nor_journal_has_is_missed() {
    let (place, made) = closed_store().await;
    meddle(place.path(), |db| drop(db.remove(key(b't', &made.id.to_bytes())).expect("removed")));
    fs::remove_dir_all(place.path().join("store/data-1/journal")).expect("removed");
    assert_refused(
        place.path(),
        "store_damaged: the store at DIR/store is damaged: its 0 tokens and 0 accounts are not the 1 and 0 that were",
    );
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status().expect("cp runs");
    assert!(copied.success());
}

#[tokio::test]
async fn an_older_copy_put_back_is_noticed() {
    let (place, made) = closed_store().await;
    let (now, old) = (place.path().join("store"), place.path().join("old"));
    copy(&now, &old);
    let store = open(place.path());
    edit(&store, revoked(&made)).await;
    store.close().await.expect("closed in order");
    fs::remove_dir_all(&now).expect("removed");
    fs::rename(&old, &now).expect("put back");
    assert_refused(
        place.path(),
        "store_rolled_back: the store at DIR/store is an older copy of itself: it ends with change 1, and change 2 was",
    );
}

#[tokio::test]
async fn the_anchor_of_another_store_is_no_anchor() {
    let (place, _) = closed_store().await;
    let (other, _) = closed_store().await;
    fs::copy(other.path().join("store.anchor"), place.path().join("store.anchor")).expect("copied");
    assert_refused(place.path(), "store_unanchored: DIR/store.anchor is the anchor of another store, so");
}

#[tokio::test]
async fn a_log_full_of_garbage_is_refused() {
    let (place, _) = closed_store().await;
    let log = place.path().join("store/data-1/tokens/db");
    let length = fs::metadata(&log).expect("it is there").len();
    fs::write(&log, vec![0xa5; usize::try_from(length).expect("small")]).expect("written");
    assert_refused(place.path(), "store_damaged: ");
}

fn assert_damage<T: std::fmt::Debug>(found: Result<T, StoreError>, named: impl ToString, expected: &str) {
    match found {
        Err(StoreError::Damaged { record, problem }) => {
            assert_eq!((record, &*problem), (named.to_string(), expected));
        }
        other => panic!("{other:?}"),
    }
}

/// Also where the journal has nothing to put in its place.
#[tokio::test]
async fn a_record_that_somebody_changed_is_not_served() {
    let (place, made) = closed_store().await;
    let key = key(b't', &made.id.to_bytes());
    let meddle_with = |change: &dyn Fn(&mut Vec<u8>)| {
        meddle(place.path(), |db| {
            let mut record = db.get(&key).expect("readable").expect("it is there").to_vec();
            change(&mut record);
            db.insert(&key, record).expect("written");
        });
    };
    meddle_with(&|record| record[40] ^= 1);
    open(place.path()).close().await.expect("the journal has it");

    fs::remove_dir_all(place.path().join("store/data-1/journal")).expect("removed");
    open(place.path()).close().await.expect("the tree is whole");
    // As somebody would who knows how records are written, but not the pepper.
    meddle_with(&|record| {
        let end = record.len() - 8;
        let at = record.windows(5).position(|bytes| bytes == b"state").expect("it has a state");
        record[at - 10] ^= 1;
        let check = *blake3::hash(&record[..end]).as_bytes();
        record[end..].copy_from_slice(&check[..8]);
    });
    assert_refused(place.path(), "store_damaged: the store at DIR/store is damaged: ");
}

#[tokio::test]
async fn damaged_counts_do_not_stop_the_counting() {
    let (place, made) = closed_store().await;
    let db = sled::open(place.path().join("store/usage")).expect("sled opens");
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
async fn a_broken_usage_database_costs_the_counts_alone() {
    let (place, made) = closed_store().await;
    let broken = place.path().join("store/usage");
    fs::write(broken.join("conf"), [0xa5; 24]).expect("written");
    let store = open(place.path());
    assert_eq!(store.token(made.id).await.expect("readable"), Some(made.clone()));
    store.record_usage(vec![(made.id, usage(1, 2))]).await.expect("counting begins anew");
    assert_eq!(store.usage(vec![made.id]).await.expect("readable"), [usage(1, 2)]);
    assert!(place.path().join("store/usage.damaged/conf").exists(), "what was there is kept");
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
    for database in ["data-1/tokens", "usage"] {
        let blobs: Vec<PathBuf> = fs::read_dir(place.path().join("store").join(database).join("blobs"))
            .expect("sled makes it")
            .map(|entry| entry.expect("readable").path())
            .collect();
        assert_eq!(blobs, Vec::<PathBuf>::new());
    }
}
