//! A gateway with a product's preset in front of an upstream, and the people and accounts of it.

use serde_json::{Value, json};

use crate::support::{Admin, Answer, Builder, Gateway, Upstream, request};

pub const PASSWORD: &str = "correct horse battery staple";
pub const DAY: i64 = 86_400_000;

pub struct Stage {
    pub gateway: Gateway,
    pub upstream: Upstream,
}

impl Stage {
    /// With the preset as it is, and these routes in place of the usual ones.
    #[track_caller]
    pub fn new(preset: &str, routes: &str) -> Self {
        Self::with(preset, "", routes)
    }

    /// The same, with further lines for the policy.
    #[track_caller]
    pub fn with(preset: &str, lines: &str, routes: &str) -> Self {
        let upstream = Upstream::start();
        let policy = format!("[policy.default]\npreset = \"{preset}\"\n{lines}");
        let mut builder = Builder::new(&upstream.url()).reveal_key().policies(&policy);
        if !routes.is_empty() {
            builder = builder.routes(routes);
        }
        Self { gateway: builder.start(), upstream }
    }

    pub fn root(&self) -> &str {
        &self.gateway.admin.token
    }

    /// A call of the management API.
    pub fn call(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { None } else { Some(body) };
        Admin { address: self.gateway.admin.address, token: token.to_owned() }.call(method, path, body)
    }

    /// The first administrator's call, which has to be answered with this status.
    #[track_caller]
    pub fn manage(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.call(self.root(), method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// A refusal of the management API: its status and its code.
    #[track_caller]
    pub fn refusal(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, String) {
        let answer = self.call(token, method, path, body);
        (answer.status, answer.problem())
    }

    /// A token, made by who holds `by`.
    #[track_caller]
    pub fn token(&self, by: &str, body: Value) -> Value {
        let answer = self.call(by, "POST", "/v1/tokens", body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// An account with these fields; below the first one where they do not say where.
    #[track_caller]
    pub fn account(&self, fields: Value) -> String {
        text(&self.manage("POST", "/v1/accounts", fields, 201), "id")
    }

    /// A user of the account with a password, its id, and the token of a session.
    #[track_caller]
    pub fn person(&self, account: &str, login: &str, roles: &[&str]) -> (String, String) {
        let body = json!({"login": login, "account": account, "roles": roles, "password": PASSWORD});
        let id = text(&self.manage("POST", "/v1/users", body, 201), "id");
        (id, text(&self.log_in(json!({"login": login, "password": PASSWORD}), 201), "token"))
    }

    #[track_caller]
    pub fn log_in(&self, body: Value, status: u16) -> Value {
        let address = self.gateway.admin.address;
        let answer = request(address, "POST", "/v1/sessions", None, body.to_string().as_bytes());
        assert_eq!(answer.status, status, "{}", answer.text());
        answer.json()
    }

    /// What the proxy answers: 200, or the status and the problem's code.
    pub fn ask(&self, method: &str, path: &str, token: &str) -> (u16, String) {
        let answer = self.gateway.request(method, path, Some(token));
        (answer.status, if answer.status < 400 { String::new() } else { answer.problem() })
    }
}

#[track_caller]
pub fn text(record: &Value, field: &str) -> String {
    record[field].as_str().unwrap_or_else(|| panic!("no {field} in {record}")).to_owned()
}

pub fn ok() -> (u16, String) {
    (200, String::new())
}

pub fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// The names of the fields that a refusal is about.
#[track_caller]
pub fn fields(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().unwrap_or_else(|| panic!("{}", answer.text())).clone();
    errors.iter().map(|error| text(error, "field")).collect()
}
