//! A gateway with everything that handles secrets, and one secret of each kind.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keygate::model::{ForeignHash, Kind, TokenPrefix, TokenText};
use serde_json::{Value, json};

use super::canary::{Canary, Evidence};
use crate::support::program::Program;
use crate::support::{Answer, Builder, Client, Then, Upstream, request};

const ROUTES: &str = r#"
[[route]]
name = "all"
path = "/all/{*rest}"
resource = "devices"
carriers = { token = true, basic = true, header = "X-API-Key", query = "access_token", websocket = true }
websocket = "recheck"
upstream = "api"

[[route]]
name = "key"
path = "/key/{*rest}"
resource = "devices"
carriers = { bearer = false, header = "X-API-Key" }
upstream = "api"

[[route]]
name = "devices"
path = "/v1/devices/{*rest}"
resource = "devices"
account = { header = "X-Account" }
upstream = "api"

[[route]]
name = "dead"
path = "/dead/{*rest}"
resource = "devices"
upstream = "dead"

[[route]]
name = "calls"
path = "/test.Calls/{*rest}"
resource = "devices"
upstream = "api"

[[route]]
name = "open"
path = "/public/{*rest}"
public = true
upstream = "api"
"#;

const RIGHT: &str = "a right password, canary of the sessions";
const WRONG: &str = "a wrong password, canary of the sessions too";
const IDEMPOTENCY: &str = "1f0e7c52-canary-of-idempotency-9b3a";
const IMPORTED: &str = "sk_live.canaryOfAKeyThatWasImported0123456789";

pub struct Stage {
    pub program: Program,
    pub receiver: Upstream,
    pub canaries: Vec<Canary>,
    pub evidence: Evidence,
    /// May read.
    pub token: String,
}

/// What is told to any caller may hold none of the secrets; what is made is told once, by design.
impl Stage {
    #[track_caller]
    pub fn new() -> Self {
        let upstream = Upstream::start();
        let receiver = Upstream::scripted(|_, stream| {
            stream.write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").expect("the gateway reads");
            Then::Close
        });
        let hook = STANDARD.encode([7; 32]);
        let builder = Builder::new(&upstream.url()).routes(ROUTES).reveal_key().policies(&format!(
            "[[upstream]]\nname = \"dead\"\nurl = \"http://127.0.0.1:1\"\n\
             [policy.default]\nreveal = \"retrievable\"\n\
             [admin]\nrate_limit = \"unlimited\"\naddress_rate_limit = \"unlimited\"\n\
             [leaks]\ngithub_keys = \"keys.json\"\n\
             [[webhook]]\nname = \"hook\"\nurl = \"{}/in?x=1\"\nsecret = {{ file = \"hook.secret\" }}\n\
             retry_after = \"20ms\"\nallow_private = true\n",
            receiver.url()
        ));
        write_private(&builder.directory().join("hook.secret"), &format!("whsec_{hook}\n"));
        std::fs::write(builder.directory().join("keys.json"), json!({"public_keys": []}).to_string()).expect("a file");
        let program = Program::start_with(builder, &[("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")]);
        let mut canaries = vec![
            Canary::token("the first administrator's token", &program.admin.token),
            Canary::whole("the pepper", "a pepper for tests, which is long enough to be one"),
            Canary::whole("the key of copies", "a key for copies of tokens, which is long enough"),
            Canary::whole("the secret of a webhook", &hook),
        ];
        let token = tokens(&program, &mut canaries);
        people(&program, &mut canaries);
        canaries.push(Canary::whole("an idempotency key", IDEMPOTENCY));
        canaries.push(Canary::whole("a key that was imported", IMPORTED));
        import(&program);
        canaries.push(Canary::token("a token that was asked for twice", &twice(&program)));
        let mut stage = Self { program, receiver, canaries, evidence: Evidence::default(), token };
        stage.log_in(WRONG);
        stage
    }

    /// The texts that clients may put anywhere: all but what is in files of the operator.
    pub fn tokens(&self) -> Vec<Canary> {
        self.canaries.iter().filter(|canary| canary.text.starts_with("kg_")).cloned().collect()
    }

