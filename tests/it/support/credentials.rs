//! One credential of every state that a credential can be in, and what each is answered.

use keygate::model::{Action, Kind, TokenPrefix, TokenText};
use serde_json::{Value, json};

use super::client::Answer;
use super::gateway::{Admin, Gateway};

/// The states, in the order in which a test goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// May do everything: goes first, as the control that shows that the request itself is right.
    Administrator,
    Nothing,
    Malformed,
    BadChecksum,
    /// Well-formed, and nobody's.
    Unknown,
    Expired,
    Disabled,
    Revoked,
    Deleted,
    /// May do everything in an account that sees no other.
    OtherAccount,
    Read,
    Write,
    Full,
    /// `read`, `write` and `full` on the management API alone.
    ManageRead,
    ManageWrite,
    ManageFull,
}

/// One credential of each state, in a gateway whose clock has gone on by an hour.
pub struct Cast {
    members: Vec<(Credential, Option<String>)>,
    /// The account of all but one.
    pub account: String,
}

impl Cast {
    #[track_caller]
    pub fn new(gateway: &Gateway) -> Self {
        use Credential as C;
        let admin = &gateway.admin;
        let make =
            |name: &str, grants: Value| admin.create(json!({"name": name, "grants": grants, "expires": "never"}));
        let all = json!({"*": "full", "keygate.*": "full"});
        let [disabled, revoked, deleted, whole] =
            ["disabled", "revoked", "deleted", "whole"].map(|name| make(name, all.clone()));
        admin.change(&disabled.id, "disable");
        admin.change(&revoked.id, "revoke");
        admin.delete(&deleted.id);
        let unknown = TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness");
        let expired = admin.create(json!({"name": "expired", "grants": all, "expires": "10m"})).secret;
        gateway.clock.step_millis(3_600_000);
        let members = vec![
            (C::Administrator, Some(admin.token.clone())),
            (C::Nothing, None),
            (C::Malformed, Some("two words".to_owned())),
            (C::BadChecksum, Some(garbled(&whole.secret))),
            (C::Unknown, Some(unknown.expose().to_owned())),
            (C::Expired, Some(expired)),
            (C::Disabled, Some(disabled.secret)),
            (C::Revoked, Some(revoked.secret)),
            (C::Deleted, Some(deleted.secret)),
            (C::OtherAccount, Some(in_hidden_account(admin, &all))),
            (C::Read, Some(make("read", json!({"*": "read"})).secret)),
            (C::Write, Some(make("write", json!({"*": "write"})).secret)),
            (C::Full, Some(make("full", json!({"*": "full"})).secret)),
            (C::ManageRead, Some(make("auditor", json!({"keygate.*": "read"})).secret)),
            (C::ManageWrite, Some(make("issuer", json!({"keygate.*": "write"})).secret)),
            (C::ManageFull, Some(make("manager", json!({"keygate.*": "full"})).secret)),
        ];
        let own = admin.call("GET", "/v1/whoami", None).json();
        Self { members, account: own["account"]["id"].as_str().expect("an id").to_owned() }
    }

    /// Each state with its `Authorization`.
    pub fn each(&self) -> impl Iterator<Item = (Credential, Option<String>)> {
        self.members.iter().map(|(state, token)| (*state, token.as_ref().map(|token| format!("Bearer {token}"))))
    }
}

impl Credential {
    /// What a protected place answers whatever it is asked; `None`: the token is in force.
    pub fn refusal(self) -> Option<Outcome> {
        use Credential as C;
        let (status, code, error) = match self {
            C::Nothing => (401, "missing_credential", None),
            C::Malformed => (400, "malformed_credential", Some("invalid_request")),
            C::BadChecksum | C::Unknown | C::Deleted => (401, "invalid_token", Some("invalid_token")),
            C::Expired => (401, "token_expired", Some("invalid_token")),
            C::Disabled => (401, "token_disabled", Some("invalid_token")),
            C::Revoked => (401, "token_revoked", Some("invalid_token")),
            _ => return None,
        };
        Some(Outcome::challenged(status, code, error))
    }

    /// Whether a token in force may do this, by its grants alone.
    pub fn may(self, resource: &str, action: Action) -> bool {
        use Credential as C;
        let (reads, writes) = (action == Action::Read, matches!(action, Action::Create | Action::Update));
        match (self, resource.starts_with("keygate.")) {
            (C::Administrator | C::OtherAccount, _) | (C::Full, false) | (C::ManageFull, true) => true,
            (C::Read, false) | (C::ManageRead, true) => reads,
            (C::Write, false) | (C::ManageWrite, true) => writes,
            _ => false,
        }
    }
}

/// What a client makes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub status: u16,
    /// Of the problem; empty where there is none.
    pub code: String,
    pub challenge: Option<Challenge>,
}

/// `WWW-Authenticate: Bearer`, whose form and realm are checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    pub error: Option<String>,
    pub scope: Option<String>,
}

impl Outcome {
    pub fn ok(status: u16) -> Self {
        Self { status, code: String::new(), challenge: None }
    }

    /// A problem that no other credential would solve.
    pub fn problem(status: u16, code: &str) -> Self {
        Self { code: code.to_owned(), ..Self::ok(status) }
    }

    pub fn challenged(status: u16, code: &str, error: Option<&str>) -> Self {
        let challenge = Challenge { error: error.map(str::to_owned), scope: None };
        Self { challenge: Some(challenge), ..Self::problem(status, code) }
    }

    pub fn insufficient(resource: &str, action: Action) -> Self {
        let scope = Some(format!("{resource}:{}", action.name()));
        let challenge = Challenge { error: Some("insufficient_scope".to_owned()), scope };
        Self { challenge: Some(challenge), ..Self::problem(403, "insufficient_scope") }
    }

    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let code = if answer.status < 400 { String::new() } else { answer.problem() };
        let challenges: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "www-authenticate").collect();
        assert!(challenges.len() <= 1, "{answer:?}");
        let challenge = challenges.first().map(|(_, value)| Challenge::parse(value));
        Self { status: answer.status, code, challenge }
    }
}

impl Challenge {
    /// RFC 6750 section 3: each attribute at most once, quoted, of the characters that it allows.
    #[track_caller]
    fn parse(line: &str) -> Self {
        let mut rest = line.strip_prefix("Bearer realm=\"keygate\"").unwrap_or_else(|| panic!("{line}"));
        let [error, description, scope] = ["error", "error_description", "scope"].map(|name| {
            let value = rest.strip_prefix(&format!(", {name}=\""))?;
            let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("{line}"));
            assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\'), "{line}");
            rest = after;
            Some(value.to_owned())
        });
        assert!(rest.is_empty(), "{line}");
        assert!(description.is_none() || error.is_some(), "a description of no error: {line}");
        Self { error, scope }
    }
}

/// A token of an account that the administrator's own account does not see.
#[track_caller]
fn in_hidden_account(admin: &Admin, grants: &Value) -> String {
    let account = admin.call("POST", "/v1/accounts", Some(json!({"name": "other"}))).json();
    let id = account["id"].as_str().unwrap_or_else(|| panic!("no id in {account}"));
    let token = admin.create(json!({"name": "inside", "account": id, "grants": grants, "expires": "never"}));
    let hidden = admin.call("PATCH", &format!("/v1/accounts/{id}"), Some(json!({"visible_to_parent": false})));
    assert_eq!(hidden.status, 200, "{}", hidden.text());
    token.secret
}

/// The same text with another character in the random part.
fn garbled(token: &str) -> String {
    let at = token.len() - 20;
    let other = if token.as_bytes()[at] == b'x' { "y" } else { "x" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}
