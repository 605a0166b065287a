//! Every endpoint × every kind of credential, complete over the table of endpoints by construction.

use http::Method;
use serde_json::json;

use super::world::{Answer, Made, PASSWORD, World};
use crate::admin::{ENDPOINTS, Endpoint, Right};
use crate::model::{Action, Grants, UserId};

/// What a request presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credential {
    Manager,
    Missing,
    OtherScheme,
    Malformed,
    BadChecksum,
    Unknown,
    Expired,
    NotYetValid,
    Disabled,
    Revoked,
    Deleted,
    OfSuspendedAccount,
    ForeignManager,
    ReadOnlyManager,
    WithoutManagement,
    OwnersSession,
}

const CREDENTIALS: [Credential; 16] = [
    Credential::Manager,
    Credential::Missing,
    Credential::OtherScheme,
    Credential::Malformed,
    Credential::BadChecksum,
    Credential::Unknown,
    Credential::Expired,
    Credential::NotYetValid,
    Credential::Disabled,
    Credential::Revoked,
    Credential::Deleted,
    Credential::OfSuspendedAccount,
    Credential::ForeignManager,
    Credential::ReadOnlyManager,
    Credential::WithoutManagement,
    Credential::OwnersSession,
];

const ALL: &[(&str, &str)] = &[("*", "full"), ("keygate.*", "full")];

/// The value of `Authorization`, and the grants behind it where it is a token in force.
async fn authorization(world: &World, credential: Credential) -> (Option<String>, Grants) {
    let root = world.root.id;
    let made: Made = match credential {
        Credential::Manager => world.make(root, ALL).await,
        Credential::Missing => return (None, Grants::default()),
        Credential::OtherScheme => return (Some("Basic dXNlcjpwYXNz".into()), Grants::default()),
        Credential::Malformed => return (Some("Bearer a b".into()), Grants::default()),
        Credential::BadChecksum => {
            let mut text = world.admin.text.clone();
            let last = if text.ends_with('x') { 'y' } else { 'x' };
            text.pop();
            return (Some(format!("Bearer {text}{last}")), Grants::default());
        }
        Credential::Unknown => {
            return (Some(format!("Bearer {}", world.make_text())), Grants::default());
        }
        Credential::Expired => world.make_with(root, ALL, |new| new.expires = Some(world.clock.wall())).await,
        Credential::NotYetValid => {
            let later = world.clock.wall().plus(std::time::Duration::from_secs(3_600));
            world.make_with(root, ALL, |new| new.not_before = Some(later)).await
        }
        Credential::Disabled => {
            let made = world.make(root, ALL).await;
            world.lifecycle.disable(made.token.id).await.expect("disabled");
            made
        }
        Credential::Revoked => {
            let made = world.make(root, ALL).await;
            world.lifecycle.revoke(made.token.id).await.expect("revoked");
            made
        }
        Credential::Deleted => {
            let made = world.make(root, ALL).await;
            world.lifecycle.delete(made.token.id).await.expect("deleted");
            made
        }
        Credential::OfSuspendedAccount => {
            let made = world.make(world.child.id, ALL).await;
            world.patch(&format!("/v1/accounts/{}", world.child.id), r#"{"state": "suspended"}"#).await.expect(200);
            made
        }
        Credential::ForeignManager => world.make(world.foreign.id, ALL).await,
        Credential::ReadOnlyManager => world.make(root, &[("keygate.*", "read")]).await,
        Credential::WithoutManagement => world.make(root, &[("*", "full")]).await,
        Credential::OwnersSession => world.member_with(root, "owner@example.org", &["owner"], PASSWORD).await.1,
    };
    (Some(format!("Bearer {}", made.text)), made.token.grants)
}

/// Whether the path names an object, of which a foreigner is told that there is none.
fn names_an_object(endpoint: &Endpoint) -> bool {
    endpoint.path.contains("{id}")
}

/// What those calls answer whose handlers look at who calls: sessions are of users.
fn of_handler(endpoint: &Endpoint, credential: Credential, grants: &Grants) -> Option<(u16, &'static str)> {
    let insufficient = Some((403, "insufficient_scope"));
    let is_user = credential == Credential::OwnersSession;
    match (&endpoint.method, endpoint.path) {
        (&Method::GET, "/v1/sessions") | (_, "/v1/users/me/password") if !is_user => Some((403, "no_user")),
        // About the text of another token.
        (_, "/v1/introspect") if !grants.allow("keygate.introspection", Action::Read) => insufficient,
        (_, "/v1/revoke") if !grants.allow("keygate.tokens", Action::Delete) => insufficient,
        (_, "/v1/sessions/current") if !is_user => Some((409, "not_a_session")),
        (_, "/v1/sessions/{id}") if !is_user && credential != Credential::Manager => Some((404, "not_found")),
        // The user is a member of no account that it reaches.
        (&Method::POST, "/v1/sessions") if credential == Credential::ForeignManager => Some((422, "invalid_fields")),
        _ => None,
    }
}

/// The expected status and problem code; `None`: it is done.
fn expected(endpoint: &Endpoint, credential: Credential, grants: &Grants) -> Option<(u16, &'static str)> {
    let right = endpoint.right;
    match credential {
        // No keys are configured.
        _ if endpoint.path == "/v1/leaks/github" => Some((404, "leaks_off")),
        _ if right == Right::Open => None,
        Credential::Missing | Credential::OtherScheme if matches!(right, Right::OpenOrNeeds { .. }) => None,
        Credential::Missing | Credential::OtherScheme => Some((401, "missing_credential")),
        Credential::Malformed => Some((400, "malformed_credential")),
        Credential::BadChecksum => Some((401, "invalid_token")),
        Credential::Unknown | Credential::Deleted => Some((401, "invalid_token")),
        Credential::Expired => Some((401, "token_expired")),
        Credential::NotYetValid => Some((401, "token_not_yet_valid")),
        Credential::Disabled => Some((401, "token_disabled")),
        Credential::Revoked => Some((401, "token_revoked")),
        Credential::OfSuspendedAccount => Some((403, "account_suspended")),
        Credential::ForeignManager if names_an_object(endpoint) => Some((404, "not_found")),
        Credential::Manager
        | Credential::ForeignManager
        | Credential::ReadOnlyManager
        | Credential::WithoutManagement
        | Credential::OwnersSession => match right {
            Right::Needs { resource, action }
            | Right::NeedsRoot { resource, action }
            | Right::OpenOrNeeds { resource, action }
                if !grants.allow(resource, action) =>
            {
                Some((403, "insufficient_scope"))
            }
            Right::NeedsRoot { .. } if credential == Credential::ForeignManager => Some((403, "root_only")),
            Right::Open | Right::Any | Right::Needs { .. } | Right::NeedsRoot { .. } | Right::OpenOrNeeds { .. } => {
                of_handler(endpoint, credential, grants)
            }
        },
    }
}

/// The challenge that goes with a code (RFC 6750 section 3); "" for none.
fn challenge_of(code: &str) -> &'static str {
    match code {
        "missing_credential" | "account_suspended" | "root_only" => "Bearer realm=\"keygate\"",
        "malformed_credential" => "Bearer realm=\"keygate\", error=\"invalid_request\", error_description=\"",
        "insufficient_scope" => "Bearer realm=\"keygate\", error=\"insufficient_scope\", scope=\"keygate.",
        "not_found" | "leaks_off" | "no_user" | "not_a_session" | "invalid_fields" => "",
        _ => "Bearer realm=\"keygate\", error=\"invalid_token\", error_description=\"",
    }
}

