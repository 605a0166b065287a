//! Secrets in calls of the management API: where they belong, and everywhere else.

use serde_json::json;

use super::canary::Canary;
use super::stage::Stage;
use crate::support::{Client, request};

/// What everybody may look at, and what an administrator may.
const SHOWN: [&str; 19] = [
    "/metrics",
    "/readyz?verbose",
    "/livez",
    "/openapi.json",
    "/docs",
    "/v1/whoami",
    "/v1/tokens?limit=200",
    "/v1/tokens?limit=200&sort=-last_used&count=true",
    "/v1/accounts",
    "/v1/accounts?q=a",
    "/v1/users",
    "/v1/roles",
    "/v1/policies",
    "/v1/audit?limit=200",
    "/v1/audit/export",
    "/v1/webhooks",
    "/v1/webhooks/hook",
    "/v1/webhooks/hook/dead",
    "/v1/store/backup",
];

const PLACES: [(&str, &str); 18] = [
    ("GET", "/v1/tokens/@"),
    ("DELETE", "/v1/tokens/@"),
    ("POST", "/v1/tokens/@/revoke"),
    ("POST", "/v1/tokens/@/rotate"),
    ("GET", "/v1/tokens/@/usage"),
    ("GET", "/v1/tokens?q=@"),
    ("GET", "/v1/tokens?cursor=@"),
    ("GET", "/v1/tokens?sort=@"),
    ("GET", "/v1/tokens?fields=@"),
    ("GET", "/v1/tokens?label=@"),
    ("GET", "/v1/tokens?@=1"),
    ("GET", "/v1/accounts/@"),
    ("GET", "/v1/accounts?plan=@"),
    ("GET", "/v1/users/@"),
    ("DELETE", "/v1/sessions/@"),
    ("GET", "/v1/webhooks/@"),
    ("GET", "/v1/audit?token=@"),
    ("PUT", "/@"),
];

/// Bodies with a text at every place where something can be wrong with one.
fn bodies(text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("no JSON", format!("{{\"name\": {text}")),
        ("JSON that breaks off", format!("{{\"name\": \"{text}")),
        ("JSON with something behind it", format!("{{}} {text}")),
        ("no object", json!(text).to_string()),
        ("an unknown field", json!({"name": "x", text: 1}).to_string()),
        ("an unknown field's value", json!({"name": "x", "secret": text}).to_string()),
        ("a field of another kind", json!({"name": [text], "grants": text, "labels": text, "roles": text}).to_string()),
        (
            "names that cannot be",
            json!({"name": "x", "grants": {text: text}, "labels": {text: text}, "roles": [text]}).to_string(),
        ),
        (
            "values that cannot be",
            json!({"name": "x", "expires": text, "kind": text, "account": text, "user": text}).to_string(),
        ),
        ("a quota", json!({"name": "x", "rate_limit": {"requests": text, "window": text, text: 1}}).to_string()),
        (
            "filters",
            json!({"name": "x", "grants": {"*": "read"}, "filters": {text: [text], "a b": [text]}}).to_string(),
        ),
        ("a field twice", format!("{{\"{text}\": 1, \"{text}\": 2}}")),
        ("a login", json!({"login": text, "password": text, "account": text}).to_string()),
        ("an invitation", json!({"invitation": text, "password": text}).to_string()),
        ("a change of password", json!({"old": text, "new": text, "password": text}).to_string()),
        ("a question", json!({"token": text, "method": text, "path": text, "host": text}).to_string()),
        (
            "a key to import",
            json!({"tokens": [{"hash": text, "algorithm": text, "encoding": text, "name": text}]}).to_string(),
        ),
        ("a hash that is a key", json!({"tokens": [{"hash": text, "algorithm": "sha256", "name": "x"}]}).to_string()),
        (
            "a leak",
            json!({"leaks": [{"token": text, "url": format!("https://x/?t={text}"), "source": text}]}).to_string(),
        ),
        (
            "an alert",
            json!([{"token": text, "type": text, "url": format!("https://x/?t={text}"), "source": text}]).to_string(),
        ),
    ]
}

/// Bodies that have the text as the name of something. What a caller calls a field by is repeated to it; that is where
/// somebody may put a token, which is known by its form, and no password.
const NAMES: [&str; 5] = ["an unknown field", "names that cannot be", "a quota", "filters", "a field twice"];

fn is_token(text: &str) -> bool {
    text.starts_with("kg_")
}

