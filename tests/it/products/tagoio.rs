//! TagoIO's account token: rows T1 to T11.

use serde_json::{Value, json};

use super::stage::{DAY, PASSWORD, Stage, ok, refused, text};
use crate::support::{Builder, Upstream, program::Program, request};

/// The eight groups of entities, as resources.
const ENTITIES: [&str; 8] = ["devices", "dashboards", "analysis", "actions", "files", "access", "run", "dictionary"];

fn routes() -> String {
    let route =
        |name: &&str| format!("[[route]]\npath = \"/{name}/{{*rest}}\"\nresource = \"{name}\"\nupstream = \"api\"\n");
    ENTITIES.iter().map(route).collect()
}

fn stage() -> Stage {
    Stage::new("tagoio", &routes())
}

/// A token of the administrator with this permission on these resources, for ever.
#[track_caller]
fn token(stage: &Stage, grants: Value) -> String {
    text(&stage.token(stage.root(), json!({"name": "a token", "grants": grants, "expires": "never"})), "token")
}

/// Which of read, create, update and delete the token can do on an entity.
fn can(stage: &Stage, token: &str, entity: &str) -> String {
    let ways = [("GET", 'r'), ("POST", 'c'), ("PUT", 'u'), ("DELETE", 'd')];
    let path = format!("/{entity}/7");
    let answers = ways.into_iter().map(|(method, letter)| match stage.ask(method, &path, token) {
        answer if answer == ok() => letter,
        answer => {
            assert_eq!(answer, refused(403, "insufficient_scope"), "{method} {path}");
            '-'
        }
    });
    answers.collect()
}

#[test]
fn t1_any_access_needs_a_valid_token() {
    let stage = stage();
    for entity in ENTITIES {
        let path = format!("/{entity}/7");
        let answer = stage.gateway.request("GET", &path, None);
        assert_eq!((answer.status, answer.problem().as_str()), (401, "missing_credential"));
        assert_eq!(
            stage.ask("GET", &path, "kg_svc_000000000000000000000000000000000000"),
            refused(401, "invalid_token")
        );
        assert_eq!(stage.ask("GET", &path, &token(&stage, json!({"*": "read"}))), ok());
    }
    assert_eq!(stage.upstream.seen().len(), ENTITIES.len(), "nothing else got through");
}

#[test]
fn t2_one_profile_has_any_number_of_tokens() {
    let stage = stage();
    let tokens: Vec<_> = (0..40).map(|_| token(&stage, json!({"*": "read"}))).collect();
    assert!(tokens.iter().all(|token| stage.ask("GET", "/devices/7", token) == ok()));
}

#[test]
fn t3_each_token_has_its_own_permission_and_its_own_expiry() {
    let stage = stage();
    let make = |access: &str, expires: &str| {
        let body = json!({"name": access, "grants": {"*": access}, "expires": expires});
        text(&stage.token(stage.root(), body), "token")
    };
    let (short, long) = (make("read", "30d"), make("full", "60d"));
    assert_eq!((can(&stage, &short, "files"), can(&stage, &long, "files")), ("r---".into(), "rcud".into()));
    stage.gateway.clock.step_millis(31 * DAY);
    assert_eq!(stage.ask("GET", "/files/7", &short), refused(401, "token_expired"));
    assert_eq!(stage.ask("GET", "/files/7", &long), ok());
    stage.gateway.clock.step_millis(30 * DAY);
    assert_eq!(stage.ask("GET", "/files/7", &long), refused(401, "token_expired"));
}

#[test]
fn t4_full_is_read_create_update_and_delete_on_all_entities() {
    let stage = stage();
    let token = token(&stage, json!({"*": "full"}));
    assert!(ENTITIES.iter().all(|entity| can(&stage, &token, entity) == "rcud"));
}

#[test]
fn t5_write_only_is_create_and_update_and_neither_read_nor_delete() {
    let stage = stage();
    let token = token(&stage, json!({"*": "write"}));
    assert!(ENTITIES.iter().all(|entity| can(&stage, &token, entity) == "-cu-"));
}

#[test]
fn t6_read_only_is_read_on_all_entities() {
    let stage = stage();
    let token = token(&stage, json!({"*": "read"}));
    assert!(ENTITIES.iter().all(|entity| can(&stage, &token, entity) == "r---"));
}

#[test]
fn t7_a_token_may_be_limited_to_some_of_the_eight_entities() {
    let stage = stage();
    let token = token(&stage, json!({"dashboards": "full", "run": "read"}));
    for entity in ENTITIES {
        let expected = match entity {
            "dashboards" => "rcud",
            "run" => "r---",
            _ => "----",
        };
        assert_eq!(can(&stage, &token, entity), expected, "{entity}");
    }
}

