//! What every store promises. Each function below runs on each of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use keygate::model::{
    Account, AccountId, ForeignHash, ForeignHashes, NewSecret, Note, Revision, Timestamp, Token, TokenId, Usage, User,
    UserState,
};
use keygate::store::{
    CommitError, Expect, Impaired, MemoryStore, Record, Snapshot, Store, StoreError, StoreKey, Write, proof_of,
};
use tokio::task::JoinSet;

use super::*;

macro_rules! on_every_store {
    ($($promise:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(std::sync::Arc::new(super::MemoryStore::new(super::key()))).await;
            })*
        }

        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let directory = tempfile::tempdir().expect("a directory");
                super::$promise(std::sync::Arc::new(super::open(directory.path()))).await;
            })*
        }
    };
}

on_every_store! {
    created_tokens_are_found_by_digest_and_by_id
    batches_keep_their_order_and_name_the_unknown
    what_must_be_absent_is_made_once
    a_stale_revision_changes_nothing_of_its_commit
    edits_need_the_present_revision
    writes_of_one_commit_see_each_other
    a_new_digest_replaces_the_old_one
    a_rotated_token_is_found_by_both_digests
    no_digest_of_a_token_is_anothers
    deletion_leaves_no_trace
    pages_have_no_gap_and_no_repeat
    pages_hold_what_stays_while_others_come_and_go
    accounts_are_apart
    users_are_kept_until_they_are_deleted
    a_deleted_account_is_gone
    a_deleted_import_comes_back_with_its_note_alone
    revisions_grow
    usage_adds_up
    nothing_is_taken_once_closed
    everybody_at_once_is_acknowledged
    of_concurrent_editors_one_wins
    what_was_never_made_is_known_to_be_absent
    a_copy_is_as_of_its_beginning
    a_copy_under_load_is_of_one_revision
}

async fn created_tokens_are_found_by_digest_and_by_id(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    assert_eq!(by_digest(&*store, made.digest).await, Some(made.clone()));
    assert_eq!(store.token(made.id).await.expect("readable"), Some(made));
    assert_eq!(store.token(TokenId::fresh()).await.expect("readable"), None);
    assert_eq!(store.health(), Ok(()));
}

async fn batches_keep_their_order_and_name_the_unknown(store: Arc<dyn Store>) {
    let one = create(&*store, token(AccountId::fresh())).await;
    let two = create(&*store, token(AccountId::fresh())).await;
    let asked = vec![two.digest, digest("nobody's"), one.digest, two.digest];
    let found = store.tokens_by_digest(asked).await.expect("readable");
    assert_eq!(found, [Some(two.clone()), None, Some(one), Some(two)]);
    assert_eq!(store.tokens_by_digest(Vec::new()).await.expect("readable"), []);
}

async fn what_must_be_absent_is_made_once(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    let again = Token { name: "other".to_owned(), digest: digest("another"), ..made.clone() };
    assert_conflict(store.commit(vec![put(&again, Expect::Absent)]).await, made.id);
    let twin = Token { digest: made.digest, ..token(made.account) };
    assert_conflict(store.commit(vec![put(&twin, Expect::Absent)]).await, twin.id);
    assert_eq!(by_digest(&*store, made.digest).await, Some(made));
    assert_eq!(store.token(twin.id).await.expect("readable"), None);

    let home = account("home");
    let write = || vec![Write::PutAccount { account: home.clone(), expect: Expect::Absent }];
    let revision = store.commit(write()).await.expect("it is new");
    assert_conflict(store.commit(write()).await, home.id);
    assert_eq!(store.accounts().await.expect("readable"), [Account { revision, ..home }]);
}

