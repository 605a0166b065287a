//! An assembled gateway inside the test's process: configuration text in, two listeners out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use keygate::app::{self, Bootstrap};
use keygate::config;
use keygate::model::Clock;
use keygate::server::Place;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, request};
use super::watch;

/// A configuration in the making.
pub struct Builder {
    listen: String,
    upstream: String,
    server: String,
    forwarding: String,
    tokens: String,
    routes: String,
    policies: String,
    public: String,
    management: String,
    clock: Clock,
    directory: TempDir,
}

/// A gateway that serves, with its first administrator.
pub struct Gateway {
    pub(super) inner: Option<app::Gateway>,
    pub clock: Clock,
    pub admin: Admin,
    pub proxy: SocketAddr,
    /// Holds configuration, pepper and store.
    pub directory: TempDir,
}

/// The management API, with a token for it.
#[derive(Debug, Clone)]
pub struct Admin {
    pub address: SocketAddr,
    pub token: String,
}

/// What most tests need: everything below `/v1/devices` is the resource `devices`, a search by POST
/// is a read of it, and `/public` needs no token.
const ROUTES: &str = r#"
[[route]]
name = "devices"
path = "/v1/devices/{*rest}"
resource = "devices"
upstream = "api"

[[route]]
name = "list"
path = "/v1/devices"
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
name = "files"
path = "/v1/files/{*rest}"
resource = "files"
upstream = "api"

[[route]]
name = "open"
path = "/public/{*rest}"
public = true
upstream = "api"
"#;

/// Tests send many wrong tokens from one address.
const UNGUARDED: &str = "failure_limit = \"unlimited\"\n";

impl Builder {
    /// One upstream called `api` at this URL, and the usual routes.
    pub fn new(upstream: &str) -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            upstream: format!("[[upstream]]\nname = \"api\"\nurl = \"{upstream}\"\n"),
            server: format!("workers = 2\npin_workers = false\n{UNGUARDED}"),
            forwarding: String::new(),
            tokens: String::new(),
            routes: ROUTES.to_owned(),
            policies: String::new(),
            public: String::new(),
            management: String::new(),
            clock: Clock::adjustable(),
            directory: TempDir::new().expect("a temporary directory"),
        }
    }

    /// The public listener's address in place of a free port.
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Lines for `[server]`.
    pub fn server(mut self, lines: &str) -> Self {
        self.server.push_str(lines);
        self.server.push('\n');
        self
    }

    /// Lines for `[server]` in place of the usual two workers.
    pub fn server_alone(mut self, lines: &str) -> Self {
        self.server = format!("{lines}\n");
        self
    }

    /// Lines for `[forwarding]`.
    pub fn forwarding(mut self, lines: &str) -> Self {
        self.forwarding.push_str(lines);
        self.forwarding.push('\n');
        self
    }

    /// Lines for `[tokens]`.
    pub fn tokens(mut self, lines: &str) -> Self {
        self.tokens.push_str(lines);
        self.tokens.push('\n');
        self
    }

    /// Tables for policies and roles.
    pub fn policies(mut self, tables: &str) -> Self {
        self.policies.push_str(tables);
        self.policies.push('\n');
        self
    }

    /// A key for the copies of tokens that policies keep.
    pub fn reveal_key(self) -> Self {
        let key = self.directory().join("reveal.key");
        std::fs::write(&key, "a key for copies of tokens, which is long enough").expect("a writable directory");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        self.tokens("reveal_key = { file = \"reveal.key\" }")
    }

    /// Lines for `[listen.public]`.
    pub fn public(mut self, lines: &str) -> Self {
        self.public.push_str(lines);
        self.public.push('\n');
        self
    }

    /// Lines for `[listen.admin]`.
    pub fn management(mut self, lines: &str) -> Self {
        self.management.push_str(lines);
        self.management.push('\n');
        self
    }

    /// Further lines for the upstream.
    pub fn upstream(mut self, lines: &str) -> Self {
        self.upstream.push_str(lines);
        self.upstream.push('\n');
        self
    }

    /// In place of the usual routes.
    pub fn routes(mut self, routes: &str) -> Self {
        self.routes = routes.to_owned();
        self
    }

    /// Where files that the configuration names may be put.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn text(&self) -> String {
        let Self { listen, upstream, server, forwarding, tokens, routes, policies, public, management, .. } = self;
        format!(
            "version = 1\n[listen.public]\naddress = \"{listen}\"\n{public}[listen.admin]\naddress = \"127.0.0.1:0\"\n{management}\
             [server]\n{server}[forwarding]\n{forwarding}[store]\nkind = \"sled\"\npath = \"data\"\n[tokens]\npepper = {{ file = \"pepper\" }}\n{tokens}\
             [log]\naccess = \"off\"\nlevel = \"warn\"\n{upstream}{routes}{policies}"
        )
    }

    #[track_caller]
    pub fn start(self) -> Gateway {
        watch::watch_this_process();
        let pepper = self.directory().join("pepper");
        std::fs::write(&pepper, "a pepper for tests, which is long enough to be one").expect("a writable directory");
        std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        let path = self.directory().join("keygate.toml");
        std::fs::write(&path, self.text()).expect("a writable directory");
        let settings =
            || config::load(&path, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}")).settings;
        let first = match app::bootstrap(&settings(), &self.clock).unwrap_or_else(|error| panic!("{error}")) {
            Bootstrap::Created(first) => first.text.expose().to_owned(),
            Bootstrap::Exists => panic!("the store is new"),
        };
        let inner = app::Gateway::start(settings(), self.clock.clone()).unwrap_or_else(|error| panic!("{error}"));
        watch::note(first.as_bytes());
        let admin = Admin { address: tcp(inner.admin()), token: first };
        Gateway { proxy: tcp(inner.proxy()), inner: Some(inner), clock: self.clock, admin, directory: self.directory }
    }
}

