//! Every call of the management API with every kind of credential; below, the same for routes.
//!
//! The table says what each call needs, apart from the code that decides it. A call that is missing
//! from it fails a test of its own.

mod browsers;
mod routes;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use keygate::admin::{ENDPOINTS, Right};
use keygate::model::Action;
use serde_json::{Value, json};

use crate::support::{Answer, Cast, Client, Credential, Gateway, Outcome, Upstream};

/// A call of the management API.
struct Call {
    method: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    right: Right,
    /// What a caller with the right gets.
    ok: u16,
}

const fn call(method: &'static str, path: &'static str, right: Right, ok: u16) -> Call {
    Call { method, path, body: None, right, ok }
}

const fn with(body: &'static str, call: Call) -> Call {
    Call { body: Some(body), ..call }
}

const fn tokens(action: Action) -> Right {
    Right::Needs { resource: "keygate.tokens", action }
}

const fn accounts(action: Action) -> Right {
    Right::Needs { resource: "keygate.accounts", action }
}

const fn webhooks(action: Action) -> Right {
    Right::NeedsRoot { resource: "keygate.webhooks", action }
}

const fn users(action: Action) -> Right {
    Right::Needs { resource: "keygate.users", action }
}

/// About the caller itself.
const EXPLAIN: &str = r#"{"method": "GET", "path": "/v1/devices/7"}"#;

/// Grants that whoever may create tokens can give.
const NEW_TOKEN: &str = r#"{"name": "new", "grants": {"keygate.audit": "write"}}"#;

/// Refuses its one key, whoever asks.
const IMPORT: &str = r#"{"tokens": [{}]}"#;

/// A role that reads everything, which only some callers can give.
const NEW_MEMBER: &str = r#"{"user": "{other}", "roles": ["viewer"]}"#;
const OTHER_ROLES: &str = r#"{"roles": ["viewer"]}"#;
const LOGIN: &str = r#"{"login": "{login}", "password": "correct horse battery"}"#;
const ACCEPT: &str = r#"{"invitation": "{invitation}", "password": "another password"}"#;
const CHANGE: &str = r#"{"current": "correct horse battery", "new": "another password"}"#;
/// About the target's text.
const FORM: &str = "token={text}";
/// Nobody's token.
const LEAKS: &str = r#"{"leaks": [{"token": "x"}]}"#;
/// Ends the token that makes the call.
const SELF: &str = "/v1/tokens/current/revoke";
const BEGIN: Right = Right::OpenOrNeeds { resource: "keygate.sessions", action: Action::Create };