async fn a_stale_revision_changes_nothing_of_its_commit(store: Arc<dyn Store>) {
    let one = create(&*store, token(AccountId::fresh())).await;
    let two = create(&*store, token(one.account)).await;
    let three = token(one.account);
    let writes = vec![
        Write::DeleteToken { id: one.id, expect: one.revision },
        put(&three, Expect::Absent),
        Write::PutAccount { account: account("home"), expect: Expect::Absent },
        put(&two, Expect::Revision(one.revision)),
    ];
    assert_conflict(store.commit(writes).await, two.id);
    assert_eq!(by_digest(&*store, one.digest).await, Some(one.clone()));
    assert_eq!(by_digest(&*store, two.digest).await, Some(two.clone()));
    assert_eq!(by_digest(&*store, three.digest).await, None);
    assert_eq!(all_pages(&*store, one.account, 10).await, [one, two]);
    assert_eq!(store.accounts().await.expect("readable"), []);
}

async fn edits_need_the_present_revision(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    let ended = edit(&*store, revoked(&made)).await;
    assert_eq!(by_digest(&*store, made.digest).await, Some(ended.clone()));
    assert_conflict(store.commit(vec![put(&made, Expect::Revision(made.revision))]).await, made.id);
    let stale = Write::DeleteToken { id: made.id, expect: made.revision };
    assert_conflict(store.commit(vec![stale]).await, made.id);
    let never = token(made.account);
    assert_conflict(store.commit(vec![put(&never, Expect::Revision(ended.revision))]).await, never.id);
    assert_eq!(by_digest(&*store, made.digest).await, Some(ended));
}

async fn writes_of_one_commit_see_each_other(store: Arc<dyn Store>) {
    let one = token(AccountId::fresh());
    let twin = Token { digest: one.digest, ..token(one.account) };
    let twice = vec![put(&one, Expect::Absent), put(&twin, Expect::Absent)];
    assert_conflict(store.commit(twice).await, twin.id);

    let one = create(&*store, one).await;
    let moved = Token { digest: digest("moved"), ..one.clone() };
    let handed_on = vec![put(&moved, Expect::Revision(one.revision)), put(&twin, Expect::Absent)];
    let revision = store.commit(handed_on).await.expect("the digest is free by then");
    assert_eq!(by_digest(&*store, twin.digest).await, Some(Token { revision, ..twin }));
    assert_eq!(by_digest(&*store, moved.digest).await, Some(Token { revision, ..moved }));
}

async fn a_new_digest_replaces_the_old_one(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    let other = create(&*store, token(made.account)).await;
    let taken = Token { digest: other.digest, ..made.clone() };
    assert_conflict(store.commit(vec![put(&taken, Expect::Revision(made.revision))]).await, made.id);
    let rotated = edit(&*store, Token { digest: digest("rotated"), ..made.clone() }).await;
    assert_eq!(by_digest(&*store, made.digest).await, None);
    assert_eq!(by_digest(&*store, rotated.digest).await, Some(rotated));
}

/// The token with another digest, and its present one as the old one.
fn rotated(token: &Token, seed: &str) -> Token {
    let mut token = token.clone();
    let secret = NewSecret { hint: seed.to_owned(), digest: digest(seed), sealed: None };
    let overlap = std::time::Duration::from_secs(60);
    token.rotate(secret, overlap, true, (Timestamp::from_millis(8), None)).expect("rotated");
    token
}

async fn a_rotated_token_is_found_by_both_digests(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    let once = edit(&*store, rotated(&made, &format!("{} 1", made.id))).await;
    assert_eq!(by_digest(&*store, once.digest).await, Some(once.clone()));
    assert_eq!(by_digest(&*store, made.digest).await, Some(once.clone()));
    assert!(store.may_hold(&made.digest) && store.may_hold(&once.digest));
    assert_eq!(all_pages(&*store, made.account, 10).await, std::slice::from_ref(&once), "it is one token");

    let twice = edit(&*store, rotated(&once, &format!("{} 2", made.id))).await;
    assert_eq!(by_digest(&*store, twice.digest).await, Some(twice.clone()));
    assert_eq!(by_digest(&*store, once.digest).await, Some(twice.clone()));
    assert_eq!(by_digest(&*store, made.digest).await, None, "two texts at most");
    assert!(!store.may_hold(&made.digest));

    let mut undone = twice.clone();
    undone.undo_rotation((Timestamp::from_millis(9), None)).expect("within the overlap");
    let undone = edit(&*store, undone).await;
    assert_eq!((undone.digest, undone.digests().count()), (once.digest, 2));
    for digest in undone.digests() {
        assert_eq!(by_digest(&*store, digest).await, Some(undone.clone()));
    }
    delete(&*store, &undone).await;
    for digest in undone.digests() {
        assert_eq!(by_digest(&*store, digest).await, None);
        assert!(!store.may_hold(&digest));
    }
    create(&*store, Token { digest: undone.digest, ..token(made.account) }).await;
}

