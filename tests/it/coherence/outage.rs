//! A store that fails or hangs: what is known goes on, and nobody else is let through or called unknown.
//!
//! Put together from the parts that the composition root has, around a store that does as it is told.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keygate::auth::{
    Accounts, CacheOptions, Lifecycle, NewAccount, NewToken, Source, Users, Verdict, Verifier, VerifierOptions,
};
use keygate::model::{AccountId, Clock, Grants, Kind, Pepper, TokenHasher, TokenId, TokenPrefix, TokenText};
use keygate::proxy::{
    Emit, Forwarding, Handler, HostHeader, Preflight, Proxy, ProxyOptions, Reports, Route, Rule, UpstreamOptions,
    UpstreamVersion, WebSockets, Worker,
};
use keygate::route::Pattern;
use keygate::server::{
    self, Address, Bound, ConnectionLimits, Grant, ProxyProtocol, ServeOptions, Sweep, TrustedHeader,
};
use keygate::telemetry::{Metrics, MetricsLayout, Redaction, access_log};
use tokio::runtime::{Builder, LocalOptions, Runtime};

use super::moody::{Mood, Moody};
use crate::support::{Answer, Upstream, eventually, get};

/// Of the texts of tokens.
pub fn hasher() -> TokenHasher {
    let pepper = Pepper::from_material(b"a pepper for tests, which is long enough to be one").expect("long enough");
    TokenHasher::new(&pepper)
}

/// The parts that decide, around a store.
pub struct Parts {
    pub store: Arc<Moody>,
    pub verifier: Verifier,
    lifecycle: Lifecycle,
    accounts: Accounts,
    account: AccountId,
    pub runtime: Runtime,
}

impl Parts {
    pub fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let store = Arc::new(Moody::new());
        let cache = CacheOptions { tokens: 100, unknown: 100, unknown_ttl: Duration::from_secs(60) };
        let options = VerifierOptions { prefix: TokenPrefix::default(), hasher: hasher(), cache };
        let users = Users::new(Vec::new(), Arc::default());
        let (verifier, loader) = Verifier::new(options, Arc::clone(&store) as _, Arc::default(), users.clone());
        runtime.spawn(loader.run());
        let accounts = Accounts::new(Vec::new());
        let lifecycle =
            Lifecycle::new(Arc::clone(&store) as _, verifier.clone(), accounts.clone(), users, Clock::system());
        let root = NewAccount::plain(None, "root");
        let account = runtime.block_on(lifecycle.create_account(root)).expect("the store answers").id;
        Self { store, verifier, lifecycle, accounts, account, runtime }
    }

    pub fn token(&self) -> (TokenId, String) {
        let name = "devices".parse().expect("a name");
        let grants = Grants::new([(name, "read".parse().expect("an access"))]);
        let new = NewToken::service(self.account, "", grants);
        let (token, text) = self.runtime.block_on(self.lifecycle.create(new)).expect("the store answers");
        (token.id, text.expose().to_owned())
    }

    /// Serves one route on one thread, which ends with the process.
    fn serve(&self, upstream: &Upstream) -> SocketAddr {
        let pattern = Pattern { host: None, path: "/v1/devices/{*rest}".to_owned(), methods: Vec::new() };
        let route = Route {
            name: "devices".to_owned(),
            rule: Rule::Protected { resource: "devices".parse().expect("a name"), action: None },
            upstream: 0,
            account: None,
            carriers: None,
            preflight: Preflight::Pass,
            names_options: false,
            cors: None,
            filter: None,
            max_body: None,
            response_timeout: Duration::from_secs(10),
            websockets: WebSockets::Off,
            stream_idle: None,
            limit: None,
        };
        let options = ProxyOptions {
            verifier: self.verifier.clone(),
            accounts: self.accounts.clone(),
            clock: Clock::system(),
            routes: vec![(pattern, route)],
            upstreams: vec![to(upstream)],
            realm: "keygate".to_owned(),
            redaction: Redaction::new("kg"),
            near_expiry: None,
            forwarding: Forwarding {
                trusted: Arc::default(),
                header: TrustedHeader::XForwarded,
                emit: Emit::XForwarded,
                via: None,
            },
            failure_limit: None,
        };
        let proxy = Proxy::new(options).expect("one route has no conflict");
        let address = Address::Tcp("127.0.0.1:0".parse().expect("an address"));
        let (mut listeners, place) = server::bind(&address, 1).expect("a free port");
        let (listener, address) = (listeners.remove(0), place.tcp().expect("an address"));
        std::thread::spawn(move || serve(proxy, listener));
        address
    }
}

fn to(upstream: &Upstream) -> UpstreamOptions {
    UpstreamOptions {
        name: "api".to_owned(),
        host: upstream.address().ip().to_string(),
        port: upstream.address().port(),
        socket: None,
        tls: None,
        version: UpstreamVersion::Http1,
        host_header: HostHeader::Preserve,
        connect_timeout: Duration::from_secs(10),
        max_idle: 8,
        idle_timeout: Duration::from_secs(60),
    }
}