#[rustfmt::skip] // One line each, so that the table can be read as one.
const CALLS: &[Call] = &[
    call("GET", "/livez", Right::Open, 200),
    call("GET", "/readyz", Right::Open, 200),
    call("GET", "/metrics", Right::Open, 200),
    call("GET", "/openapi.json", Right::Open, 200),
    call("GET", "/docs", Right::Open, 200),
    call("GET", "/v1/whoami", Right::Any, 200),
    with(EXPLAIN, call("POST", "/v1/explain", Right::Any, 200)),
    call("GET", "/v1/tokens", tokens(Action::Read), 200),
    with(NEW_TOKEN, call("POST", "/v1/tokens", tokens(Action::Create), 201)),
    with(IMPORT, call("POST", "/v1/tokens/import", Right::NeedsRoot { resource: "keygate.tokens", action: Action::Create }, 200)),
    with(r#"{"all": true, "dry_run": true}"#, call("POST", "/v1/tokens/revoke", tokens(Action::Delete), 200)),
    call("GET", "/v1/tokens/{id}", tokens(Action::Read), 200),
    with(r#"{"description": "edited"}"#, call("PATCH", "/v1/tokens/{id}", tokens(Action::Update), 200)),
    call("DELETE", "/v1/tokens/{id}", tokens(Action::Delete), 204),
    call("POST", "/v1/tokens/{id}/disable", tokens(Action::Update), 200),
    call("POST", "/v1/tokens/{id}/enable", tokens(Action::Update), 200),
    call("POST", "/v1/tokens/{id}/revoke", tokens(Action::Delete), 200),
    call("GET", "/v1/tokens/{id}/usage", tokens(Action::Read), 200),
    call("POST", "/v1/tokens/{id}/reveal", tokens(Action::Create), 409),
    call("POST", "/v1/tokens/{id}/rotate", tokens(Action::Create), 200),
    call("POST", "/v1/tokens/{id}/rotation/end", tokens(Action::Update), 200),
    with(r#"{"by": "1h"}"#, call("POST", "/v1/tokens/{id}/rotation/extend", tokens(Action::Update), 200)),
    call("POST", "/v1/tokens/{id}/rotation/undo", tokens(Action::Update), 200),
    call("POST", SELF, Right::Any, 200),
    with(FORM, call("POST", "/v1/introspect", Right::Any, 200)),
    with(FORM, call("POST", "/v1/revoke", Right::Any, 200)),
    call("GET", "/v1/accounts", accounts(Action::Read), 200),
    with(r#"{"name": "new"}"#, call("POST", "/v1/accounts", accounts(Action::Create), 201)),
    call("GET", "/v1/accounts/{id}", accounts(Action::Read), 200),
    with(r#"{"name": "edited"}"#, call("PATCH", "/v1/accounts/{id}", accounts(Action::Update), 200)),
    call("DELETE", "/v1/accounts/{id}", accounts(Action::Delete), 204),
    call("GET", "/v1/accounts/{id}/policy", tokens(Action::Read), 200),
    call("GET", "/v1/policies", accounts(Action::Read), 200),
    call("GET", "/v1/roles", tokens(Action::Read), 200),
    call("GET", "/v1/accounts/{id}/members", users(Action::Read), 200),
    with(NEW_MEMBER, call("POST", "/v1/accounts/{id}/members", users(Action::Create), 201)),
    call("GET", "/v1/accounts/{id}/members/{user}", users(Action::Read), 200),
    with(OTHER_ROLES, call("PATCH", "/v1/accounts/{id}/members/{user}", users(Action::Update), 200)),
    call("DELETE", "/v1/accounts/{id}/members/{user}", users(Action::Delete), 204),
    call("GET", "/v1/users", users(Action::Read), 200),
    with(r#"{"login": "new-{login}"}"#, call("POST", "/v1/users", users(Action::Create), 201)),
    call("GET", "/v1/users/{id}", users(Action::Read), 200),
    with(r#"{"name": "edited"}"#, call("PATCH", "/v1/users/{id}", users(Action::Update), 200)),
    call("DELETE", "/v1/users/{id}", users(Action::Delete), 204),
    call("POST", "/v1/users/{id}/invitation", users(Action::Update), 201),
    with(CHANGE, call("PUT", "/v1/users/me/password", Right::Any, 204)),
    with(ACCEPT, call("POST", "/v1/invitations", Right::Open, 204)),
    with(LOGIN, call("POST", "/v1/sessions", BEGIN, 201)),
    call("GET", "/v1/sessions", Right::Any, 200),
    call("DELETE", "/v1/sessions/current", Right::Any, 204),
    call("DELETE", "/v1/sessions/{id}", Right::Any, 204),
    call("GET", "/v1/audit", Right::Needs { resource: "keygate.audit", action: Action::Read }, 200),
    call("GET", "/v1/audit/export", Right::NeedsRoot { resource: "keygate.audit", action: Action::Read }, 200),
    with(LEAKS, call("POST", "/v1/leaks", Right::Needs { resource: "keygate.leaks", action: Action::Create }, 202)),
    // Off.
    call("POST", "/v1/leaks/github", Right::Open, 404),
    // The gateways of these tests have none.
    call("GET", "/v1/webhooks", webhooks(Action::Read), 200),
    call("GET", "/v1/webhooks/{name}", webhooks(Action::Read), 404),
    call("GET", "/v1/webhooks/{name}/dead", webhooks(Action::Read), 404),
    call("GET", "/v1/webhooks/{name}/dead/{message}", webhooks(Action::Read), 404),
    call("POST", "/v1/webhooks/{name}/test", webhooks(Action::Update), 404),
    with("{}", call("POST", "/v1/webhooks/{name}/redeliver", webhooks(Action::Update), 404)),
    with(r#"{"ids": "all"}"#, call("POST", "/v1/webhooks/{name}/discard", webhooks(Action::Delete), 404)),
    call("GET", "/v1/store/backup", Right::NeedsRoot { resource: "keygate.store", action: Action::Read }, 200),
];

/// What there is not: told to callers with a token in force, and to nobody else.
#[rustfmt::skip]
const NO_CALLS: &[Call] = &[
    call("GET", "/v1/nothing", Right::Any, 404),
    call("GET", "/v1/devices/7", Right::Any, 404),
    call("PUT", "/v1/tokens", Right::Any, 405),
    call("DELETE", "/v1/whoami", Right::Any, 405),
    call("POST", "/livez", Right::Any, 405),
];

/// What stands for the names in braces.
struct Target {
    id: String,
    names: Vec<(&'static str, String)>,
    /// Where it can be looked at.
    shown: String,
}

impl Target {
    #[track_caller]
    fn new(gateway: &Gateway, path: &str) -> Self {
        let id_of = |method: &str, path: &str, body: Value| {
            let answer = gateway.admin.call(method, path, Some(body));
            assert_eq!(answer.status, 201, "{}", answer.text());
            answer.json()["id"].as_str().expect("an id").to_owned()
        };
        let of = |list: &str, id: String| Self { shown: format!("{list}/{id}"), id, names: vec![] };
        match path {
            _ if path.contains("/members") => {
                Self::member(gateway, id_of("POST", "/v1/accounts", json!({"name": "t"})))
            }
            _ if path.starts_with("/v1/accounts") => {
                of("/v1/accounts", id_of("POST", "/v1/accounts", json!({"name": "target"})))
            }
            "/v1/sessions/{id}" => {
                let user = new_user(gateway, &["viewer"]);
                of("/v1/tokens", id_of("POST", "/v1/sessions", json!({"user": user.id})))
            }
            "/v1/sessions" => new_user(gateway, &["viewer"]),
            _ if path.starts_with("/v1/users") || path == "/v1/invitations" => new_user(gateway, &[]),
            _ if path.contains("/rotation/") => {
                let made = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}}));
                gateway.admin.change(&made.id, "rotate");
                of("/v1/tokens", made.id)
            }
            _ => {
                let made = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}}));
                Self { names: vec![("{text}", made.secret)], ..of("/v1/tokens", made.id) }
            }
        }
    }

    /// A member of the account, and a user who is none.
    #[track_caller]
    fn member(gateway: &Gateway, account: String) -> Self {
        let (user, other) = (new_user(gateway, &[]).id, new_user(gateway, &[]).id);
        let members = format!("/v1/accounts/{account}/members");
        let added = gateway.admin.call("POST", &members, Some(json!({"user": user, "roles": ["viewer"]})));
        assert_eq!(added.status, 201, "{}", added.text());
        let shown = format!("{members}/{user}");
        Self { id: account, shown, names: vec![("{user}", user), ("{other}", other)] }
    }

    fn show(&self, gateway: &Gateway) -> Value {
        gateway.admin.call("GET", &self.shown, None).json()
    }

    /// The text with this target's names in it.
    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.replace("{id}", &self.id), |text, (name, value)| text.replace(name, value))
    }
}