async fn no_digest_of_a_token_is_anothers(store: Arc<dyn Store>) {
    let one = create(&*store, token(AccountId::fresh())).await;
    let one = edit(&*store, rotated(&one, &format!("{} 1", one.id))).await;
    let two = create(&*store, token(one.account)).await;
    let old = one.rotation.as_ref().expect("rotated").old.digest;
    for taken in [one.digest, old] {
        let present = Token { digest: taken, ..two.clone() };
        assert_conflict(store.commit(vec![put(&present, Expect::Revision(two.revision))]).await, two.id);
        let mut as_old = rotated(&two, &format!("{} 1", two.id));
        as_old.rotation.as_mut().expect("rotated").old.digest = taken;
        assert_conflict(store.commit(vec![put(&as_old, Expect::Revision(two.revision))]).await, two.id);
    }
    assert_eq!(by_digest(&*store, one.digest).await, Some(one.clone()));
    assert_eq!(by_digest(&*store, old).await, Some(one));
    assert_eq!(by_digest(&*store, two.digest).await, Some(two));
}

async fn deletion_leaves_no_trace(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    store.record_usage(vec![(made.id, usage(3, 4))]).await.expect("recorded");
    delete(&*store, &made).await;
    assert_eq!(by_digest(&*store, made.digest).await, None);
    assert_eq!(store.token(made.id).await.expect("readable"), None);
    assert_eq!(all_pages(&*store, made.account, 10).await, []);
    store.record_usage(vec![(made.id, usage(1, 5))]).await.expect("ignored");
    assert_eq!(store.usage(vec![made.id]).await.expect("readable"), [Usage::default()]);
    assert_conflict(store.commit(vec![Write::DeleteToken { id: made.id, expect: made.revision }]).await, made.id);
    create(&*store, made).await;
}

async fn pages_have_no_gap_and_no_repeat(store: Arc<dyn Store>) {
    let home = AccountId::fresh();
    let mut made = Vec::new();
    for _ in 0..25 {
        made.push(create(&*store, token(home)).await);
    }
    made.sort_by_key(|token| token.id);
    for limit in [1, 7, 25, 26] {
        assert_eq!(all_pages(&*store, home, limit).await, made, "pages of {limit}");
    }
    assert_eq!(store.list_tokens(home, None, 0).await.expect("readable"), []);
    let between = TokenId::from_bytes((u128::from_be_bytes(made[3].id.to_bytes()) + 1).to_be_bytes());
    let page = store.list_tokens(home, Some(between), 1).await.expect("readable");
    assert_eq!(page, made[4..5], "a cursor need not be the id of a token that is still there");
}

async fn pages_hold_what_stays_while_others_come_and_go(store: Arc<dyn Store>) {
    let home = AccountId::fresh();
    let (mut stay, mut go) = (BTreeSet::new(), Vec::new());
    for _ in 0..20 {
        stay.insert(create(&*store, token(home)).await.id);
        go.push(create(&*store, token(home)).await);
    }
    let churn = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for gone in go {
                delete(&*store, &gone).await;
                create(&*store, token(home)).await;
            }
        }
    });
    let mut rounds = 0;
    while !churn.is_finished() || rounds < 2 {
        let seen: Vec<_> = all_pages(&*store, home, 3).await.into_iter().map(|token| token.id).collect();
        assert!(seen.is_sorted_by(|one, next| one < next), "in order, none twice");
        assert!(stay.is_subset(&seen.into_iter().collect()), "none that stays is missed");
        rounds += 1;
    }
    churn.await.expect("every change was taken");
}

