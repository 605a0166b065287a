//! An installation to call: a root account, one below it, one that nobody reaches, and tokens of each.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::description::is_described;
use crate::admin::{AdminLimits, AdminState, Hosts, Readiness, router};
use crate::audit::{Audit, ChainKey};
use crate::auth::{
    Accounts, CacheOptions, Denial, Lifecycle, LoginGuard, LoginLimits, NewAccount, NewToken, NewUser, Password,
    Passwords, Rotate, Sealer, Users, Verdict, Verifier, VerifierOptions, admit_any,
};
use crate::event::{Distances, Events, WebhookOptions, Webhooks};
use crate::leak::{Desk, Leaks};
use crate::limit::TokenLimits;
use crate::model::{
    Account, AccountId, Clock, EventKind, Grants, Kind, Pepper, Policies, Policy, Quota, Reveal, Token, TokenHasher,
    TokenPrefix, TokenText, User, WebhookSecret,
};
use crate::outbound::Target;
use crate::route::{Leads, RouteView, action_of};
use crate::store::{Backups, MemoryStore, Store, StoreKey};
use crate::telemetry::Redaction;

pub(super) struct World {
    pub(super) router: Router,
    pub(super) lifecycle: Lifecycle,
    pub(super) verifier: Verifier,
    pub(super) accounts: Accounts,
    pub(super) users: Users,
    pub(super) clock: Clock,
    pub(super) store: Arc<MemoryStore>,
    pub(super) readiness: Arc<Mutex<Readiness>>,
    pub(super) root: Account,
    pub(super) child: Account,
    /// Beside the root's tree.
    pub(super) foreign: Account,
    /// The full manager: every API and every management right.
    pub(super) admin: Made,
    pub(super) webhooks: Webhooks,
}

