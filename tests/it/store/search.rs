//! Lists of tokens, sorted and filtered, on every store: compared with a naive reading of what they mean.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Atomic};

use fastrand::Rng;
use keygate::model::{Labels, TokenFilter};
use keygate::store::{Count, Found, MemoryStore, Order, Search, SortBy, StoreKey, to_second};

use super::*;

const DAY: i64 = 86_400_000;
/// 2026-11-25.
const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000);

type Known = Vec<(Token, Option<Timestamp>)>;

/// A token that others are like: few values, so that filters meet some and not others, and ties are many.
fn random(rng: &mut Rng, accounts: &[AccountId]) -> Token {
    let around = |rng: &mut Rng| Timestamp::from_millis(NOW.millis() + rng.i64(-20..20) * DAY + rng.i64(-2..2));
    let names = ["ci", "CI", "deploy", "Über", "", "a very long name of a token that goes on"];
    let labels = [("env", "prod"), ("env", "test"), ("team", "a"), ("team", "b"), ("free", "")];
    let picked: std::collections::BTreeMap<_, _> = (0..rng.usize(0..3)).map(|_| labels[rng.usize(0..5)]).collect();
    let mut made = token(accounts[rng.usize(..accounts.len())]);
    made.kind = Kind::ALL[rng.usize(..4)];
    made.name = names[rng.usize(..6)].to_owned();
    made.description = if rng.bool() { String::new() } else { "Deploys über alles".to_owned() };
    made.user = rng.bool().then(|| UserId::from_bytes([rng.u8(1..4); 16]));
    made.created_by = rng.bool().then(|| TokenId::from_bytes([rng.u8(1..4); 16]));
    made.state = [State::Active, State::Disabled, State::Revoked { at: NOW }][rng.usize(..3)];
    made.not_before = rng.bool().then(|| around(rng));
    made.expires = rng.bool().then(|| around(rng));
    made.created = around(rng);
    let picked = picked.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    made.labels = Labels::new(picked).expect("lawful");
    made
}

fn random_filter(rng: &mut Rng) -> TokenFilter {
    // About two conditions of eight.
    let mut on = || rng.u8(..4) == 0;
    let [states, kinds, user, by, unused, expires, text, labels] = std::array::from_fn(|_| on());
    let selectors = ["env=prod", "env!=prod", "team in (a,b),!env", "free", "env=prod,team=a", "team notin (a)"];
    let texts = ["ci", "ü", "deploy", "nothing has this"];
    let within = |rng: &mut Rng| Timestamp::from_millis(NOW.millis() + rng.i64(-10..20) * DAY);
    TokenFilter {
        states: if states {
            vec![["active", "not_yet_valid", "expired", "revoked", "disabled"][rng.usize(..5)], "active"]
        } else {
            vec![]
        },
        kinds: if kinds { vec![Kind::ALL[rng.usize(..4)]] } else { vec![] },
        user: user.then(|| UserId::from_bytes([rng.u8(1..5); 16])),
        created_by: by.then(|| TokenId::from_bytes([rng.u8(1..5); 16])),
        unused_since: unused.then(|| within(rng)),
        expires_by: expires.then(|| within(rng)),
        text: text.then(|| texts[rng.usize(..4)].to_owned()),
        labels: if labels { selectors[rng.usize(..6)].parse().expect("a selector") } else { Default::default() },
    }
}

fn random_order(rng: &mut Rng) -> Order {
    let by = [SortBy::Created, SortBy::Name, SortBy::Expires, SortBy::LastUsed][rng.usize(..4)];
    Order { by, descending: rng.bool() }
}

/// What a list is, word by word.
fn naive(known: &Known, search: &Search) -> Vec<TokenId> {
    let mut meant: Vec<_> = known
        .iter()
        .filter(|(token, used)| search.accounts.contains(&token.account) && search.filter.has(token, *used, NOW))
        .collect();
    meant.sort_by(|(one, one_used), (other, other_used)| {
        let order = match search.order.by {
            SortBy::Created => Ordering::Equal,
            SortBy::Name => one.name.to_ascii_lowercase().as_bytes().cmp(other.name.to_ascii_lowercase().as_bytes()),
            SortBy::Expires => (one.expires.is_none(), one.expires).cmp(&(other.expires.is_none(), other.expires)),
            SortBy::LastUsed => one_used.cmp(other_used),
        };
        let order = order.then(one.id.cmp(&other.id));
        if search.order.descending { order.reverse() } else { order }
    });
    meant.into_iter().map(|(token, _)| token.id).collect()
}

/// Every token of the list, page by page.
async fn walk(store: &dyn Store, mut search: Search) -> Vec<TokenId> {
    let mut ids = Vec::new();
    loop {
        let Found { tokens, next } = store.search(search.clone()).await.expect("found");
        assert!(tokens.len() <= search.limit);
        ids.extend(tokens.iter().map(|token| token.id));
        match next {
            Some(place) => search.after = Some(place),
            None => return ids,
        }
    }
}