const CALLS: [(&str, &str); 10] = [
    ("POST", "/v1/tokens"),
    ("POST", "/v1/tokens/import"),
    ("POST", "/v1/tokens/revoke"),
    ("POST", "/v1/accounts"),
    ("POST", "/v1/users"),
    ("PUT", "/v1/users/me/password"),
    ("POST", "/v1/invitations"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/explain"),
    ("POST", "/v1/leaks/github"),
];

/// Secrets that go into every call; the others go into the first.
const CHOSEN: [&str; 4] = ["active", "nobody's service", "an invitation", "a password"];

impl Stage {
    pub fn plant_in_calls(&mut self) {
        let secrets: Vec<Canary> = self.canaries.clone();
        for Canary { what, text, .. } in &secrets {
            let in_target = text.replace(' ', "%20");
            for (method, target) in PLACES.into_iter().filter(|_| is_token(text)) {
                let target = target.replace('@', &in_target);
                self.manage(&format!("{method} with {what}"), method, &target, &[], b"");
            }
            let is_chosen = CHOSEN.iter().any(|chosen| what.contains(chosen));
            for (kind, body) in bodies(text).into_iter().filter(|(kind, _)| is_token(text) || !NAMES.contains(kind)) {
                for (method, target) in &CALLS[..if is_chosen { CALLS.len() } else { 1 }] {
                    self.manage(
                        &format!("{method} {target}: {kind} with {what}"),
                        method,
                        target,
                        &[],
                        body.as_bytes(),
                    );
                }
            }
            for name in
                ["Idempotency-Key", "If-Match", "If-None-Match", "Content-Type", "Accept", "Host", "Origin", "Range"]
            {
                let body = json!({"name": "x", "grants": {"*": "nothing"}}).to_string();
                self.manage(&format!("{name} with {what}"), "POST", "/v1/tokens", &[(name, text)], body.as_bytes());
            }
            self.plant_in_forms(what, text);
            self.plant_in_alert(what, text);
        }
        self.ask_by_tokens();
        for Canary { what, text, .. } in self.tokens().iter().filter(|canary| !canary.what.contains("administrator")) {
            let url = format!("https://git.example.org/raw?t={text}");
            let body = json!({"leaks": [{"token": text, "url": url, "source": text}]}).to_string();
            self.manage(&format!("a report of {what}"), "POST", "/v1/leaks", &[], body.as_bytes());
        }
    }

    /// RFC 7662 and RFC 7009, which take tokens by design. What is needed later is not given up.
    fn plant_in_forms(&mut self, what: &str, text: &str) {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let is_needed = ["administrator", "active"].iter().any(|word| what.contains(word));
        for body in [
            format!("{text}={text}"),
            format!("token={text}&token={text}"),
            format!("token=%zz{text}"),
            format!("token_type_hint={text}"),
            format!("token={text}&x={text}"),
            format!("token={text}"),
        ] {
            for target in ["/v1/introspect", "/v1/revoke"] {
                if !(is_needed && target == "/v1/revoke") {
                    self.manage(&format!("{target} with {what}"), "POST", target, &form, body.as_bytes());
                }
            }
        }
    }

    /// With signatures that hold nothing.
    fn plant_in_alert(&mut self, what: &str, text: &str) {
        let body = json!([{"token": text, "type": "kg", "url": "https://x", "source": "commit"}]).to_string();
        let headers = [("GITHUB-PUBLIC-KEY-IDENTIFIER", text), ("GITHUB-PUBLIC-KEY-SIGNATURE", text)];
        let answer =
            Client::connect(self.program.admin.address).request("POST", "/v1/leaks/github", &headers, body.as_bytes());
        self.heard(&format!("an alert about {what}"), &answer);
    }

    /// As every one of the tokens.
    fn ask_by_tokens(&mut self) {
        let secrets: Vec<Canary> = self.tokens();
        for Canary { what, text, .. } in secrets {
            for (method, target) in
                [("GET", "/v1/whoami"), ("GET", "/v1/tokens"), ("GET", "/nowhere"), ("DELETE", "/v1/tokens/x")]
            {
                let answer = request(self.program.admin.address, method, target, Some(&text), b"");
                self.heard(&format!("{method} {target} by {what}"), &answer);
            }
        }
    }

    /// Whatever can be looked at while it runs.
    pub fn look_around(&mut self) {
        for target in SHOWN {
            let answer = self.manage(target.split('?').next().expect("a path"), "GET", target, &[], b"");
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        }
        let dead = self.program.admin.call("GET", "/v1/webhooks/hook/dead", None).json();
        for letter in dead["items"].as_array().expect("a list") {
            let target = format!("/v1/webhooks/hook/dead/{}", letter["id"].as_str().expect("an id"));
            self.manage("a dead letter", "GET", &target, &[], b"");
        }
        for message in self.receiver.take_seen() {
            let text = format!("{} {:?} {}", message.line, message.headers, String::from_utf8_lossy(&message.body));
            self.evidence.add("what a webhook was told", text);
        }
        let process = format!("/proc/{}", self.program.id());
        for name in ["cmdline", "environ", "comm", "limits", "maps"] {
            let bytes = std::fs::read(format!("{process}/{name}")).expect("it runs");
            self.evidence.add(format!("process {name}"), bytes);
        }
    }
}