/// A token with its text.
pub(super) struct Made {
    pub(super) token: Token,
    pub(super) text: String,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_policies(policies(|_| {})).await
    }

    pub(super) async fn with_policies(policies: Policies) -> Self {
        Self::of(policies, |store| store, AdminLimits::default()).await
    }

    /// Its backups are made of what `copies` makes of its store.
    pub(super) async fn with_copies(copies: impl FnOnce(Arc<MemoryStore>) -> Arc<dyn Store>) -> Self {
        Self::of(policies(|_| {}), copies, AdminLimits::default()).await
    }

    /// So many calls an hour by each token, and by each address that presents none.
    pub(super) async fn with_limits(each_token: u32, each_address: u32) -> Self {
        let hourly = |calls| Some(Quota::new(calls, Duration::from_secs(3_600)).expect("a quota"));
        let limits = AdminLimits::new(hourly(each_token), hourly(each_address));
        Self::of(policies(|_| {}), |store| store, limits).await
    }

    async fn of(
        policies: Policies,
        copies: impl FnOnce(Arc<MemoryStore>) -> Arc<dyn Store>,
        limits: AdminLimits,
    ) -> Self {
        let key = StoreKey::new(&[1; 32]);
        let store = Arc::new(MemoryStore::new(key.clone()));
        let clock = Clock::adjustable();
        let options = VerifierOptions {
            prefix: TokenPrefix::default(),
            hasher: TokenHasher::new(&Pepper::from_material(&[b'p'; 32]).expect("long enough")),
            cache: CacheOptions { tokens: 1_000, unknown: 1_000, unknown_ttl: Duration::from_secs(30) },
        };
        let users = Users::new(vec![], Arc::default());
        let (verifier, loader) = Verifier::new(
            options,
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::new(TokenLimits::new(None)),
            users.clone(),
        );
        tokio::spawn(loader.run());
        let accounts = Accounts::new(vec![]);
        let lifecycle = Lifecycle::new(
            Arc::clone(&store) as Arc<dyn Store>,
            verifier.clone(),
            accounts.clone(),
            users.clone(),
            clock.clone(),
        );
        let key_of_copies = Pepper::from_material(&[b'r'; 32]).expect("long enough");
        let sealer = Sealer::new(&key_of_copies).expect("a key");
        let lifecycle = lifecycle.with_sealer(Some(Arc::new(sealer)));
        let account = async |parent: Option<&Account>, visible_to_parent| {
            let new = NewAccount { visible_to_parent, ..NewAccount::plain(parent.map(|p| p.id), "an account") };
            lifecycle.create_account(new).await.expect("an account")
        };
        let root = account(None, true).await;
        let child = account(Some(&root), true).await;
        let foreign = account(Some(&root), false).await;
        let audit = Audit::in_memory(ChainKey::new(&[2; 32]), clock.clone());
        let readiness = Arc::new(Mutex::new(Readiness::Ready));
        let ready = Arc::clone(&readiness);
        let webhooks = Webhooks::new(vec![full_webhook()], clock.clone());
        let policies = Arc::new(policies);
        let (known, rules) = (accounts.clone(), Arc::clone(&policies));
        let events = Events::new(webhooks.clone(), known, rules, clock.clone(), Distances::default());
        let (desk, worker) = Desk::new(&lifecycle, &policies, (events.clone(), audit.clone()), Redaction::new("kg"));
        tokio::spawn(worker.run());
        let state = AdminState {
            lifecycle: lifecycle.clone(),
            verifier: verifier.clone(),
            accounts: accounts.clone(),
            users: users.clone(),
            policies,
            passwords: passwords(),
            login_guard: Arc::new(LoginGuard::new(LoginLimits::default())),
            limits: Arc::new(limits),
            backups: Backups::new(copies(Arc::clone(&store)), key),
            near_expiry: None,
            webhooks: webhooks.clone(),
            leaks: Leaks::new(desk, None),
            audit,
            proxy_url: "http://127.0.0.1:8080/".into(),
            example_path: "/v1/devices".into(),
            leads: Arc::new(leads),
            hosts: Hosts::named(&[]),
            realm: "keygate".into(),
            ready: Arc::new(move || ready.lock().expect("not poisoned").clone()),
            metrics: Arc::new(|| "# EOF\n".into()),
        };
        let router = router(state);
        let admin = make(&lifecycle, root.id, &[("*", "full"), ("keygate.*", "full")], |_| {}).await;
        events.over_limit(&admin.token, clock.wall(), 1);
        Self {
            router,
            lifecycle,
            verifier,
            accounts,
            users,
            clock,
            store,
            readiness,
            root,
            child,
            foreign,
            admin,
            webhooks,
        }
    }

    /// A path with the name of the webhook that there is, and the id of its dead letter.
    pub(super) fn of_webhooks(&self, path: &str) -> String {
        let letter = self.webhooks.dead("hook").and_then(|letters| letters.into_iter().next());
        path.replace("{name}", "hook").replace("{message}", &letter.map(|letter| letter.id).unwrap_or_default())
    }

    /// A member of the account with these roles, and a session of it there.
    pub(super) async fn member(&self, account: AccountId, login: &str, roles: &[&str]) -> (User, Made) {
        self.member_of_hash(account, login, roles, None).await
    }

    /// The same, with a password.
    pub(super) async fn member_with(
        &self,
        account: AccountId,
        login: &str,
        roles: &[&str],
        password: &str,
    ) -> (User, Made) {
        let hash = passwords().hash(Arc::new(Password::new(password.into()))).await.expect("a hash");
        self.member_of_hash(account, login, roles, Some(hash)).await
    }

    pub(super) async fn member_of_hash(
        &self,
        account: AccountId,
        login: &str,
        roles: &[&str],
        password: Option<String>,
    ) -> (User, Made) {
        let new = NewUser {
            account,
            login: login.parse().expect("a login"),
            name: login.into(),
            password,
            roles: roles.iter().map(|name| name.parse().expect("a name")).collect(),
        };
        let user = self.lifecycle.create_user(new).await.expect("a user");
        let everything = [("*", "full"), ("keygate.*", "full")];
        let session =
            self.make_with(account, &everything, |new| (new.kind, new.user) = (Kind::Session, Some(user.id))).await;
        (user, session)
    }

    pub(super) async fn make(&self, account: AccountId, grants: &[(&str, &str)]) -> Made {
        make(&self.lifecycle, account, grants, |_| {}).await
    }

    pub(super) async fn make_with(
        &self,
        account: AccountId,
        grants: &[(&str, &str)],
        change: impl FnOnce(&mut NewToken),
    ) -> Made {
        make(&self.lifecycle, account, grants, change).await
    }

    /// Gives the token another text, with a day of overlap; which one.
    pub(super) async fn rotate(&self, made: &Made) -> String {
        let overlap = Duration::from_secs(86_400);
        let rotate = Rotate { overlap, ends_running: false, by: None, retrievable: true };
        let (_, text) = self.lifecycle.rotate(made.token.id, rotate).await.expect("rotated");
        text.expose().to_owned()
    }

    /// The text of a token that nobody made.
    pub(super) fn make_text(&self) -> String {
        TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness").expose().to_owned()
    }

    /// One request; `token` and `body` where they are not empty.
    pub(super) async fn call(&self, method: Method, path: &str, token: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// The answer, which has to be one that is described.
    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        is_described(&method, &uri, &answer);
        answer
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &self.admin.text, "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call(Method::POST, path, &self.admin.text, body).await
    }

    pub(super) async fn patch(&self, path: &str, body: &str) -> Answer {
        self.call(Method::PATCH, path, &self.admin.text, body).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, &self.admin.text, "").await
    }

    /// What the gateway would make of the token now.
    pub(super) async fn standing(&self, text: &str) -> String {
        match self.verifier.verify(text).await.1 {
            Ok(Verdict::Known(principal)) => match admit_any(principal, &self.accounts, self.clock.wall()) {
                Ok(_) => "admitted".into(),
                Err(Denial::Revoked { .. }) => "revoked".into(),
                Err(denial) => format!("{denial:?}"),
            },
            Ok(Verdict::Unknown) => "unknown".into(),
            Ok(Verdict::NotAToken(error)) => format!("no token: {error}"),
            Err(error) => error.to_string(),
        }
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// A member of the answer's object, as text.
    pub(super) fn text_at(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {}", self.text)).to_owned()
    }

    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// That this is the problem of this status and code.
    #[track_caller]
    pub(super) fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["code"], code, "{}", answer.text);
        answer
    }
}