async fn accounts_are_apart(store: Arc<dyn Store>) {
    let (mut one, mut two) = (account("one"), account("two"));
    for account in [&mut two, &mut one] {
        let write = Write::PutAccount { account: account.clone(), expect: Expect::Absent };
        account.revision = store.commit(vec![write]).await.expect("it is new");
    }
    let ours = create(&*store, token(one.id)).await;
    let theirs = create(&*store, token(two.id)).await;
    assert_eq!(all_pages(&*store, one.id, 10).await, std::slice::from_ref(&ours));
    assert_eq!(all_pages(&*store, two.id, 10).await, std::slice::from_ref(&theirs));
    let moved = edit(&*store, Token { account: two.id, ..ours }).await;
    assert_eq!(all_pages(&*store, one.id, 10).await, []);
    assert_eq!(all_pages(&*store, two.id, 10).await, [moved, theirs]);
    let mut both = [one, two];
    both.sort_by_key(|account| account.id);
    assert_eq!(store.accounts().await.expect("readable"), both);
}

async fn users_are_kept_until_they_are_deleted(store: Arc<dyn Store>) {
    let ada = user(AccountId::fresh());
    let made = Write::PutUser { user: ada.clone(), expect: Expect::Absent };
    let ada = User { revision: store.commit(vec![made.clone()]).await.expect("it is new"), ..ada };
    assert_eq!(store.users().await.expect("readable"), std::slice::from_ref(&ada));
    assert!(matches!(store.commit(vec![made]).await, Err(CommitError::Conflict(_))));

    let disabled = User { state: UserState::Disabled, ..ada.clone() };
    let edit = Write::PutUser { user: disabled.clone(), expect: Expect::Revision(ada.revision) };
    let revision = store.commit(vec![edit.clone()]).await.expect("nobody else edits it");
    assert_eq!(store.users().await.expect("readable"), [User { revision, ..disabled }]);
    assert!(matches!(store.commit(vec![edit]).await, Err(CommitError::Conflict(_))));

    let stale = Write::DeleteUser { id: ada.id, expect: ada.revision };
    assert!(matches!(store.commit(vec![stale]).await, Err(CommitError::Conflict(_))));
    store.commit(vec![Write::DeleteUser { id: ada.id, expect: revision }]).await.expect("deleted");
    assert_eq!(store.users().await.expect("readable"), []);
}

async fn a_deleted_import_comes_back_with_its_note_alone(store: Arc<dyn Store>) {
    let id = TokenId::of_import(ForeignHash::Sha256, &digest("a foreign hash"));
    let imported = create(&*store, Token { id, ..token(AccountId::fresh()) }).await;
    assert_eq!(store.imports(), ForeignHashes::default().with(ForeignHash::Sha256));
    let note = Note::of_deletion(id, Timestamp::from_millis(5)).expect("it was imported");
    assert_eq!(store.note(note.id).await.expect("readable"), None);
    let delete = Write::DeleteToken { id, expect: imported.revision };
    let put = Write::PutNote { note: note.clone(), expect: Expect::Absent };
    let revision = store.commit(vec![delete, put]).await.expect("nobody else changes it");
    assert_eq!(store.note(note.id).await.expect("readable"), Some(Note { revision, ..note.clone() }));
    let mut copy = store.snapshot().await.expect("a copy");
    assert_eq!(rest(&mut *copy).await, [Record::Note(Note { revision, ..note.clone() })]);

    let again = Write::PutToken { token: imported.clone(), expect: Expect::Absent };
    let refused = store.commit(vec![again.clone()]).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    let forget = |expect| Write::DeleteNote { id: note.id, expect };
    let stale = store.commit(vec![forget(Revision(revision.0 + 1)), again.clone()]).await;
    assert!(matches!(stale, Err(CommitError::Conflict(_))), "{stale:?}");
    store.commit(vec![forget(revision), again]).await.expect("it is told to");
    assert_eq!(store.note(note.id).await.expect("readable"), None);
    assert!(store.token(id).await.expect("readable").is_some());
}