/// A body that is right for the endpoint.
async fn body(world: &World, endpoint: &Endpoint, user: UserId) -> String {
    let body = match (&endpoint.method, endpoint.path) {
        (&Method::POST, "/v1/tokens") => json!({"grants": {"devices": "read"}}),
        (&Method::POST, "/v1/tokens/import") => {
            json!({"tokens": [{"hash": "ab".repeat(32), "algorithm": "sha256", "grants": {"devices": "read"}}]})
        }
        (&Method::POST, "/v1/leaks") => json!({"leaks": [{"token": "x"}]}),
        (&Method::POST, "/v1/webhooks/{name}/discard") => json!({"ids": "all"}),
        (&Method::POST, "/v1/tokens/revoke") => json!({"all": true, "dry_run": true}),
        (&Method::POST, "/v1/tokens/{id}/rotation/extend") => json!({"by": "1h"}),
        (&Method::POST, "/v1/explain") => json!({"method": "GET", "path": "/"}),
        (&Method::POST, "/v1/accounts") => json!({"name": "new"}),
        (&Method::POST, "/v1/users") => json!({"login": "new@example.org", "roles": ["viewer"]}),
        (&Method::POST, "/v1/accounts/{id}/members") => {
            let (other, _) = world.member(world.child.id, "other@example.org", &["viewer"]).await;
            json!({"user": other.id.to_string(), "roles": ["viewer"]})
        }
        (&Method::PATCH, "/v1/accounts/{id}/members/{user}") => json!({"roles": ["deployment"]}),
        (&Method::PATCH, _) => json!({"name": "changed"}),
        (&Method::PUT, "/v1/users/me/password") => json!({"current": PASSWORD, "new": "another good one"}),
        (&Method::POST, "/v1/invitations") => {
            let (invitation, _) = world.lifecycle.invite(user).await.expect("an invitation");
            json!({"invitation": invitation.expose(), "password": PASSWORD})
        }
        (&Method::POST, "/v1/sessions") => {
            world.member_with(world.root.id, "login@example.org", &["viewer"], PASSWORD).await;
            json!({"login": "login@example.org", "password": PASSWORD})
        }
        _ => return String::new(),
    };
    body.to_string()
}