fn serve(proxy: Arc<Proxy>, listener: Bound) {
    let limits = ConnectionLimits {
        header_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(30),
        stall: Grant { most: None, min_rate: None },
        max_headers: 100,
        max_head_bytes: 65_536,
        max_header_list: 16_384,
        max_streams: 8,
    };
    let options = ServeOptions {
        tls: None,
        proxy_protocol: ProxyProtocol::Off,
        trusted: Arc::default(),
        limits,
        max_connections: 100,
        addresses: None,
        max_handshakes: 100,
        refused: Box::new(drop),
        drain_timeout: Duration::from_secs(1),
    };
    let (routes, upstreams) = (vec!["devices".to_owned()], vec!["api".to_owned()]);
    let layout = MetricsLayout { routes, upstreams, ..MetricsLayout::default() };
    let metrics = Metrics::new(layout, 1).worker(0);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).expect("a runtime");
    runtime.block_on(async {
        let sweep = Sweep::new();
        let worker = Worker::new(
            proxy,
            Rc::clone(&sweep),
            metrics,
            access_log(false).0.buffer(),
            Reports { usage: Box::new(|_| Ok(())), limited: Box::new(drop) },
        );
        tokio::task::spawn_local(Rc::clone(&sweep).run(|_| {}));
        let listener = listener.listen().expect("not blocking");
        server::serve(listener, options, Handler(worker), sweep, std::future::pending()).await
    });
}

#[track_caller]
fn assert_away(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (503, "store_unavailable"));
    let wait: u64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("when to try again");
    assert!(wait >= 1);
    assert_eq!(answer.header("www-authenticate"), None, "no other token would help");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn without_a_store_known_tokens_go_on_and_others_are_told_to_come_back() {
    let upstream = Upstream::start();
    let parts = Parts::new();
    let proxy = parts.serve(&upstream);
    let (known, cold) = (parts.token().1, parts.token().1);
    let made_up = TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness");
    let made_up = made_up.expose().to_owned();
    assert_eq!(get(proxy, "/v1/devices/7", &known).status, 200);

    parts.store.be(Mood::Fails);
    for _ in 0..3 {
        assert_eq!(get(proxy, "/v1/devices/7", &known).status, 200, "it is remembered");
        assert_away(&get(proxy, "/v1/devices/7", &cold));
        assert_away(&get(proxy, "/v1/devices/7", &made_up));
        assert_away(&get(proxy, "/nowhere", &cold));
        assert_eq!(get(proxy, "/v1/devices/7", "kg_svc_nonsense").status, 401, "this needs no store");
    }
    assert_eq!(upstream.seen().len(), 4, "only the known one arrived");

    parts.store.be(Mood::Answers);
    assert_eq!(get(proxy, "/v1/devices/7", &cold).status, 200, "the outage was not remembered as a verdict");
    let unknown = get(proxy, "/v1/devices/7", &made_up);
    assert_eq!((unknown.status, unknown.problem().as_str()), (401, "invalid_token"));
}

#[test]
fn slow_a_store_that_hangs_is_given_up_and_holds_up_nobody_who_is_known() {
    let upstream = Upstream::start();
    let parts = Parts::new();
    let proxy = parts.serve(&upstream);
    let (known, cold) = (parts.token().1, parts.token().1);
    assert_eq!(get(proxy, "/v1/devices/7", &known).status, 200);
    parts.store.be(Mood::Hangs);
    let waiting = std::thread::spawn({
        let cold = cold.clone();
        move || get(proxy, "/v1/devices/7", &cold)
    });
    let clock = Clock::system();
    let begun = clock.mono();
    while !waiting.is_finished() {
        let asked = clock.mono();
        assert_eq!(get(proxy, "/v1/devices/7", &known).status, 200);
        assert!(asked.elapsed() < Duration::from_secs(2), "on the same thread, and not held up");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_away(&waiting.join().expect("an answer"));
    assert!(begun.elapsed() > Duration::from_secs(1), "it did hang");
    parts.store.be(Mood::Answers);
    assert_eq!(get(proxy, "/v1/devices/7", &cold).status, 200);
}

/// What was read before a revocation and comes in after it is neither kept nor given to whoever asks
/// after it.
#[test]
fn a_slow_look_up_does_not_bring_a_revoked_token_back() {
    let upstream = Upstream::start();
    let parts = Parts::new();
    let proxy = parts.serve(&upstream);
    let (id, token) = parts.token();
    let ask = |token: &str| {
        let token = token.to_owned();
        std::thread::spawn(move || get(proxy, "/v1/devices/7", &token).status)
    };
    parts.store.be(Mood::Lags);
    let before = ask(&token);
    eventually("the look-up has begun", || (parts.store.asked() == 1).then_some(()));
    parts.runtime.block_on(parts.lifecycle.revoke(id)).expect("the store answers");
    let after: Vec<_> = (0..8).map(|_| ask(&token)).collect();
    // Time for them to get in line; it holds too if some come later.
    std::thread::sleep(Duration::from_millis(100));
    parts.store.be(Mood::Answers);
    assert_eq!(before.join().expect("an answer"), 200, "it was begun before");
    let after: Vec<_> = after.into_iter().map(|asked| asked.join().expect("an answer")).collect();
    assert_eq!(after, [401; 8]);
    assert_eq!(get(proxy, "/v1/devices/7", &token).problem(), "token_revoked", "nor is it remembered");
}

#[test]
fn callers_who_wait_for_the_same_token_share_one_look_up() {
    const CALLERS: usize = 200;
    let parts = Parts::new();
    let (_, token) = parts.token();
    parts.store.be(Mood::Hangs);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (verifier, token) = (parts.verifier.clone(), token.clone());
            parts.runtime.spawn(async move { verifier.verify(&token).await })
        })
        .collect();
    eventually("the first look-up", || (parts.store.asked() > 0).then_some(()));
    parts.store.be(Mood::Answers);
    for caller in callers {
        let (source, verdict) = parts.runtime.block_on(caller).expect("no panic");
        assert!(matches!(verdict, Ok(Verdict::Known(_))));
        assert!(matches!(source, Source::Store | Source::Cache));
    }
    assert_eq!(parts.store.asked(), 1);
}