/// A user with a password and an invitation.
#[track_caller]
fn new_user(gateway: &Gateway, roles: &[&str]) -> Target {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let login = format!("user-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let mut body = json!({"login": login, "password": "correct horse battery"});
    if !roles.is_empty() {
        body["roles"] = json!(roles);
    }
    let made = gateway.admin.call("POST", "/v1/users", Some(body));
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let invited = gateway.admin.call("POST", &format!("/v1/users/{id}/invitation"), None).json();
    let invitation = invited["invitation"].as_str().expect("a text").to_owned();
    Target { shown: format!("/v1/users/{id}"), id, names: vec![("{login}", login), ("{invitation}", invitation)] }
}

fn ask(gateway: &Gateway, call: &Call, target: &Target, authorization: Option<&str>) -> Answer {
    let is_form = call.body == Some(FORM);
    let content = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
    let mut headers = vec![("Content-Type", content)];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    let body = target.fill(call.body.unwrap_or_default());
    Client::connect(gateway.admin.address).request(call.method, &target.fill(call.path), &headers, body.as_bytes())
}

/// What those calls answer whose handlers look at who calls: none of the credentials is a session.
fn of_handler(call: &Call, credential: Credential) -> Option<Outcome> {
    use Credential as C;
    // They manage, and read nothing of the API.
    let cannot_give = matches!(credential, C::ManageWrite | C::ManageFull);
    Some(match (call.method, call.path) {
        (_, "/v1/introspect") if !credential.may("keygate.introspection", Action::Read) => {
            Outcome::insufficient("keygate.introspection", Action::Read)
        }
        (_, "/v1/revoke") if !credential.may("keygate.tokens", Action::Delete) => {
            Outcome::insufficient("keygate.tokens", Action::Delete)
        }
        ("GET", "/v1/sessions") | ("PUT", _) => Outcome::problem(403, "no_user"),
        (_, "/v1/sessions/current") => Outcome::problem(409, "not_a_session"),
        (_, "/v1/sessions/{id}") if !matches!(credential, C::Administrator | C::ManageFull) => {
            Outcome::problem(404, "not_found")
        }
        // The user is a member of no account that it reaches.
        ("POST", "/v1/sessions") if credential == C::OtherAccount => Outcome::problem(422, "invalid_fields"),
        (_, "/v1/tokens/{id}/reveal") if !cannot_give => Outcome::problem(409, "not_retrievable"),
        (
            "POST",
            "/v1/sessions" | "/v1/accounts/{id}/members" | "/v1/tokens/{id}/reveal" | "/v1/tokens/{id}/rotate",
        )
        | ("PATCH", "/v1/accounts/{id}/members/{user}")
            if cannot_give =>
        {
            Outcome::challenged(403, "grants_exceeded", None)
        }
        _ => return None,
    })
}

fn of_call(call: &Call, credential: Credential) -> Outcome {
    let ok = match call.ok {
        404 if call.path == "/v1/leaks/github" => Outcome::problem(404, "leaks_off"),
        404 if call.path.starts_with("/v1/webhooks/") => Outcome::problem(404, "not_found"),
        404 => Outcome::problem(404, "no_endpoint"),
        405 => Outcome::problem(405, "method_not_allowed"),
        status => Outcome::ok(status),
    };
    match (call.right, credential.refusal()) {
        (Right::Open, _) => ok,
        (Right::OpenOrNeeds { .. }, Some(_)) if credential == Credential::Nothing => ok,
        (_, Some(refusal)) => refusal,
        (Right::Any, None) if call.ok < 300 => of_handler(call, credential).unwrap_or(ok),
        (Right::Any, None) => ok,
        (
            Right::Needs { resource, action }
            | Right::NeedsRoot { resource, action }
            | Right::OpenOrNeeds { resource, action },
            None,
        ) if !credential.may(resource, action) => Outcome::insufficient(resource, action),
        (Right::NeedsRoot { .. }, None) if credential == Credential::OtherAccount => {
            Outcome::challenged(403, "root_only", None)
        }
        // What another account has is not there for it.
        _ if credential == Credential::OtherAccount && call.path.contains("{id}") => Outcome::problem(404, "not_found"),
        _ => of_handler(call, credential).unwrap_or(ok),
    }
}

#[test]
fn each_call_answers_each_credential_as_it_must() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let cast = Cast::new(&gateway);
    let mut asked = 0;
    for call in CALLS.iter().chain(NO_CALLS) {
        let what = |credential| format!("{} {} with {credential:?}", call.method, call.path);
        let mut target = Target::new(&gateway, call.path);
        let mut before = target.show(&gateway);
        for (credential, authorization) in cast.each() {
            asked += 1;
            // Who gives itself up is of no use afterwards: `tests/it/rotation.rs` and the API's own tests do it.
            if call.path == SELF && credential.refusal().is_none() {
                continue;
            }
            let expected = of_call(call, credential);
            let answer = ask(&gateway, call, &target, authorization.as_deref());
            assert_eq!(Outcome::of(&answer), expected, "{}: {answer:?}", what(credential));
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", what(credential));
            if expected.status < 300 && (call.path.contains("{id}") || call.body.is_some()) {
                target = Target::new(&gateway, call.path);
                before = target.show(&gateway);
            }
            assert_eq!(target.show(&gateway), before, "{}: a refusal changes nothing", what(credential));
        }
    }
    assert_eq!(asked, (CALLS.len() + NO_CALLS.len()) * 16);
    assert_eq!(upstream.seen().len(), 0, "the management API is not forwarded");
}