async fn a_deleted_account_is_gone(store: Arc<dyn Store>) {
    let home = account("home");
    let made = Write::PutAccount { account: home.clone(), expect: Expect::Absent };
    let revision = store.commit(vec![made.clone()]).await.expect("it is new");
    let stale = Write::DeleteAccount { id: home.id, expect: Revision(revision.0 + 1) };
    assert!(matches!(store.commit(vec![stale]).await, Err(CommitError::Conflict(_))));
    store.commit(vec![Write::DeleteAccount { id: home.id, expect: revision }]).await.expect("deleted");
    assert_eq!(store.accounts().await.expect("readable"), []);
    store.commit(vec![made]).await.expect("it is absent again");
}

async fn revisions_grow(store: Arc<dyn Store>) {
    let mut last = Revision(0);
    let mut made = create(&*store, token(AccountId::fresh())).await;
    for _ in 0..5 {
        assert!(made.revision > last);
        last = made.revision;
        made = edit(&*store, made).await;
    }
    assert!(delete(&*store, &made).await > made.revision);
}

async fn usage_adds_up(store: Arc<dyn Store>) {
    let one = create(&*store, token(AccountId::fresh())).await.id;
    let two = create(&*store, token(AccountId::fresh())).await.id;
    store.record_usage(vec![(one, usage(3, 50)), (one, usage(2, 40))]).await.expect("recorded");
    store.record_usage(vec![(one, usage(1, 45))]).await.expect("recorded");
    let found = store.usage(vec![two, one, TokenId::fresh()]).await.expect("readable");
    assert_eq!(found, [Usage::default(), usage(6, 50), Usage::default()]);
}

async fn nothing_is_taken_once_closed(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    store.close().await.expect("closed in order");
    let refused = store.commit(vec![put(&token(made.account), Expect::Absent)]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Closed))), "{refused:?}");
    assert!(matches!(store.token(made.id).await, Err(StoreError::Closed)));
    assert!(matches!(store.record_usage(vec![(made.id, usage(1, 1))]).await, Err(StoreError::Closed)));
    assert_eq!(store.health(), Err(Impaired::Closed));
    store.close().await.expect("a second time changes nothing");
}

async fn everybody_at_once_is_acknowledged(store: Arc<dyn Store>) {
    let home = AccountId::fresh();
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut made = Vec::new();
            for _ in 0..5 {
                made.push(create(&*store, token(home)).await);
            }
            made
        });
    }
    let mut made: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    made.sort_by_key(|token| token.id);
    assert_eq!(all_pages(&*store, home, 50).await, made);
    let revisions: BTreeSet<_> = made.iter().map(|token| token.revision).collect();
    assert_eq!(revisions.len(), 320, "each commit has a revision of its own");
}