/// The lenient policy, which keeps copies and knows the plan `gold`, with these changes.
pub(super) fn policies(change: impl FnOnce(&mut Policy)) -> Policies {
    let mut policy = Policies::default().of([]).expect("the default").as_ref().clone();
    policy.reveal = Reveal::Retrievable;
    policy.plans.insert("gold".parse().expect("a name"), Kind::ALL.to_vec());
    change(&mut policy);
    Policies::new(policy, [])
}

/// One route, `/v1/devices/{id}`, which takes an account, and a public one, `/open`.
fn leads(_: &str, path: &str, method: &Method) -> Leads {
    let to = |needs, names_account| {
        Leads::To(RouteView { name: "route".into(), needs, names_account, enforces_filters: false })
    };
    match (path, action_of(method)) {
        ("/open", _) => to(None, false),
        ("/v1/devices/7", Some(action)) => to(Some(("devices".parse().expect("a name"), action)), true),
        ("/v1/devices/7", None) => Leads::OtherMethods(vec![Method::GET]),
        _ => Leads::Nowhere,
    }
}

pub(super) fn grants(entries: &[(&str, &str)]) -> Grants {
    Grants::new(
        entries
            .iter()
            .map(|(resource, access)| (resource.parse().expect("a resource"), access.parse().expect("an access"))),
    )
}

async fn make(
    lifecycle: &Lifecycle,
    account: AccountId,
    entries: &[(&str, &str)],
    change: impl FnOnce(&mut NewToken),
) -> Made {
    let mut new = NewToken { retrievable: true, ..NewToken::service(account, "a token", grants(entries)) };
    change(&mut new);
    let (token, text) = lifecycle.create(new).await.expect("a token");
    Made { token, text: text.expose().to_owned() }
}

/// That users have who have one.
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// One for all tests, which is made of real hashes: making one takes as long as a login.
fn passwords() -> Passwords {
    static PASSWORDS: LazyLock<Passwords> = LazyLock::new(|| Passwords::new().expect("randomness"));
    PASSWORDS.clone()
}

/// One that has no room: each message is a dead letter at once. Nobody listens where it leads.
fn full_webhook() -> WebhookOptions {
    let target = Target { host: "127.0.0.1".into(), port: 1, path: "/".into(), tls: None, allow_private: true };
    WebhookOptions {
        name: "hook".into(),
        url: "http://127.0.0.1:1/".into(),
        target,
        secrets: vec![WebhookSecret::parse(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret")],
        events: vec![EventKind::LimitReached],
        accounts: vec![],
        queue: 0,
        attempts: 1,
        retry_after: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
    }
}