#[test]
fn t8_expiry_is_a_period_or_never() {
    let stage = stage();
    let make = |expires: &str| {
        let body = json!({"name": "a token", "grants": {"*": "read"}, "expires": expires});
        stage.token(stage.root(), body)
    };
    let (period, never) = (make("1d"), make("never"));
    assert_eq!((period["expires"].is_string(), &never["expires"]), (true, &Value::Null));
    stage.gateway.clock.step_millis(3_650 * DAY);
    assert_eq!(stage.ask("GET", "/devices/7", &text(&period, "token")), refused(401, "token_expired"));
    assert_eq!(stage.ask("GET", "/devices/7", &text(&never, "token")), ok());
}

#[test]
fn t9_a_token_can_be_copied_again_by_its_owner_and_each_time_is_in_the_audit() {
    let upstream = Upstream::start();
    let policy = "[policy.default]\npreset = \"tagoio\"\n";
    let builder = Builder::new(&upstream.url()).reveal_key().policies(policy);
    let program = Program::start(builder);
    let made = program.admin.create(json!({"name": "device", "grants": {"*": "read"}, "expires": "never"}));
    let reveal = |token: &str| {
        let path = format!("/v1/tokens/{}/reveal", made.id);
        request(program.admin.address, "POST", &path, Some(token), b"")
    };
    for _ in 0..2 {
        assert_eq!(text(&reveal(&program.admin.token).json(), "token"), made.secret);
    }
    assert_eq!(reveal(&made.secret).status, 403, "it is for who may make tokens");
    let written = program.terminate();
    let audited = written.messages.iter().filter(|line| line.contains("\"token.reveal\"") && line.contains(&made.id));
    assert_eq!(audited.count(), 2, "{:?}", written.messages);
    assert!(!written.messages.iter().any(|line| line.contains(&made.secret)));
}

#[test]
fn t9_by_default_a_token_is_shown_once() {
    let stage = Stage::with("tagoio", "reveal = \"once\"\n", "");
    let made = stage.token(stage.root(), json!({"name": "device", "grants": {"*": "read"}}));
    let path = format!("/v1/tokens/{}/reveal", text(&made, "id"));
    assert_eq!(stage.refusal(stage.root(), "POST", &path, Value::Null), refused(409, "not_retrievable"));
}

#[test]
fn t10_a_login_makes_a_session_also_for_somebody_with_whom_the_profile_is_shared() {
    let stage = stage();
    let (ours, theirs) = (stage.account(json!({"name": "ours"})), stage.account(json!({"name": "theirs"})));
    let (_, own) = stage.person(&ours, "ada@example.org", &["owner"]);
    assert_eq!(can(&stage, &own, "devices"), "rcud");
    let at_ours = json!({"login": "bob@example.org", "password": PASSWORD, "account": ours});
    stage.person(&theirs, "bob@example.org", &["owner"]);
    stage.log_in(at_ours.clone(), 422);
    let share = json!({"user": "bob@example.org", "roles": ["viewer"]});
    stage.manage("POST", &format!("/v1/accounts/{ours}/members"), share, 201);
    let shared = stage.log_in(at_ours, 201);
    assert_eq!((text(&shared, "kind"), text(&shared, "account")), ("session".into(), ours));
    assert_eq!(can(&stage, &text(&shared, "token"), "devices"), "r---");
}

#[test]
fn t11_a_session_lives_three_months_and_is_deleted_then_or_at_logout() {
    let mut stage = stage();
    let account = stage.account(json!({"name": "profile"}));
    let (_, first) = stage.person(&account, "ada", &["owner"]);
    let second = stage.log_in(json!({"login": "ada", "password": PASSWORD}), 201);
    let (id, token) = (text(&second, "id"), text(&second, "token"));
    assert_eq!(stage.call(&first, "DELETE", "/v1/sessions/current", Value::Null).status, 204);
    assert_eq!(stage.ask("GET", "/devices/7", &first), refused(401, "invalid_token"), "as if it had never been");
    stage.gateway.clock.step_millis(90 * DAY - 60_000);
    assert_eq!(stage.ask("GET", "/devices/7", &token), ok());
    stage.gateway.clock.step_millis(60_000);
    assert_eq!(stage.ask("GET", "/devices/7", &token), refused(401, "token_expired"));
    let purged = stage.gateway.inner().as_ref().expect("it runs").purge().expect("a store");
    assert_eq!(purged, 1);
    assert_eq!(stage.ask("GET", "/devices/7", &token), refused(401, "invalid_token"));
    stage.manage("GET", &format!("/v1/tokens/{id}"), Value::Null, 404);
}