async fn filled(store: &dyn Store, accounts: &[AccountId], rng: &mut Rng) -> Known {
    let mut known = Known::new();
    for _ in 0..300 {
        let token = create(store, random(rng, accounts)).await;
        let used = rng.bool().then(|| Timestamp::from_millis(NOW.millis() - rng.i64(..20 * DAY)));
        if let Some(at) = used {
            store.record_usage(vec![(token.id, Usage::new(1, Some(at)))]).await.expect("recorded");
        }
        known.push((token, used.map(to_second)));
    }
    // Some change, and some go.
    for at in (0..known.len()).rev().step_by(5) {
        let (token, used) = known.swap_remove(at);
        if rng.bool() {
            store.commit(vec![Write::DeleteToken { id: token.id, expect: token.revision }]).await.expect("deleted");
            continue;
        }
        let changed = Token { id: token.id, account: token.account, digest: token.digest, ..random(rng, accounts) };
        let write = Write::PutToken { token: changed.clone(), expect: Expect::Revision(token.revision) };
        let revision = store.commit(vec![write]).await.expect("changed");
        known.push((Token { revision, ..changed }, used));
    }
    known
}

async fn lists_are_what_they_say(store: &dyn Store, known: &Known, accounts: &[AccountId], rng: &mut Rng) {
    let mut met = 0;
    for _ in 0..400 {
        let scope = accounts[..rng.usize(1..=accounts.len())].to_vec();
        let order = random_order(rng);
        let search = Search { order, ..Search::of(scope, random_filter(rng), rng.usize(1..40), NOW) };
        let expected = naive(known, &search);
        met += expected.len();
        assert_eq!(walk(store, search.clone()).await, expected, "{search:?}");
        assert_eq!(
            store.count(search.clone()).await.expect("counted"),
            Count::Exactly(expected.len() as u64),
            "{search:?}"
        );
    }
    assert!(met > 2_000, "the filters let {met} through");
}

fn accounts() -> Vec<AccountId> {
    (0..3).map(|_| AccountId::fresh()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_lists_are_what_they_say() {
    let (store, accounts, mut rng) = (MemoryStore::new(StoreKey::new(&[7; 32])), accounts(), Rng::with_seed(1));
    let known = filled(&store, &accounts, &mut rng).await;
    lists_are_what_they_say(&store, &known, &accounts, &mut rng).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_lists_are_what_they_say_before_and_after_a_restart() {
    let (place, accounts, mut rng) = (tempfile::tempdir().expect("a directory"), accounts(), Rng::with_seed(2));
    let store = open(place.path());
    let known = filled(&store, &accounts, &mut rng).await;
    lists_are_what_they_say(&store, &known, &accounts, &mut rng).await;
    store.close().await.expect("closed");
    let store = open(place.path());
    lists_are_what_they_say(&store, &known, &accounts, &mut rng).await;
    store.close().await.expect("closed");
}

/// Whoever is there all the time is on exactly one page, whatever comes and goes between the pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_pages_miss_and_repeat_nothing_while_others_come_and_go() {
    let (place, accounts, mut rng) = (tempfile::tempdir().expect("a directory"), accounts(), Rng::with_seed(3));
    let store = Arc::new(open(place.path()));
    let mut steady = Vec::new();
    for _ in 0..150 {
        steady.push(create(&*store, random(&mut rng, &accounts)).await.id);
    }
    let over = Arc::new(AtomicBool::new(false));
    let churn = tokio::spawn({
        let (store, over, accounts, mut rng) = (Arc::clone(&store), Arc::clone(&over), accounts.clone(), rng.fork());
        async move {
            let mut count = 0;
            while !over.load(Atomic::Relaxed) {
                let made = create(&*store, random(&mut rng, &accounts)).await;
                let gone = Write::DeleteToken { id: made.id, expect: made.revision };
                if rng.bool() {
                    store.commit(vec![gone]).await.expect("deleted");
                }
                count += 1;
            }
            count
        }
    });
    for round in 0..40 {
        let order = random_order(&mut rng);
        let search = Search { order, ..Search::of(accounts.clone(), TokenFilter::default(), 7, NOW) };
        let mut seen = walk(&*store, search).await;
        let listed = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), listed, "something was listed twice in round {round}, sorted by {order:?}");
        assert!(
            steady.iter().all(|id| seen.binary_search(id).is_ok()),
            "something was skipped in round {round}, {order:?}"
        );
    }
    over.store(true, Atomic::Relaxed);
    assert!(churn.await.expect("it ends") > 40, "others came and went");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_reads_a_bounded_number_of_records() {
    let place = tempfile::tempdir().expect("a directory");
    let (store, home) = (open(place.path()), AccountId::fresh());
    let mut writes: Vec<_> = (0..5_000)
        .map(|_| Write::PutToken { token: Token { name: String::new(), ..token(home) }, expect: Expect::Absent })
        .collect();
    let wanted = Token { description: "the needle".to_owned(), ..token(home) };
    writes.push(Write::PutToken { token: wanted.clone(), expect: Expect::Absent });
    store.commit(writes).await.expect("made");
    let filter = TokenFilter { text: Some("needle".to_owned()), ..TokenFilter::default() };
    let mut search = Search::of(vec![home], filter, 10, NOW);
    let first = store.search(search.clone()).await.expect("found");
    assert!(first.tokens.is_empty() && first.next.is_some(), "the call ends before the list does");
    search.after = first.next;
    assert_eq!(walk(&store, search).await, [wanted.id]);
}
