//! Every kind of route with every kind of credential.
//!
//! The table says what each request needs, apart from the code that decides it. A kind of route that
//! is missing from it fails a test of its own.

use std::collections::{BTreeMap, BTreeSet};

use keygate::config::{self, AccountSelector};
use keygate::model::Action;
use serde_json::json;

use crate::support::{Answer, Builder, Cast, Client, Credential, Gateway, Outcome, Upstream};

const ROUTES: &str = r#"
[[route]]
name = "devices"
path = "/v1/devices/{*rest}"
resource = "devices"
upstream = "api"

[[route]]
name = "search"
path = "/v1/devices/search"
methods = ["POST"]
resource = "devices"
action = "read"
upstream = "api"

[[route]]
name = "reports"
path = "/v1/reports/{year}"
methods = ["GET", "REPORT"]
resource = "reports"
action = "read"
upstream = "api"

[[route]]
name = "open"
path = "/public/{*rest}"
public = true
upstream = "api"

[[route]]
name = "files"
path = "/v1/files/{*rest}"
resource = "files"
account = { header = "X-Account" }
upstream = "api"

[[route]]
name = "file-search"
path = "/v1/files/search"
methods = ["POST"]
resource = "files"
action = "read"
account = { header = "X-Account" }
upstream = "api"

[[route]]
name = "things"
path = "/v1/accounts/{account}/things"
resource = "things"
account = { path = "account" }
upstream = "api"

[[route]]
name = "thing-purge"
path = "/v1/accounts/{account}/things/purge"
methods = ["POST"]
resource = "things"
action = "delete"
account = { path = "account" }
upstream = "api"

[[route]]
name = "hosted"
host = "gateway.localhost"
path = "/hosted/{*rest}"
resource = "hosted"
upstream = "api"

[[route]]
name = "elsewhere"
host = "other.test"
path = "/elsewhere/{*rest}"
resource = "hosted"
upstream = "api"
"#;

/// A request to the proxy.
struct Passage {
    method: &'static str,
    /// `{account}` stands for the administrator's account.
    path: &'static str,
    /// Whether the account is named in `X-Account`.
    header: bool,
    /// The name of its route; `None`: there is none.
    route: Option<&'static str>,
    needs: Needs,
}