/// One call of the endpoint, with an object of the root account and a body that is right for it.
async fn call(world: &World, endpoint: &Endpoint, authorization: Option<&str>) -> Answer {
    let target = world.make(world.root.id, &[("devices", "read")]).await;
    if endpoint.path.contains("/rotation/") {
        world.rotate(&target).await;
    }
    let (user, session) = world.member(world.root.id, "target@example.org", &["viewer"]).await;
    let id = match (&endpoint.method, endpoint.path) {
        // An account does not delete itself.
        (&Method::DELETE, "/v1/accounts/{id}") => world.child.id.to_string(),
        (_, path) if path.starts_with("/v1/accounts") => world.root.id.to_string(),
        (_, path) if path.starts_with("/v1/users") => user.id.to_string(),
        (_, path) if path.starts_with("/v1/sessions") => session.token.id.to_string(),
        _ => target.token.id.to_string(),
    };
    let is_form = ["/v1/introspect", "/v1/revoke"].contains(&endpoint.path);
    let body = if is_form { format!("token={}", target.text) } else { body(world, endpoint, user.id).await };
    let mut request = http::Request::builder()
        .method(endpoint.method.clone())
        .uri(world.of_webhooks(endpoint.path).replace("{id}", &id).replace("{user}", &user.id.to_string()))
        .header("content-type", if is_form { "application/x-www-form-urlencoded" } else { "application/json" });
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    world.send(request.body(body.into()).expect("a request")).await
}

#[tokio::test]
async fn every_endpoint_answers_every_credential_as_its_right_says() {
    let mut calls = 0;
    for credential in CREDENTIALS {
        for endpoint in ENDPOINTS {
            let world = World::new().await;
            let (authorization, grants) = authorization(&world, credential).await;
            let answer = call(&world, endpoint, authorization.as_deref()).await;
            let what =
                format!("{} {} with {credential:?}: {} {}", endpoint.method, endpoint.path, answer.status, answer.text);
            match expected(endpoint, credential, &grants) {
                None => assert!(answer.status.is_success(), "{what}"),
                Some((status, code)) => {
                    assert_eq!((answer.status.as_u16(), answer.text_at("code").as_str()), (status, code), "{what}");
                    let challenge = challenge_of(code);
                    assert!(answer.header("www-authenticate").starts_with(challenge), "{what}");
                    assert_eq!(answer.headers.contains_key("www-authenticate"), !challenge.is_empty(), "{what}");
                }
            }
            calls += 1;
        }
    }
    assert_eq!(calls, ENDPOINTS.len() * CREDENTIALS.len());
}

/// The actions of the table, and no other call but those that only ask.
#[test]
fn whatever_does_something_is_noted() {
    // An alert does to tokens what each of their entries says.
    let asks = ["/v1/explain", "/v1/introspect", "/v1/leaks/github"].map(|path| (Method::POST, path));
    for endpoint in ENDPOINTS {
        let only_asks = endpoint.method == Method::GET || asks.contains(&(endpoint.method.clone(), endpoint.path));
        let is_copied = ["/v1/store/backup", "/v1/audit/export"].contains(&endpoint.path);
        assert_eq!(endpoint.audit.is_none(), only_asks && !is_copied, "{} {}", endpoint.method, endpoint.path);
    }
}

