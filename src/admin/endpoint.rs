//! The table of endpoints: what can be called, and the right that it takes.

use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use super::about::{self, Operation};
use super::sessions::SESSIONS;
use super::{
    Shared, accounts, audit, backup, bulk, explain, health, import, invitations, leaks, manual, members, passwords,
    policies, presented, reveal, roles, rotation, sessions, tokens, usage, users, webhooks, whoami,
};
use crate::audit::Action as Audited;
use crate::model::Action;

/// One call of the API.
pub struct Endpoint {
    pub method: Method,
    /// With `{id}` where the object's id stands.
    pub path: &'static str,
    pub right: Right,
    /// What the call does; `None`: it shows something. Whatever has one leaves its entry in the audit log
    /// by itself; its handler says with `Caller::record` what it was done to.
    pub audit: Option<Audited>,
    mount: fn(MethodFilter) -> MethodRouter<Shared>,
    /// What is said of it.
    pub(super) about: &'static Operation,
}

/// What a caller must have for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing, not even a token.
    Open,
    /// A token in force, whatever it may do.
    Any,
    /// A grant of the management API.
    Needs { resource: &'static str, action: Action },
    /// Nothing; but who presents a token is judged by it, and it needs this.
    OpenOrNeeds { resource: &'static str, action: Action },
    /// A grant of the management API, and a token of the account that is above all others.
    NeedsRoot { resource: &'static str, action: Action },
}

/// What the table has for a request.
pub(super) enum Sought {
    Found(&'static Endpoint),
    /// The path is there for other methods, which these are.
    WrongMethod(String),
    Nothing,
}

impl Endpoint {
    pub(super) fn mount(&self, method: MethodFilter) -> MethodRouter<Shared> {
        (self.mount)(method)
    }
}

/// Looks up a request by the path pattern that the router matched. HEAD is served by GET.
pub(super) fn find(method: &Method, pattern: Option<&str>) -> Sought {
    let Some(pattern) = pattern else { return Sought::Nothing };
    let sought = if method == Method::HEAD { &Method::GET } else { method };
    let mut of_path = ENDPOINTS.iter().filter(|endpoint| endpoint.path == pattern);
    match of_path.clone().find(|endpoint| endpoint.method == sought) {
        Some(endpoint) => Sought::Found(endpoint),
        None if of_path.clone().next().is_none() => Sought::Nothing,
        None => Sought::WrongMethod(of_path.by_ref().map(allowed).collect::<Vec<_>>().join(", ")),
    }
}

fn allowed(endpoint: &Endpoint) -> &str {
    if endpoint.method == Method::GET { "GET, HEAD" } else { endpoint.method.as_str() }
}

pub(super) const TOKENS: &str = "keygate.tokens";
pub(super) const INTROSPECTION: &str = "keygate.introspection";
const ACCOUNTS: &str = "keygate.accounts";
const USERS: &str = "keygate.users";
const AUDIT: &str = "keygate.audit";
const STORE: &str = "keygate.store";
const LEAKS: &str = "keygate.leaks";
const WEBHOOKS: &str = "keygate.webhooks";

const fn needs(resource: &'static str, action: Action) -> Right {
    Right::Needs { resource, action }
}

/// Every endpoint there is.
#[rustfmt::skip] // One line each, so that the table can be read as one.
pub static ENDPOINTS: &[Endpoint] = &[
    Endpoint { method: Method::GET, path: "/livez", right: Right::Open, audit: None, mount: |m| on(m, health::livez), about: &about::gateway::LIVEZ },
    Endpoint { method: Method::GET, path: "/readyz", right: Right::Open, audit: None, mount: |m| on(m, health::readyz), about: &about::gateway::READYZ },
    Endpoint { method: Method::GET, path: "/metrics", right: Right::Open, audit: None, mount: |m| on(m, health::metrics), about: &about::gateway::METRICS },
    Endpoint { method: Method::GET, path: "/openapi.json", right: Right::Open, audit: None, mount: |m| on(m, manual::openapi), about: &about::gateway::OPENAPI },
    Endpoint { method: Method::GET, path: "/docs", right: Right::Open, audit: None, mount: |m| on(m, manual::docs), about: &about::gateway::DOCS },
    Endpoint { method: Method::GET, path: "/v1/whoami", right: Right::Any, audit: None, mount: |m| on(m, whoami::show), about: &about::gateway::WHOAMI },
    // About another token than the caller's own it takes the right to read tokens.
    Endpoint { method: Method::POST, path: "/v1/explain", right: Right::Any, audit: None, mount: |m| on(m, explain::show), about: &about::gateway::EXPLAIN },
    Endpoint { method: Method::GET, path: "/v1/tokens", right: needs(TOKENS, Action::Read), audit: None, mount: |m| on(m, tokens::list), about: &about::tokens::LIST },
    Endpoint { method: Method::POST, path: "/v1/tokens", right: needs(TOKENS, Action::Create), audit: Some(Audited::TokenCreate), mount: |m| on(m, tokens::create), about: &about::tokens::CREATE },
    // A key is one token of the whole installation: who imports for one account could take it from another.
    Endpoint { method: Method::POST, path: "/v1/tokens/import", right: Right::NeedsRoot { resource: TOKENS, action: Action::Create }, audit: Some(Audited::TokenImport), mount: |m| on(m, import::create), about: &about::tokens::IMPORT },
    Endpoint { method: Method::GET, path: "/v1/tokens/{id}", right: needs(TOKENS, Action::Read), audit: None, mount: |m| on(m, tokens::show), about: &about::tokens::SHOW },
    Endpoint { method: Method::PATCH, path: "/v1/tokens/{id}", right: needs(TOKENS, Action::Update), audit: Some(Audited::TokenEdit), mount: |m| on(m, tokens::edit), about: &about::tokens::EDIT },
    Endpoint { method: Method::DELETE, path: "/v1/tokens/{id}", right: needs(TOKENS, Action::Delete), audit: Some(Audited::TokenDelete), mount: |m| on(m, tokens::delete), about: &about::tokens::DELETE },
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/disable", right: needs(TOKENS, Action::Update), audit: Some(Audited::TokenDisable), mount: |m| on(m, tokens::disable), about: &about::tokens::DISABLE },
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/enable", right: needs(TOKENS, Action::Update), audit: Some(Audited::TokenEnable), mount: |m| on(m, tokens::enable), about: &about::tokens::ENABLE },
    Endpoint { method: Method::GET, path: "/v1/tokens/{id}/usage", right: needs(TOKENS, Action::Read), audit: None, mount: |m| on(m, usage::show), about: &about::tokens::USAGE },
    // Who sees its text can do what it can, as who makes one.
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/reveal", right: needs(TOKENS, Action::Create), audit: Some(Audited::TokenReveal), mount: |m| on(m, reveal::show), about: &about::tokens::REVEAL },
    // As making one does; the others give nobody a text.
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/rotate", right: needs(TOKENS, Action::Create), audit: Some(Audited::TokenRotate), mount: |m| on(m, rotation::rotate), about: &about::rotation::ROTATE },
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/rotation/end", right: needs(TOKENS, Action::Update), audit: Some(Audited::TokenRotationEnd), mount: |m| on(m, rotation::end), about: &about::rotation::END },
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/rotation/extend", right: needs(TOKENS, Action::Update), audit: Some(Audited::TokenRotationExtend), mount: |m| on(m, rotation::extend), about: &about::rotation::EXTEND },
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/rotation/undo", right: needs(TOKENS, Action::Update), audit: Some(Audited::TokenRotationUndo), mount: |m| on(m, rotation::undo), about: &about::rotation::UNDO },
    // Final, unlike disabling; so it takes the right to delete.
    Endpoint { method: Method::POST, path: "/v1/tokens/{id}/revoke", right: needs(TOKENS, Action::Delete), audit: Some(Audited::TokenRevoke), mount: |m| on(m, tokens::revoke), about: &about::tokens::REVOKE },
    Endpoint { method: Method::POST, path: "/v1/tokens/revoke", right: needs(TOKENS, Action::Delete), audit: Some(Audited::TokenRevokeMany), mount: |m| on(m, bulk::revoke), about: &about::tokens::REVOKE_MANY },
    // Whoever holds a token may give it up; for any other text the handlers ask for a right.
    Endpoint { method: Method::POST, path: "/v1/tokens/current/revoke", right: Right::Any, audit: Some(Audited::TokenRevoke), mount: |m| on(m, presented::revoke_self), about: &about::presented::REVOKE_SELF },
    Endpoint { method: Method::POST, path: "/v1/introspect", right: Right::Any, audit: None, mount: |m| on(m, presented::introspect), about: &about::presented::INTROSPECT },
    Endpoint { method: Method::POST, path: "/v1/revoke", right: Right::Any, audit: Some(Audited::TokenRevoke), mount: |m| on(m, presented::revoke), about: &about::presented::REVOKE },
    Endpoint { method: Method::GET, path: "/v1/accounts", right: needs(ACCOUNTS, Action::Read), audit: None, mount: |m| on(m, accounts::list), about: &about::accounts::LIST },
    Endpoint { method: Method::POST, path: "/v1/accounts", right: needs(ACCOUNTS, Action::Create), audit: Some(Audited::AccountCreate), mount: |m| on(m, accounts::create), about: &about::accounts::CREATE },
    Endpoint { method: Method::GET, path: "/v1/accounts/{id}", right: needs(ACCOUNTS, Action::Read), audit: None, mount: |m| on(m, accounts::show), about: &about::accounts::SHOW },
    Endpoint { method: Method::PATCH, path: "/v1/accounts/{id}", right: needs(ACCOUNTS, Action::Update), audit: Some(Audited::AccountEdit), mount: |m| on(m, accounts::edit), about: &about::accounts::EDIT },
    // The right to delete, and for more than an empty account its name as well.
    Endpoint { method: Method::DELETE, path: "/v1/accounts/{id}", right: needs(ACCOUNTS, Action::Delete), audit: Some(Audited::AccountDelete), mount: |m| on(m, accounts::delete), about: &about::accounts::DELETE },
    // Who has tokens in the account may know what they may be like.
    Endpoint { method: Method::GET, path: "/v1/accounts/{id}/policy", right: needs(TOKENS, Action::Read), audit: None, mount: |m| on(m, policies::show), about: &about::accounts::POLICY },
    Endpoint { method: Method::GET, path: "/v1/accounts/{id}/members", right: needs(USERS, Action::Read), audit: None, mount: |m| on(m, members::list), about: &about::members::LIST },
    Endpoint { method: Method::POST, path: "/v1/accounts/{id}/members", right: needs(USERS, Action::Create), audit: Some(Audited::MemberAdd), mount: |m| on(m, members::add), about: &about::members::ADD },
    Endpoint { method: Method::GET, path: "/v1/accounts/{id}/members/{user}", right: needs(USERS, Action::Read), audit: None, mount: |m| on(m, members::show), about: &about::members::SHOW },
    Endpoint { method: Method::PATCH, path: "/v1/accounts/{id}/members/{user}", right: needs(USERS, Action::Update), audit: Some(Audited::MemberEdit), mount: |m| on(m, members::edit), about: &about::members::EDIT },
    Endpoint { method: Method::DELETE, path: "/v1/accounts/{id}/members/{user}", right: needs(USERS, Action::Delete), audit: Some(Audited::MemberRemove), mount: |m| on(m, members::remove), about: &about::members::REMOVE },
    Endpoint { method: Method::GET, path: "/v1/policies", right: needs(ACCOUNTS, Action::Read), audit: None, mount: |m| on(m, policies::list), about: &about::accounts::POLICIES },
    Endpoint { method: Method::GET, path: "/v1/roles", right: needs(TOKENS, Action::Read), audit: None, mount: |m| on(m, roles::list), about: &about::users::ROLES },
    Endpoint { method: Method::GET, path: "/v1/users", right: needs(USERS, Action::Read), audit: None, mount: |m| on(m, users::list), about: &about::users::LIST },
    Endpoint { method: Method::POST, path: "/v1/users", right: needs(USERS, Action::Create), audit: Some(Audited::UserCreate), mount: |m| on(m, users::create), about: &about::users::CREATE },
    // Whoever stands for a user may, whatever else it may do: the old password is the proof.
    Endpoint { method: Method::PUT, path: "/v1/users/me/password", right: Right::Any, audit: Some(Audited::UserPassword), mount: |m| on(m, passwords::change), about: &about::users::PASSWORD },
    Endpoint { method: Method::GET, path: "/v1/users/{id}", right: needs(USERS, Action::Read), audit: None, mount: |m| on(m, users::show), about: &about::users::SHOW },
    Endpoint { method: Method::PATCH, path: "/v1/users/{id}", right: needs(USERS, Action::Update), audit: Some(Audited::UserEdit), mount: |m| on(m, users::edit), about: &about::users::EDIT },
    Endpoint { method: Method::DELETE, path: "/v1/users/{id}", right: needs(USERS, Action::Delete), audit: Some(Audited::UserDelete), mount: |m| on(m, users::delete), about: &about::users::DELETE },
    Endpoint { method: Method::POST, path: "/v1/users/{id}/invitation", right: needs(USERS, Action::Update), audit: Some(Audited::UserInvite), mount: |m| on(m, invitations::create), about: &about::users::INVITE },
    // The invitation is the proof.
    Endpoint { method: Method::POST, path: "/v1/invitations", right: Right::Open, audit: Some(Audited::InvitationAccept), mount: |m| on(m, invitations::accept), about: &about::users::ACCEPT },
    // A person has a password, and an application a token that may begin sessions for its users.
    Endpoint { method: Method::POST, path: "/v1/sessions", right: Right::OpenOrNeeds { resource: SESSIONS, action: Action::Create }, audit: Some(Audited::SessionCreate), mount: |m| on(m, sessions::create), about: &about::sessions::CREATE },
    Endpoint { method: Method::GET, path: "/v1/sessions", right: Right::Any, audit: None, mount: |m| on(m, sessions::list), about: &about::sessions::LIST },
    Endpoint { method: Method::DELETE, path: "/v1/sessions/current", right: Right::Any, audit: Some(Audited::SessionDelete), mount: |m| on(m, sessions::end_current), about: &about::sessions::END_CURRENT },
    // One's own; for those of others the handler asks for `keygate.sessions`.
    Endpoint { method: Method::DELETE, path: "/v1/sessions/{id}", right: Right::Any, audit: Some(Audited::SessionDelete), mount: |m| on(m, sessions::end), about: &about::sessions::END },
    Endpoint { method: Method::GET, path: "/v1/audit", right: needs(AUDIT, Action::Read), audit: None, mount: |m| on(m, audit::list), about: &about::audit::LIST },
    // It has what concerns every account.
    Endpoint { method: Method::GET, path: "/v1/audit/export", right: Right::NeedsRoot { resource: AUDIT, action: Action::Read }, audit: Some(Audited::AuditExport), mount: |m| on(m, audit::export), about: &about::audit::EXPORT },
    // Who has the text of a token may report it, of whatever account the token is.
    Endpoint { method: Method::POST, path: "/v1/leaks", right: needs(LEAKS, Action::Create), audit: Some(Audited::LeakReport), mount: |m| on(m, leaks::report), about: &about::leaks::REPORT },
    // The signature is the proof; each token that is found has its own entry.
    Endpoint { method: Method::POST, path: "/v1/leaks/github", right: Right::Open, audit: None, mount: |m| on(m, leaks::github), about: &about::leaks::GITHUB },
    // They are the installation's: what they could not deliver is of every account.
    Endpoint { method: Method::GET, path: "/v1/webhooks", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Read }, audit: None, mount: |m| on(m, webhooks::list), about: &about::webhooks::LIST },
    Endpoint { method: Method::GET, path: "/v1/webhooks/{name}", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Read }, audit: None, mount: |m| on(m, webhooks::get), about: &about::webhooks::SHOW },
    Endpoint { method: Method::GET, path: "/v1/webhooks/{name}/dead", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Read }, audit: None, mount: |m| on(m, webhooks::dead), about: &about::webhooks::DEAD },
    Endpoint { method: Method::GET, path: "/v1/webhooks/{name}/dead/{message}", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Read }, audit: None, mount: |m| on(m, webhooks::letter), about: &about::webhooks::LETTER },
    Endpoint { method: Method::POST, path: "/v1/webhooks/{name}/test", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Update }, audit: Some(Audited::WebhookTest), mount: |m| on(m, webhooks::test), about: &about::webhooks::TEST },
    Endpoint { method: Method::POST, path: "/v1/webhooks/{name}/redeliver", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Update }, audit: Some(Audited::WebhookRedeliver), mount: |m| on(m, webhooks::redeliver), about: &about::webhooks::REDELIVER },
    Endpoint { method: Method::POST, path: "/v1/webhooks/{name}/discard", right: Right::NeedsRoot { resource: WEBHOOKS, action: Action::Delete }, audit: Some(Audited::WebhookDiscard), mount: |m| on(m, webhooks::discard), about: &about::webhooks::DISCARD },
    // It has what every account has, so a right within one account is not enough.
    Endpoint { method: Method::GET, path: "/v1/store/backup", right: Right::NeedsRoot { resource: STORE, action: Action::Read }, audit: Some(Audited::StoreBackup), mount: |m| on(m, backup::download), about: &about::gateway::BACKUP },
];