#[derive(Clone, Copy)]
enum Needs {
    Nothing,
    Right(&'static str, Action),
    /// The path is not there.
    Nowhere,
    /// It is, but not with this method.
    OtherMethod,
}

const fn passage(method: &'static str, path: &'static str, route: &'static str, needs: Needs) -> Passage {
    Passage { method, path, header: false, route: Some(route), needs }
}

const fn dead_end(method: &'static str, path: &'static str, needs: Needs) -> Passage {
    Passage { method, path, header: false, route: None, needs }
}

const fn naming_account(passage: Passage) -> Passage {
    Passage { header: true, ..passage }
}

#[rustfmt::skip] // One line each, so that the table can be read as one.
const PASSAGES: &[Passage] = &[
    passage("GET", "/v1/devices/7", "devices", Needs::Right("devices", Action::Read)),
    passage("HEAD", "/v1/devices/7", "devices", Needs::Right("devices", Action::Read)),
    passage("OPTIONS", "/v1/devices/7", "devices", Needs::Right("devices", Action::Read)),
    passage("POST", "/v1/devices/7", "devices", Needs::Right("devices", Action::Create)),
    passage("PUT", "/v1/devices/7", "devices", Needs::Right("devices", Action::Update)),
    passage("PATCH", "/v1/devices/7", "devices", Needs::Right("devices", Action::Update)),
    passage("DELETE", "/v1/devices/7", "devices", Needs::Right("devices", Action::Delete)),
    passage("POST", "/v1/devices/search", "search", Needs::Right("devices", Action::Read)),
    passage("GET", "/v1/devices/search", "devices", Needs::Right("devices", Action::Read)),
    passage("REPORT", "/v1/reports/2026", "reports", Needs::Right("reports", Action::Read)),
    passage("GET", "/public/logo", "open", Needs::Nothing),
    passage("DELETE", "/public/logo", "open", Needs::Nothing),
    passage("GET", "/v1/files/a", "files", Needs::Right("files", Action::Read)),
    naming_account(passage("GET", "/v1/files/a", "files", Needs::Right("files", Action::Read))),
    naming_account(passage("POST", "/v1/files/search", "file-search", Needs::Right("files", Action::Read))),
    passage("PUT", "/v1/accounts/{account}/things", "things", Needs::Right("things", Action::Update)),
    passage("POST", "/v1/accounts/{account}/things/purge", "thing-purge", Needs::Right("things", Action::Delete)),
    passage("GET", "/hosted/a", "hosted", Needs::Right("hosted", Action::Read)),
    dead_end("GET", "/elsewhere/a", Needs::Nowhere),
    dead_end("GET", "/nowhere", Needs::Nowhere),
    dead_end("GET", "/metrics", Needs::Nowhere),
    dead_end("GET", "/v1/tokens", Needs::Nowhere),
    dead_end("DELETE", "/v1/reports/2026", Needs::OtherMethod),
    dead_end("PROPFIND", "/v1/devices/7", Needs::OtherMethod),
    dead_end("TRACE", "/v1/devices/7", Needs::OtherMethod),
];

fn of_passage(passage: &Passage, credential: Credential) -> Outcome {
    let names_account = passage.header || passage.path.contains("{account}");
    match (passage.needs, credential.refusal()) {
        (Needs::Nothing, _) => Outcome::ok(200),
        (_, Some(refusal)) => refusal,
        (Needs::Nowhere, None) => Outcome::problem(404, "no_route"),
        (Needs::OtherMethod, None) => Outcome::problem(405, "method_not_allowed"),
        _ if names_account && credential == Credential::OtherAccount => {
            Outcome::challenged(403, "account_out_of_reach", None)
        }
        (Needs::Right(resource, action), None) if !credential.may(resource, action) => {
            Outcome::insufficient(resource, action)
        }
        _ => Outcome::ok(200),
    }
}

fn pass(gateway: &Gateway, passage: &Passage, account: &str, authorization: Option<&str>, case: &str) -> Answer {
    let mut headers = vec![("X-Case", case)];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    headers.extend(passage.header.then_some(("X-Account", account)));
    let path = passage.path.replace("{account}", account);
    Client::connect(gateway.proxy).request(passage.method, &path, &headers, b"")
}

/// HEAD has no body to tell the code with.
fn seen_by_client(method: &str, mut answer: Answer, expected: &Outcome) -> Outcome {
    if method == "HEAD" && answer.status >= 400 {
        answer.body = json!({"status": answer.status, "code": expected.code}).to_string().into_bytes();
    }
    Outcome::of(&answer)
}

#[test]
fn each_route_lets_each_credential_do_what_it_may_and_no_more() {
    let upstream = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
    let cast = Cast::new(&gateway);
    let (mut allowed, mut by_route) = (Vec::new(), BTreeMap::<_, f64>::new());
    for passage in PASSAGES {
        for (credential, authorization) in cast.each() {
            let case = format!("{} {} header={} {credential:?}", passage.method, passage.path, passage.header);
            let expected = of_passage(passage, credential);
            let answer = pass(&gateway, passage, &cast.account, authorization.as_deref(), &case);
            let text = format!("{case}: {answer:?}");
            assert_eq!(seen_by_client(passage.method, answer, &expected), expected, "{text}");
            if expected.status == 200 {
                allowed.push(case);
                *by_route.entry(passage.route.expect("a dead end allows nothing")).or_default() += 1.0;
            }
        }
    }
    let seen = upstream.seen();
    let arrived: Vec<_> = seen.iter().map(|request| request.header("x-case").unwrap_or_default()).collect();
    assert_eq!(arrived, allowed, "exactly what was allowed reached the upstream");
    assert!(allowed.len() > 2 * PASSAGES.len(), "{}", allowed.len());
    for request in seen.iter().filter(|request| !request.line.contains(" /public/")) {
        assert_eq!(request.count("authorization"), 0, "the credential stays here: {request:?}");
    }
    for (route, count) in by_route {
        let reason = if route == "open" { "public" } else { "ok" };
        let line = format!(r#"keygate_auth_decisions_total{{route="{route}",decision="allow",reason="{reason}"}}"#);
        assert_eq!(gateway.admin.metric(&line), Some(count), "{line}");
    }
}

#[test]
fn a_public_route_passes_other_credentials_on_and_keeps_ours() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
    let token = gateway.token("full");
    let [bearer, lower, other_scheme] = ["Bearer", "bearer", "Token"].map(|scheme| format!("{scheme} {token}"));
    let listed = format!("Basic dTpw, {bearer}");
    let cases: [(&[&str], usize); 9] = [
        (&["Basic dTpw"], 1),
        (&["Bearer somebody-elses"], 1),
        (&["Basic dTpw", "Basic dTpx"], 2),
        (&[&bearer], 0),
        (&[&lower], 0),
        (&[&other_scheme], 0),
        (&[&bearer, &bearer], 0),
        (&["Basic dTpw", &bearer], 0),
        (&[&listed], 0),
    ];
    for (lines, arrive) in cases {
        let headers: Vec<_> = lines.iter().map(|value| ("Authorization", *value)).collect();
        let answer = Client::connect(gateway.proxy).request("GET", "/public/logo", &headers, b"");
        assert_eq!(answer.status, 200, "{lines:?}");
        let arrived = upstream.last();
        assert_eq!(arrived.count("authorization"), arrive, "{lines:?}");
        assert!(arrived.headers.iter().all(|(_, value)| !value.contains(&token)), "{lines:?}");
        assert_eq!(arrived.header("x-keygate-token"), Some(""), "on nobody's behalf");
    }
}

/// What makes routes differ in whom they let through.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Kind {
    Public,
    Protected { overrides: bool, account: Account },
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Account {
    Own,
    Header,
    Path,
}

/// Names every field: a new one does not compile until it is said here what it means.
fn kind(route: &config::Route) -> Kind {
    // `filter` matters to tokens that have one alone, which are in tests/it/filters.rs; `carriers` are in
    // tests/it/carriers.rs; `preflight` and `cors` in tests/it/cors.rs.
    #[rustfmt::skip]
    let config::Route {
        filter: _, carriers: _, preflight: _, cors: _,
        name, public, resource, action, account,
        host: _, path: _, methods: _, upstream: _, max_body: _, timeout: _, rate_limit: _,
        websocket: _, stream_idle_timeout: _,
    } = route;
    assert_eq!(resource.is_none(), *public, "{name}");
    if *public {
        return Kind::Public;
    }
    let account = match account {
        None => Account::Own,
        Some(AccountSelector::Header(_)) => Account::Header,
        Some(AccountSelector::Path(_)) => Account::Path,
    };
    Kind::Protected { overrides: action.is_some(), account }
}

#[test]
fn every_kind_of_route_is_in_the_table() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
    let path = gateway.directory.path().join("keygate.toml");
    let settings = config::load(&path, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}")).settings;
    let tested: BTreeSet<_> = PASSAGES.iter().filter_map(|passage| passage.route).collect();
    let routes = settings.routes.iter().filter(|route| tested.contains(route.name.as_str()));
    let kinds: BTreeSet<_> = routes.map(kind).collect();
    let protected = [Account::Own, Account::Header, Account::Path]
        .map(|account| [false, true].map(|overrides| Kind::Protected { overrides, account }));
    let all: BTreeSet<_> = protected.into_iter().flatten().chain([Kind::Public]).collect();
    assert_eq!(kinds, all);
    let configured: BTreeSet<_> = settings.routes.iter().map(|route| route.name.as_str()).collect();
    let reached: BTreeSet<_> = tested.into_iter().chain(["elsewhere"]).collect();
    assert_eq!(configured, reached, "one route is there to be missed, and every other is tested");
    let has = |wanted: fn(&Needs) -> bool| PASSAGES.iter().any(|passage| wanted(&passage.needs));
    assert!(has(|needs| matches!(needs, Needs::Nowhere)) && has(|needs| matches!(needs, Needs::OtherMethod)));
}
