//! Nanoseconds of the decision: parse, hash, cache hit, authorize, and all of them together.
//!
//! `cargo bench --bench hot_path`

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use keygate::auth::{
    Accounts, CacheOptions, Lifecycle, Need, NewAccount, NewToken, NewUser, Users, Verdict, Verifier, VerifierOptions,
    authorize, bearer,
};
use keygate::limit::KeyedLimiter;
use keygate::model::{
    Access, Action, Clock, Grants, Kind, Pepper, Quota, ResourceName, TokenHasher, TokenPrefix, TokenText, parse_token,
};
use keygate::route::{Pattern, RouteTable, canonical};
use keygate::server::{HeadLimits, Inspector};
use keygate::store::{MemoryStore, Store, StoreKey};

fn hot_path(criterion: &mut Criterion) {
    let setup = Setup::new();
    let text = setup.text.expose();
    let hasher = TokenHasher::new(&pepper());
    let devices: ResourceName = "devices".parse().expect("a name");
    let need = Need { resource: &devices, action: Action::Read, target: None };
    let now = Clock::system().wall();
    let table = RouteTable::new(&[Pattern { host: None, path: "/v1/devices/{*rest}".to_owned(), methods: Vec::new() }])
        .expect("a table");
    let limiter = KeyedLimiter::new(Quota::new(u32::MAX, Duration::from_secs(86_400 * 31)).expect("a quota"));

    criterion.bench_function("inspect: an API client's head", |b| inspect(b, API_HEAD));
    criterion.bench_function("inspect: a browser's head", |b| inspect(b, BROWSER_HEAD));
    criterion.bench_function("credential: header to text", |b| b.iter(|| bearer(black_box(&setup.headers))));
    criterion.bench_function("parse: form and checksum", |b| b.iter(|| parse_token(black_box(text), &setup.prefix)));
    criterion.bench_function("hash: keyed blake3", |b| b.iter(|| hasher.digest(black_box(text))));
    criterion
        .bench_function("path: canonical form", |b| b.iter(|| assert!(canonical(black_box("/v1/devices/42")).is_ok())));
    criterion
        .bench_function("route: find", |b| b.iter(|| table.find("", black_box("/v1/devices/42"), &http::Method::GET)));
    criterion.bench_function("limit: charge one key", |b| b.iter(|| limiter.charge(black_box(7))));
    criterion.bench_function("verify: parse, hash, cache hit", |b| b.iter(|| setup.verify(black_box(text))));
    let principal = setup.verify(text);
    criterion.bench_function("authorize: warm principal", |b| {
        b.iter(|| assert!(authorize(Arc::clone(&principal), black_box(need), &setup.accounts, now).is_ok()));
    });
    let personal = setup.verify(setup.personal.expose());
    criterion.bench_function("authorize: a user's token below a ceiling", |b| {
        b.iter(|| assert!(authorize(Arc::clone(&personal), black_box(need), &setup.accounts, now).is_ok()));
    });
    criterion.bench_function("decide: credential to permit", |b| {
        b.iter(|| {
            let text = bearer(black_box(&setup.headers)).expect("a credential");
            let principal = setup.verify(text);
            assert!(authorize(principal, need, &setup.accounts, now).is_ok());
        });
    });
}

/// As curl and most libraries send it.
const API_HEAD: &str = "GET /v1/devices/42 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\
    Authorization: Bearer kg_svc_000000000000000000000000000000abcdef\r\nAccept-Encoding: gzip\r\n\r\n";

const BROWSER_HEAD: &str = "GET /v1/devices/42?fields=name,state HTTP/1.1\r\nHost: api.example.com\r\nConnection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: application/json, text/plain, */*\r\nAccept-Language: en-GB,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Authorization: Bearer kg_svc_000000000000000000000000000000abcdef\r\nOrigin: https://app.example.com\r\n\
    Referer: https://app.example.com/devices\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\n\r\n";

fn inspect(bencher: &mut Bencher<'_>, head: &str) {
    let mut inspector = Inspector::new(HeadLimits { max_bytes: 64 * 1024, max_lines: 100 });
    bencher.iter(|| {
        let passage = inspector.inspect(black_box(head.as_bytes()));
        assert!(passage.pass == head.len() && passage.fault.is_none());
    });
}

/// A token that is in the cache.
struct Setup {
    prefix: TokenPrefix,
    verifier: Verifier,
    accounts: Accounts,
    text: TokenText,
    /// Of a user with two roles, in an account two levels down, each with a ceiling.
    personal: TokenText,
    headers: HeaderMap,
    _runtime: tokio::runtime::Runtime,
}

impl Setup {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(StoreKey::new(&[1; 32])));
        let cache = CacheOptions { tokens: 10_000, unknown: 10_000, unknown_ttl: Duration::from_secs(30) };
        let options = VerifierOptions { prefix: TokenPrefix::default(), hasher: TokenHasher::new(&pepper()), cache };
        let users = Users::new(Vec::new(), Arc::default());
        let (verifier, loader) = Verifier::new(options, Arc::clone(&store), Arc::default(), users.clone());
        runtime.spawn(loader.run());
        let accounts = Accounts::new(Vec::new());
        let lifecycle = Lifecycle::new(store, verifier.clone(), accounts.clone(), users, Clock::system());
        let (text, personal) = runtime.block_on(async {
            let root = lifecycle.create_account(NewAccount::plain(None, "root")).await.expect("an account");
            let everything = || Grants::new([(ResourceName::every_api(), Access::FULL)]);
            let (_, text) = lifecycle.create(NewToken::service(root.id, "", everything())).await.expect("a token");
            let mut below = root.id;
            for _ in 0..2 {
                let ceiling = Some(Grants::new([("devices".parse().expect("a name"), Access::READ_WRITE)]));
                let new = NewAccount { ceiling, ..NewAccount::plain(Some(below), "below") };
                below = lifecycle.create_account(new).await.expect("an account").id;
            }
            let roles = ["viewer", "deployment"].map(|name| name.parse().expect("a name")).to_vec();
            let (login, name) = ("ada".parse().expect("a login"), String::new());
            let ada = NewUser { account: below, login, name, password: None, roles };
            let ada = lifecycle.create_user(ada).await.expect("a user");
            let new =
                NewToken { kind: Kind::Personal, user: Some(ada.id), ..NewToken::service(below, "", everything()) };
            let (_, personal) = lifecycle.create(new).await.expect("a token");
            for text in [&text, &personal] {
                assert!(matches!(verifier.verify(text.expose()).await.1, Ok(Verdict::Known(_))));
            }
            (text, personal)
        });
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {}", text.expose()).try_into().expect("ASCII"));
        Self { prefix: TokenPrefix::default(), verifier, accounts, text, personal, headers, _runtime: runtime }
    }

    /// What the cache knows: never waits, or the bench would measure something else.
    fn verify(&self, text: &str) -> Arc<keygate::auth::Principal> {
        match pin!(self.verifier.verify(text)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((_, Ok(Verdict::Known(principal)))) => principal,
            _ => panic!("the token is in the cache"),
        }
    }
}

fn pepper() -> Pepper {
    Pepper::from_material(&[7; 32]).expect("long enough")
}

criterion_group!(benches, hot_path);
criterion_main!(benches);
