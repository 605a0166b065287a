//! Every call of the management API with every kind of credential; below, the same for routes.
//!
//! The table says what each call needs, apart from the code that decides it. A call that is missing
//! from it fails a test of its own.

mod routes;

use std::collections::BTreeSet;

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

/// About the caller itself.
const EXPLAIN: &str = r#"{"method": "GET", "path": "/v1/devices/7"}"#;

/// Grants that whoever may create tokens can give.
const NEW_TOKEN: &str = r#"{"name": "new", "grants": {"keygate.audit": "write"}}"#;

#[rustfmt::skip] // One line each, so that the table can be read as one.
const CALLS: &[Call] = &[
    call("GET", "/livez", Right::Open, 200),
    call("GET", "/readyz", Right::Open, 200),
    call("GET", "/metrics", Right::Open, 200),
    call("GET", "/v1/whoami", Right::Any, 200),
    with(EXPLAIN, call("POST", "/v1/explain", Right::Any, 200)),
    call("GET", "/v1/tokens", tokens(Action::Read), 200),
    with(NEW_TOKEN, call("POST", "/v1/tokens", tokens(Action::Create), 201)),
    call("GET", "/v1/tokens/{id}", tokens(Action::Read), 200),
    with(r#"{"description": "edited"}"#, call("PATCH", "/v1/tokens/{id}", tokens(Action::Update), 200)),
    call("DELETE", "/v1/tokens/{id}", tokens(Action::Delete), 204),
    call("POST", "/v1/tokens/{id}/disable", tokens(Action::Update), 200),
    call("POST", "/v1/tokens/{id}/enable", tokens(Action::Update), 200),
    call("POST", "/v1/tokens/{id}/revoke", tokens(Action::Delete), 200),
    call("GET", "/v1/accounts", accounts(Action::Read), 200),
    with(r#"{"name": "new"}"#, call("POST", "/v1/accounts", accounts(Action::Create), 201)),
    call("GET", "/v1/accounts/{id}", accounts(Action::Read), 200),
    with(r#"{"name": "edited"}"#, call("PATCH", "/v1/accounts/{id}", accounts(Action::Update), 200)),
    call("DELETE", "/v1/accounts/{id}", accounts(Action::Delete), 204),
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

/// What stands for `{id}`.
struct Target {
    /// `/v1/tokens` or `/v1/accounts`.
    list: &'static str,
    id: String,
}

impl Target {
    #[track_caller]
    fn new(gateway: &Gateway, path: &str) -> Self {
        if path.starts_with("/v1/accounts") {
            let answer = gateway.admin.call("POST", "/v1/accounts", Some(json!({"name": "target"})));
            return Self { list: "/v1/accounts", id: answer.json()["id"].as_str().expect("an id").to_owned() };
        }
        Self { list: "/v1/tokens", id: gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}})).id }
    }

    fn show(&self, gateway: &Gateway) -> Value {
        gateway.admin.call("GET", &format!("{}/{}", self.list, self.id), None).json()
    }
}

fn ask(gateway: &Gateway, call: &Call, target: &Target, authorization: Option<&str>) -> Answer {
    let mut headers = vec![("Content-Type", "application/json")];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    let path = call.path.replace("{id}", &target.id);
    let body = call.body.unwrap_or_default().as_bytes();
    Client::connect(gateway.admin.address).request(call.method, &path, &headers, body)
}

fn of_call(call: &Call, credential: Credential) -> Outcome {
    let ok = match call.ok {
        404 => Outcome::problem(404, "no_endpoint"),
        405 => Outcome::problem(405, "method_not_allowed"),
        status => Outcome::ok(status),
    };
    match (call.right, credential.refusal()) {
        (Right::Open, _) | (Right::Any, None) => ok,
        (_, Some(refusal)) => refusal,
        (Right::Needs { resource, action } | Right::NeedsRoot { resource, action }, None)
            if !credential.may(resource, action) =>
        {
            Outcome::insufficient(resource, action)
        }
        (Right::NeedsRoot { .. }, None) if credential == Credential::OtherAccount => {
            Outcome::challenged(403, "root_only", None)
        }
        // What another account has is not there for it.
        _ if credential == Credential::OtherAccount && call.path.contains("{id}") => Outcome::problem(404, "not_found"),
        _ => ok,
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
            let expected = of_call(call, credential);
            let answer = ask(&gateway, call, &target, authorization.as_deref());
            assert_eq!(Outcome::of(&answer), expected, "{}: {answer:?}", what(credential));
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", what(credential));
            if expected.status < 300 && call.path.contains("{id}") {
                target = Target::new(&gateway, call.path);
                before = target.show(&gateway);
            }
            assert_eq!(target.show(&gateway), before, "{}: a refusal changes nothing", what(credential));
            asked += 1;
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