    /// What came back, to be looked at later.
    pub fn heard(&mut self, place: &str, answer: &Answer) {
        self.evidence.add(
            format!("answer to {place}"),
            format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body)),
        );
    }

    /// A call by the administrator.
    pub fn manage(&mut self, place: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.program.admin.token);
        let mut all = vec![("Connection", "close"), ("Authorization", &*bearer)];
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) && !body.is_empty() {
            all.push(("Content-Type", "application/json"));
        }
        all.extend(headers);
        let answer = Client::connect(self.program.admin.address).request(method, target, &all, body);
        self.heard(place, &answer);
        answer
    }

    fn log_in(&mut self, password: &str) {
        let body = json!({"login": "ada@example.org", "password": password}).to_string();
        let answer = request(self.program.admin.address, "POST", "/v1/sessions", None, body.as_bytes());
        assert_eq!(answer.status, 401, "{}", answer.text());
        self.heard("a wrong password", &answer);
    }
}

pub fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a writable directory");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
}

/// One in each state. Gives the one that is in force.
fn tokens(program: &Program, canaries: &mut Vec<Canary>) -> String {
    let admin = &program.admin;
    let mut make = |what: &str| {
        let made = admin.create(json!({"name": what, "grants": {"*": "full"}}));
        canaries.push(Canary::token(format!("a token that is {what}"), &made.secret));
        made
    };
    let [active, revoked, disabled, deleted, rotated] =
        ["active", "revoked", "disabled", "deleted", "rotated"].map(&mut make);
    admin.change(&revoked.id, "revoke");
    admin.change(&disabled.id, "disable");
    admin.delete(&deleted.id);
    let text = admin.change(&rotated.id, "rotate");
    canaries.push(Canary::token("a token's next text", text["token"].as_str().expect("a text")));
    let expired = admin.create(json!({"name": "expired", "grants": {"*": "full"}, "expires": "1s"}));
    canaries.push(Canary::token("a token that expires", &expired.secret));
    for kind in Kind::ALL {
        let text = TokenText::generate(&TokenPrefix::default(), kind).expect("randomness");
        canaries.push(Canary::token(format!("nobody's {} token", kind.name()), text.expose()));
    }
    let unknown = TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness");
    let garbled = format!("{}{}", &unknown.expose()[..unknown.expose().len() - 6], "000000");
    canaries.push(Canary::token("a token with a wrong checksum", &garbled));
    active.secret
}

/// A user who has a session, and one who has an invitation.
fn people(program: &Program, canaries: &mut Vec<Canary>) {
    let call = |path: &str, body: Value| {
        let answer = program.admin.call("POST", path, Some(body));
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    };
    let text = |record: &Value, field: &str| record[field].as_str().expect("a text").to_owned();
    call("/v1/users", json!({"login": "ada@example.org", "password": RIGHT, "roles": ["viewer"]}));
    let invited = call("/v1/users", json!({"login": "eve@example.org", "roles": ["viewer"]}));
    let invitation = text(&call(&format!("/v1/users/{}/invitation", text(&invited, "id")), json!({})), "invitation");
    let login = json!({"login": "ada@example.org", "password": RIGHT}).to_string();
    let session = request(program.admin.address, "POST", "/v1/sessions", None, login.as_bytes());
    assert_eq!(session.status, 201, "{}", session.text());
    canaries.push(Canary::token("a session", &text(&session.json(), "token")));
    let secret = &invitation[invitation.len() - 30..];
    canaries.push(Canary::new("an invitation", &invitation, secret));
    canaries.push(Canary::whole("a password", RIGHT));
    canaries.push(Canary::whole("a wrong password", WRONG));
}

/// A token whose text the store keeps, sealed, for whoever asks again with the same key.
fn twice(program: &Program) -> String {
    let bearer = format!("Bearer {}", program.admin.token);
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json"), ("Idempotency-Key", IDEMPOTENCY)];
    let body = json!({"name": "twice", "grants": {"*": "read"}}).to_string();
    let ask = || Client::connect(program.admin.address).request("POST", "/v1/tokens", &headers, body.as_bytes()).json();
    let (first, again) = (ask(), ask());
    assert_eq!(first["token"], again["token"], "it is told until it is used");
    first["token"].as_str().expect("a text").to_owned()
}

fn import(program: &Program) {
    let hash: String = ForeignHash::Sha256.of(IMPORTED).iter().map(|byte| format!("{byte:02x}")).collect();
    let line = json!({"hash": hash, "algorithm": "sha256", "name": "old", "grants": {"*": "read"}, "expires": "never"});
    let answer = program.admin.call("POST", "/v1/tokens/import", Some(json!({"tokens": [line]})));
    assert_eq!((answer.status, &answer.json()["created"]), (200, &json!(1)), "{}", answer.text());
}