#[test]
fn every_call_of_the_management_api_is_in_the_table() {
    let line = |method: &str, path: &str, right: Right| format!("{method} {path} {right:?}");
    let served: BTreeSet<_> = ENDPOINTS.iter().map(|e| line(e.method.as_str(), e.path, e.right)).collect();
    let tested: BTreeSet<_> = CALLS.iter().map(|call| line(call.method, call.path, call.right)).collect();
    assert!(!served.is_empty());
    assert_eq!(served, tested);
}

#[test]
fn two_credentials_are_one_too_many_and_other_schemes_are_none() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let (bearer, other) = (format!("Bearer {}", gateway.admin.token), format!("Bearer {}", gateway.token("full")));
    let several = Outcome::challenged(400, "several_credentials", Some("invalid_request"));
    let missing = Outcome::challenged(401, "missing_credential", None);
    let malformed = Outcome::challenged(400, "malformed_credential", Some("invalid_request"));
    let cases: [(&[&str], &Outcome); 12] = [
        (&[&bearer, &bearer], &several),
        (&[&bearer, &other], &several),
        (&[&bearer, "Basic dTpw"], &several),
        (&["Basic dTpw", &bearer], &several),
        (&["", &bearer], &several),
        (&["Basic dTpw"], &missing),
        (&["Token abc"], &missing),
        (&[""], &missing),
        (&[&bearer.replace("Bearer", "Token")], &missing),
        (&[&bearer.replace("Bearer ", "Bearer")], &missing),
        (&["Bearer"], &malformed),
        (&[&format!("{bearer}, {other}")], &malformed),
    ];
    let places = [(gateway.proxy, "/v1/devices/7"), (gateway.proxy, "/nowhere"), (gateway.admin.address, "/v1/tokens")];
    for (address, path) in places {
        let get = |lines: &[&str]| {
            let headers: Vec<_> = lines.iter().map(|value| ("Authorization", *value)).collect();
            Client::connect(address).request("GET", path, &headers, b"")
        };
        let control = get(&[&bearer]).status;
        assert_eq!(control, if path == "/nowhere" { 404 } else { 200 }, "{path}");
        for (lines, expected) in cases {
            assert_eq!(Outcome::of(&get(lines)), *expected, "{path} {lines:?}");
        }
    }
    assert_eq!(upstream.seen().len(), 1, "the control alone");
}