/// Of a Unix socket, an address that nobody listens on.
pub(super) fn tcp(place: &Place) -> SocketAddr {
    place.tcp().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
}

/// The same for what the program says of itself.
#[track_caller]
pub(super) fn of_url(url: &str) -> SocketAddr {
    if url.starts_with("unix:") {
        return SocketAddr::from(([0, 0, 0, 0], 0));
    }
    let address = url.trim_start_matches("https://").trim_start_matches("http://");
    address.parse().unwrap_or_else(|_| panic!("{url}"))
}

impl Gateway {
    /// A gateway with the usual routes in front of `upstream`.
    #[track_caller]
    pub fn start(upstream: &str) -> Self {
        Builder::new(upstream).start()
    }

    /// A token with these grants on every resource of the API.
    #[track_caller]
    pub fn token(&self, access: &str) -> String {
        self.admin.create(json!({"name": access, "grants": {"*": access}})).secret
    }

    /// One request to the proxy over a connection of its own.
    pub fn request(&self, method: &str, target: &str, token: Option<&str>) -> Answer {
        request(self.proxy, method, target, token, b"")
    }

    pub fn get(&self, target: &str, token: &str) -> Answer {
        self.request("GET", target, Some(token))
    }

    /// Drains and ends the gateway; what it stored stays in the directory.
    #[track_caller]
    pub fn stop(mut self) -> TempDir {
        self.inner.take().expect("stopped once").stop().unwrap_or_else(|error| panic!("{error}"));
        watch::assert_nothing_told();
        std::mem::replace(&mut self.directory, TempDir::new().expect("a temporary directory"))
    }

    /// The running gateway itself.
    pub fn inner(&mut self) -> &mut Option<app::Gateway> {
        &mut self.inner
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let (Some(inner), false) = (self.inner.take(), std::thread::panicking()) {
            inner.stop().unwrap_or_else(|error| panic!("{error}"));
            watch::assert_nothing_told();
        }
    }
}

/// A token that was made through the API.
#[derive(Debug, Clone)]
pub struct Created {
    pub id: String,
    pub secret: String,
    pub record: Value,
}

impl Admin {
    /// Any call.
    pub fn call(&self, method: &str, target: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        request(self.address, method, target, Some(&self.token), body.as_bytes())
    }

    #[track_caller]
    pub fn create(&self, body: Value) -> Created {
        let answer = self.call("POST", "/v1/tokens", Some(body));
        assert_eq!(answer.status, 201, "{}", answer.text());
        let record = answer.json();
        let text = |field: &str| record[field].as_str().unwrap_or_else(|| panic!("no {field} in {record}")).to_owned();
        Created { id: text("id"), secret: text("token"), record: record.clone() }
    }

    /// `disable`, `enable`, `revoke`, `rotate`, `rotation/end` or `rotation/undo`.
    #[track_caller]
    pub fn change(&self, id: &str, verb: &str) -> Value {
        let answer = self.call("POST", &format!("/v1/tokens/{id}/{verb}"), None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    #[track_caller]
    pub fn delete(&self, id: &str) {
        let answer = self.call("DELETE", &format!("/v1/tokens/{id}"), None);
        assert_eq!(answer.status, 204, "{}", answer.text());
    }

    #[track_caller]
    pub fn show(&self, id: &str) -> Value {
        let answer = self.call("GET", &format!("/v1/tokens/{id}"), None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The value of a metric's line, where it has been counted.
    pub fn metric(&self, line: &str) -> Option<f64> {
        let answer = request(self.address, "GET", "/metrics", None, b"");
        answer.text().lines().find_map(|have| have.strip_prefix(line)?.trim().parse().ok())
    }
}