#[tokio::test]
async fn every_call_that_does_something_leaves_its_entry_and_no_other_leaves_one() {
    for credential in [Credential::Manager, Credential::OwnersSession] {
        for endpoint in ENDPOINTS {
            let world = World::new().await;
            let (authorization, _) = authorization(&world, credential).await;
            let before =
                world.entries("limit=1").await.first().map_or(0, |entry| entry["seq"].as_u64().expect("a place"));
            let answer = call(&world, endpoint, authorization.as_deref()).await;
            let what = format!("{} {} with {credential:?}: {}", endpoint.method, endpoint.path, answer.text);
            let entries = world.entries("limit=200").await;
            let made: Vec<_> = entries.iter().filter(|entry| entry["seq"].as_u64() > Some(before)).collect();
            let Some(action) = endpoint.audit else {
                assert!(made.is_empty(), "{what}: {made:?}");
                continue;
            };
            let entry = made.iter().find(|entry| entry["action"] == action.name()).unwrap_or_else(|| panic!("{what}"));
            assert_eq!(entry["request_id"], answer.header("x-request-id"), "{what}: {entry}");
            if answer.status.is_success() {
                assert_eq!(entry["outcome"], "done", "{what}: {entry}");
                let kind = entry["object"]["kind"].as_str().expect("an object");
                assert_ne!(kind, "endpoint", "{what}: its handler does not say what it was done to");
            } else {
                assert_eq!(entry["code"], answer.json()["code"], "{what}: {entry}");
            }
        }
    }
}

#[test]
fn only_probes_the_description_and_what_has_its_own_proof_are_open_and_every_resource_is_of_the_management() {
    let open: Vec<_> = ENDPOINTS.iter().filter(|e| e.right == Right::Open).map(|e| e.path).collect();
    assert_eq!(
        open,
        ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/v1/invitations", "/v1/leaks/github"]
    );
    let any: Vec<_> = ENDPOINTS.iter().filter(|e| e.right == Right::Any).map(|e| e.path).collect();
    let sessions = ["/v1/users/me/password", "/v1/sessions", "/v1/sessions/current", "/v1/sessions/{id}"];
    let presented = ["/v1/tokens/current/revoke", "/v1/introspect", "/v1/revoke"];
    assert_eq!(any, [&["/v1/whoami", "/v1/explain"], &presented[..], &sessions[..]].concat());
    for endpoint in ENDPOINTS {
        if let Right::Needs { resource, action } | Right::OpenOrNeeds { resource, action } = endpoint.right {
            assert!(resource.starts_with("keygate."), "{resource}");
            assert!(resource.parse::<crate::model::ResourceName>().is_ok(), "{resource}");
            assert_eq!(endpoint.method == Method::GET, action == Action::Read, "{} {}", endpoint.method, endpoint.path);
        }
    }
}

#[tokio::test]
async fn a_refused_request_changes_nothing() {
    let world = World::new().await;
    let reader = world.make(world.root.id, &[("keygate.*", "read")]).await;
    let target = world.make(world.root.id, &[("devices", "read")]).await;
    let before = world.get(&format!("/v1/tokens/{}", target.token.id)).await.expect(200).text;
    for (method, path) in
        [(Method::DELETE, ""), (Method::PATCH, ""), (Method::POST, "/disable"), (Method::POST, "/revoke")]
    {
        let path = format!("/v1/tokens/{}{path}", target.token.id);
        world.call(method, &path, &reader.text, r#"{"name": "x"}"#).await.expect_problem(403, "insufficient_scope");
    }
    assert_eq!(world.get(&format!("/v1/tokens/{}", target.token.id)).await.expect(200).text, before);
}

#[tokio::test]
async fn strangers_cannot_tell_what_exists() {
    let world = World::new().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1/nothing"),
        (Method::PUT, "/v1/tokens"),
        (Method::POST, "/livez"),
        (Method::OPTIONS, "/v1/tokens"),
    ] {
        world.call(method, path, "", "").await.expect_problem(401, "missing_credential");
    }
    world.get("/v1/nothing").await.expect_problem(404, "no_endpoint");
    world.get("/v1/tokens/").await.expect_problem(404, "no_endpoint");
    let token = world.make(world.root.id, &[("devices", "read")]).await;
    world.call(Method::GET, "/v1/nothing", &token.text, "").await.expect_problem(404, "no_endpoint");
    let allows = [("/v1/tokens", "GET, HEAD, POST"), ("/livez", "GET, HEAD"), ("/v1/tokens/x/revoke", "POST")];
    for (path, allow) in allows {
        let answer = world.call(Method::PUT, path, &token.text, "").await.expect_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow);
    }
    world.call(Method::HEAD, "/v1/tokens", &world.admin.text, "").await.expect(200);
    world.call(Method::HEAD, "/v1/tokens", "", "").await.expect(401);
}

#[tokio::test]
async fn two_credentials_are_refused() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.admin.text);
    let request = http::Request::get("/v1/whoami").header("authorization", &bearer).header("authorization", &bearer);
    let answer = world.send(request.body("".into()).expect("a request")).await;
    answer.expect_problem(400, "several_credentials");
}