async fn of_concurrent_editors_one_wins(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    let mut tasks = JoinSet::new();
    for editor in 0..32 {
        let (store, edited) = (Arc::clone(&store), Token { name: format!("editor {editor}"), ..made.clone() });
        tasks.spawn(async move {
            let outcome = store.commit(vec![put(&edited, Expect::Revision(edited.revision))]).await;
            outcome.map(|revision| Token { revision, ..edited })
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 31));
    assert!(lost.iter().all(|outcome| matches!(outcome, Err(CommitError::Conflict(_)))), "{lost:?}");
    let winner = won.into_iter().next().and_then(Result::ok);
    assert_eq!(store.token(made.id).await.expect("readable"), winner);
}

async fn what_was_never_made_is_known_to_be_absent(store: Arc<dyn Store>) {
    let made = create(&*store, token(AccountId::fresh())).await;
    assert!(store.may_hold(&made.digest));
    let rotated = edit(&*store, Token { digest: digest("rotated"), ..made }).await;
    assert!(store.may_hold(&rotated.digest));
    let strangers = (0..10_000).filter(|number| store.may_hold(&digest(&format!("stranger {number}")))).count();
    assert!(strangers < 500, "{strangers} of 10,000 strangers would cost a read");
}

async fn a_copy_is_as_of_its_beginning(store: Arc<dyn Store>) {
    let mut home = account("home");
    let write = Write::PutAccount { account: home.clone(), expect: Expect::Absent };
    home.revision = store.commit(vec![write]).await.expect("it is new");
    let mut ada = user(home.id);
    ada.revision = store.commit(vec![Write::PutUser { user: ada.clone(), expect: Expect::Absent }]).await.expect("new");
    let mut made = Vec::new();
    for _ in 0..1_500 {
        made.push(create(&*store, token(home.id)).await);
    }
    store.record_usage(vec![(made[3].id, usage(3, 4))]).await.expect("recorded");

    let mut copy = store.snapshot().await.expect("a copy");
    let head = *copy.head();
    let mut records = copy.next().await.expect("readable");
    // The first and the last record of each kind, and more than a chunk between them.
    for at in [0, 1, 700, 1_498] {
        edit(&*store, revoked(&made[at])).await;
    }
    delete(&*store, &made[1_499]).await;
    delete(&*store, &made[2]).await;
    let moved = Account { name: "elsewhere".to_owned(), ..home.clone() };
    let write = Write::PutAccount { account: moved, expect: Expect::Revision(home.revision) };
    store.commit(vec![write]).await.expect("nobody else edits it");
    store.commit(vec![Write::DeleteUser { id: ada.id, expect: ada.revision }]).await.expect("deleted");
    for _ in 0..600 {
        create(&*store, token(home.id)).await;
    }
    records.extend(rest(&mut *copy).await);
    drop(copy);

    let used = |token: &Token| if token.id == made[3].id { usage(3, 4) } else { Usage::default() };
    let tokens = made.iter().map(|token| Record::Token(token.clone(), used(token)));
    let expected: Vec<_> = [Record::Account(home), Record::User(ada)].into_iter().chain(tokens).collect();
    assert_eq!(records.len(), expected.len());
    assert!(records == expected, "every record as it was, accounts first, then users, and tokens in order");
    assert_eq!((head.tokens, head.accounts), (1_500, 1));
    assert_eq!(proof_of(&key(), head.store, head.revision, records.iter()), head);
    store.snapshot().await.expect("another one, now that the first is done");
}

async fn a_copy_under_load_is_of_one_revision(store: Arc<dyn Store>) {
    let home = AccountId::fresh();
    for _ in 0..600 {
        create(&*store, token(home)).await;
    }
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut mine = create(&*store, token(home)).await;
            for round in 0..60 {
                mine = edit(&*store, Token { name: format!("{number} {round}"), ..mine }).await;
                let other = create(&*store, token(home)).await;
                if round % 2 == 0 {
                    delete(&*store, &other).await;
                }
            }
        });
    }
    let mut copies = 0;
    while !tasks.is_empty() || copies < 3 {
        let mut copy = store.snapshot().await.expect("a copy");
        let head = *copy.head();
        let records = rest(&mut *copy).await;
        assert_eq!(proof_of(&key(), head.store, head.revision, records.iter()), head);
        drop(copy);
        copies += 1;
        while let Some(done) = tasks.try_join_next() {
            done.expect("every change was taken");
        }
    }
}

/// What of a copy was not read yet.
async fn rest(copy: &mut dyn Snapshot) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        let more = copy.next().await.expect("readable");
        if more.is_empty() {
            return records;
        }
        records.extend(more);
    }
}

/// What both stores prove with.
fn key() -> StoreKey {
    StoreKey::new(&[7; 32])
}
