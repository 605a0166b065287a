//! What each command sends, prints and ends with.

use clap::Parser;
use serde_json::json;

use super::super::args::{Cli, Command};
use super::super::client::tests::{Canned, answer};
use super::super::terminal::tests::Fake;
use super::*;

pub(super) struct Outcome {
    pub(super) exit: u8,
    pub(super) fake: Fake,
    pub(super) requests: Vec<String>,
}

/// Runs `keygate token …` against a server that gives these answers.
pub(super) fn run(arguments: &[&str], answers: Vec<String>, mut fake: Fake) -> Outcome {
    let server = Canned::answering(answers);
    let url = server.url.clone();
    let all = ["keygate", "--admin-url", &url, "token"].into_iter().chain(arguments.iter().copied());
    let cli = Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{error}"));
    let environment = Environment::from([("KEYGATE_ADMIN_TOKEN".to_owned(), "secret-admin".to_owned())]);
    let exit = super::super::perform(&cli, &environment, &mut fake.terminal()).code();
    Outcome { exit, fake, requests: server.requests() }
}

/// Whether `keygate token …` is a command line.
pub(super) fn parsed(arguments: &[&str]) -> bool {
    Cli::try_parse_from([&["keygate", "token"], arguments].concat()).is_ok()
}

fn id() -> String {
    TokenId::fresh().to_string()
}

pub(super) fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").expect("a head").1).expect("JSON")
}

fn created(id: &str) -> Value {
    json!({"id": id, "name": "ci", "grants": {"*": "read"}, "expires": null, "token": "kg_svc_text", "curl": "curl -i 'x'"})
}

#[test]
fn create_sends_what_was_asked_for() {
    let (token, account) = (id(), crate::model::AccountId::fresh().to_string());
    let arguments = [
        "create",
        "ci",
        "--grant",
        "devices=read+write",
        "--read",
        "--expires",
        "90d",
        "--description",
        "d",
        "--account",
        &account,
        "--rate",
        "100/1m",
    ];
    let outcome = run(&arguments, vec![answer("201 Created", &created(&token))], Fake::script());
    assert_eq!(outcome.exit, 0);
    assert_eq!(
        body(&outcome.requests[0]),
        json!({
            "name": "ci", "grants": {"*": "read", "devices": "read+write"}, "expires": "90d", "description": "d",
            "account": account, "rate_limit": {"requests": 100, "window": "60s"},
        })
    );
}

#[test]
fn the_secret_is_on_standard_output_alone_in_every_shape() {
    let token = id();
    for (shape, expected) in [
        ("raw", "kg_svc_text\n"),
        ("env", "export KEYGATE_TOKEN=kg_svc_text\n"),
        ("curl", "curl -i 'x'\n"),
        ("table", "\ntoken: kg_svc_text\n"),
        ("json", "\"token\": \"kg_svc_text\""),
    ] {
        let answers = vec![answer("201 Created", &created(&token))];
        let outcome = run(&["create", "ci", "--read", "-o", shape], answers, Fake::script());
        let out = outcome.fake.out();
        assert!(out.contains(expected), "{shape}: {out}");
        assert!(matches!(shape, "table" | "json") || out == expected, "{shape}: {out}");
        assert!(!outcome.fake.err().contains("kg_svc_text"));
    }
}

#[test]
fn a_token_without_grants_is_wrong_usage() {
    let outcome = run(&["create", "ci"], vec![], Fake::script());
    let err = outcome.fake.err();
    assert_eq!(outcome.exit, 2);
    assert!(err.contains("--grant") && err.contains("--read"), "{err}");
}

#[test]
fn grants_and_rates_are_checked_before_anything_is_sent() {
    for (option, value, hint) in [
        ("--grant", "devices", "write RESOURCE=ACCESS"),
        ("--grant", "Devices=read", "is no resource name"),
        ("--grant", "devices=reed", "is no access"),
        ("--grant", "devices=none", "grants nothing"),
        ("--rate", "100", "has no `/`"),
        ("--rate", "x/1s", "is no number"),
        ("--rate", "0/1s", "at least 1 request"),
        ("--rate", "1/1w", "is no length of time"),
        ("--rate", "1/0s", "a window is from"),
    ] {
        let outcome = run(&["create", "ci", "--read", option, value], vec![], Fake::script());
        let err = outcome.fake.err();
        assert_eq!(outcome.exit, 2, "{value}");
        assert!(err.contains(hint), "{value}: {err}");
    }
}

#[test]
fn list_follows_the_cursor_when_asked_to() {
    let record = |name: &str| json!({"id": "tok_x", "name": name, "state": "active", "expires": null});
    let pages = || {
        vec![
            answer("200 OK", &json!({"items": [record("one")], "next": "c 1"})),
            answer("200 OK", &json!({"items": [record("two")], "next": null})),
        ]
    };
    let all = run(&["list", "--all", "--state", "active"], pages(), Fake::script());
    assert!(all.requests[1].starts_with("GET /v1/tokens?state=active&cursor=c%201 HTTP"), "{}", all.requests[1]);
    let out = all.fake.out();
    assert!(out.contains("one") && out.contains("two") && out.contains("never"), "{out}");
    let first = run(&["list", "-o", "jsonl"], pages().into_iter().take(1).collect(), Fake::script());
    assert_eq!(first.fake.out().lines().count(), 1);
    assert!(first.fake.err().contains("--cursor c 1"), "{}", first.fake.err());
    let json = run(&["list", "--all", "-o", "json"], pages(), Fake::script());
    let json: Value = serde_json::from_str(&json.fake.out()).unwrap();
    assert_eq!((json["items"].as_array().map(Vec::len), &json["next"]), (Some(2), &Value::Null));
}

#[test]
fn several_are_reported_each_and_one_failure_is_a_failure() {
    let (one, two, three) = (id(), id(), id());
    let answers = vec![
        answer("200 OK", &json!({"id": one})),
        answer("404 Not Found", &json!({"title": "T", "detail": "there is no such token", "code": "not_found"})),
        answer("200 OK", &json!({"id": three})),
    ];
    let outcome = run(&["disable", &one, &two, &three, &one], answers, Fake::script());
    assert_eq!(outcome.exit, 3);
    assert_eq!(outcome.fake.out(), format!("{one} disabled\n{three} disabled\n"));
    assert!(outcome.fake.err().contains(&format!("error: {two}: there is no such token\n")), "{}", outcome.fake.err());
    assert!(outcome.requests[0].starts_with(&format!("POST /v1/tokens/{one}/disable ")));
}

#[test]
fn what_would_fail_for_all_is_tried_once() {
    let refused = answer("401 Unauthorized", &json!({"title": "T", "detail": "the token is revoked"}));
    let outcome = run(&["enable", &id(), &id(), &id()], vec![refused], Fake::script());
    assert_eq!((outcome.exit, outcome.requests.len()), (4, 1));
    assert!(outcome.fake.err().ends_with("2 not tried\n"), "{}", outcome.fake.err());
}

#[test]
fn a_script_revokes_with_yes_and_only_with_it() {
    let token = id();
    let refused = run(&["revoke", &token], vec![], Fake::script());
    assert_eq!(refused.exit, 2);
    assert!(refused.fake.err().contains("--yes"), "{}", refused.fake.err());
    let done = run(&["revoke", "--yes", &token], vec![answer("200 OK", &json!({"id": token}))], Fake::script());
    assert_eq!((done.exit, done.fake.out()), (0, format!("{token} revoked\n")));
    let gone =
        run(&["delete", "-y", &token, "-o", "json"], vec![answer("204 No Content", &Value::Null)], Fake::script());
    assert_eq!(gone.fake.out(), format!("{}\n", json!({"id": token, "deleted": true})));
}

#[test]
fn a_person_types_the_name_or_nothing_happens() {
    let token = id();
    let record = || answer("200 OK", &json!({"id": token, "name": "ci"}));
    let done = run(&["delete", &token], vec![record(), answer("204 No Content", &Value::Null)], Fake::person("ci\n"));
    assert_eq!(done.exit, 0);
    assert!(done.requests[1].starts_with("DELETE "));
    let kept = run(&["delete", &token], vec![record()], Fake::person("yes\n"));
    assert_eq!((kept.exit, kept.requests.len(), kept.fake.out().as_str()), (1, 1, ""));
}

#[test]
fn a_token_s_text_in_place_of_its_id_is_refused_and_not_repeated() {
    for command in ["show", "disable", "revoke"] {
        let outcome = run(&[command, "kg_svc_secret"], vec![], Fake::script());
        let err = outcome.fake.err();
        assert_eq!(outcome.exit, 2, "{command}");
        assert!(err.contains("keygate token list") && !err.contains("kg_svc_secret"), "{err}");
    }
}

#[test]
fn update_sends_only_what_changes_and_needs_a_change() {
    let token = id();
    let outcome =
        run(&["update", &token, "--description", ""], vec![answer("200 OK", &json!({"id": token}))], Fake::script());
    assert!(outcome.requests[0].starts_with(&format!("PATCH /v1/tokens/{token} ")));
    assert_eq!(body(&outcome.requests[0]), json!({"description": ""}));
    assert!(Cli::try_parse_from(["keygate", "token", "update", &token]).is_err());
}

#[test]
fn errors_are_problems_for_programs() {
    let problem = json!({"title": "T", "status": 422, "detail": "d", "code": "invalid_fields", "errors": [{"field": "name", "message": "m"}]});
    let outcome = run(
        &["create", "ci", "--read", "-o", "json"],
        vec![answer("422 Unprocessable Content", &problem)],
        Fake::script(),
    );
    let err: Value = serde_json::from_str(&outcome.fake.err()).unwrap();
    assert_eq!(
        (err["code"].as_str(), err["errors"][0]["field"].as_str(), outcome.exit),
        (Some("invalid_fields"), Some("name"), 1)
    );
    assert_eq!(outcome.fake.out(), "");
}

#[test]
fn show_is_one_field_a_line() {
    let token = id();
    let record = json!({"id": token, "name": "ci", "rate_limit": {"requests": 5, "window": "1m"}, "expires": null});
    let outcome = run(&["show", &token], vec![answer("200 OK", &record)], Fake::script());
    assert_eq!(
        outcome.fake.out(),
        format!("id          {token}\nname        ci\nexpires     never\nrate_limit  5/1m\n")
    );
}

#[test]
fn every_token_command_is_a_token_command() {
    let cli = Cli::try_parse_from(["keygate", "token", "list", "-o", "jsonl"]).unwrap();
    assert!(matches!(&cli.command, Command::Token(command) if command.wants_json()));
}

#[test]
fn a_list_has_its_times_to_the_minute() {
    let expires = COLUMNS.iter().find(|column| column.heading == "EXPIRES").expect("a column").cell;
    assert_eq!(expires(&serde_json::json!({"expires": "2027-02-21T02:45:47.123Z"})), "2027-02-21 02:45");
    assert_eq!(expires(&serde_json::json!({"expires": null})), "never");
}

fn rotated(token: &str, valid: bool) -> Value {
    let used = json!({"requests": 0, "last_used": null, "since": "2026-11-25T00:00:00.000Z"});
    let old = json!({
        "hint": "abcd", "valid": valid, "until": "2026-11-26T03:00:00.000Z", "requests": 12,
        "last_used": "2026-11-25T02:30:00.000Z",
    });
    let history = json!([{"at": "2026-11-25T03:00:00.000Z", "by": null, "what": "rotated", "hint": "abcd"}]);
    json!({"id": token, "rotation": {"present": used, "old": old, "history": history}})
}

#[test]
fn a_rotation_prints_the_new_text_and_says_how_it_ends() {
    let token = id();
    let mut answered = rotated(&token, true);
    answered["token"] = "kg_svc_text".into();
    let arguments = ["rotate", &token, "--overlap", "24h", "--end-overlap", "-o", "raw"];
    let raw = run(&arguments, vec![answer("200 OK", &answered)], Fake::script());
    assert!(raw.requests[0].starts_with(&format!("POST /v1/tokens/{token}/rotate ")));
    assert_eq!(body(&raw.requests[0]), json!({"overlap": "24h", "end_overlap": true}));
    assert_eq!((raw.exit, raw.fake.out().as_str()), (0, "kg_svc_text\n"));
    let table = run(&["rotate", &token], vec![answer("200 OK", &answered)], Fake::script());
    assert_eq!(body(&table.requests[0]), json!({}));
    assert!(table.fake.out().ends_with("\ntoken: kg_svc_text\n"), "{}", table.fake.out());
    let err = table.fake.err();
    assert!(err.contains("The old one, …abcd, is valid until 2026-11-26 03:00") && err.contains("--undo"), "{err}");
    assert!(!err.contains("kg_svc_text"));
}

#[test]
fn an_overlap_is_ended_extended_or_taken_back() {
    let token = id();
    for (arguments, path, sent, says) in [
        (&["--end"][..], "end", "", "is refused from now on"),
        (&["--undo"], "undo", "", "is refused from now on"),
        (&["--extend", "2d"], "extend", r#"{"by":"2d"}"#, "is valid until 2026-11-26 03:00"),
    ] {
        let arguments = [&["rotate", &token], arguments].concat();
        let outcome = run(&arguments, vec![answer("200 OK", &rotated(&token, path == "extend"))], Fake::script());
        assert_eq!(outcome.exit, 0, "{path}");
        assert!(outcome.requests[0].starts_with(&format!("POST /v1/tokens/{token}/rotation/{path} ")));
        assert!(outcome.requests[0].ends_with(&format!("\r\n\r\n{sent}")), "{}", outcome.requests[0]);
        assert!(outcome.fake.err().contains(says), "{}", outcome.fake.err());
    }
    for wrong in [&["--end", "--undo"][..], &["--end", "--overlap", "1d"], &["--undo", "--end-overlap"]] {
        assert!(Cli::try_parse_from([&["keygate", "token", "rotate", &token], wrong].concat()).is_err(), "{wrong:?}");
    }
    let raw = run(&["rotate", &token, "--end", "-o", "raw"], vec![], Fake::script());
    assert_eq!((raw.exit, raw.requests.len()), (2, 0));
    assert!(raw.fake.err().contains("there is no new text to print"), "{}", raw.fake.err());
}

#[test]
fn show_tells_how_both_texts_are_used() {
    let token = id();
    let outcome = run(&["show", &token], vec![answer("200 OK", &rotated(&token, true))], Fake::script());
    assert_eq!(
        outcome.fake.out(),
        format!(
            "id        {token}\nrotation  rotated 2026-11-25 03:00; the present text is not used since\nold_text  …abcd \
             valid until 2026-11-26 03:00, used 12 times, last 2026-11-25 02:30\n"
        )
    );
}

#[test]
fn a_token_gives_itself_up() {
    let token = id();
    let record = json!({"id": token, "name": "ci", "state": "revoked"});
    let refused = run(&["revoke", "--self"], vec![], Fake::script());
    assert_eq!((refused.exit, refused.requests.len()), (2, 0));
    let done = run(&["revoke", "--self", "--yes"], vec![answer("200 OK", &record)], Fake::script());
    assert_eq!((done.exit, done.fake.out()), (0, format!("{token} revoked\n")));
    assert!(done.requests[0].starts_with("POST /v1/tokens/current/revoke "), "{}", done.requests[0]);
    let own = || answer("200 OK", &json!({"token": {"id": token, "name": "ci"}}));
    let person = run(&["revoke", "--self"], vec![own(), answer("200 OK", &record)], Fake::person("ci\n"));
    assert_eq!(person.exit, 0);
    let kept = run(&["revoke", "--self"], vec![own()], Fake::person("no\n"));
    assert_eq!((kept.exit, kept.requests.len()), (1, 1));
}

#[test]
fn verify_sends_the_text_as_a_form_and_ends_with_5_when_it_is_worth_nothing() {
    let active = json!({"active": true, "jti": "tok_1", "scope": "devices:read", "exp": 1_795_392_000, "urn:keygate:kind": "service"});
    let outcome = run(&["verify"], vec![answer("200 OK", &active)], Fake::piped("kg_svc_a+b\n"));
    assert!(outcome.requests[0].starts_with("POST /v1/introspect "), "{}", outcome.requests[0]);
    assert!(outcome.requests[0].ends_with("\r\n\r\ntoken=kg_svc_a%2Bb"), "{}", outcome.requests[0]);
    assert!(outcome.requests[0].contains("content-type: application/x-www-form-urlencoded"), "{}", outcome.requests[0]);
    assert_eq!(
        (outcome.exit, outcome.fake.out().as_str()),
        (0, "active  yes\njti     tok_1\nscope   devices:read\nexp     2026-11-23T00:00:00Z\nkind    service\n")
    );
    let nothing = run(&["verify", "-o", "jsonl"], vec![answer("200 OK", &json!({"active": false}))], Fake::piped("x"));
    assert_eq!((nothing.exit, nothing.fake.out().as_str()), (5, "{\"active\":false}\n"));
    let lost = run(&["verify", "kg_svc_secret"], vec![], Fake::script());
    assert_eq!((lost.exit, lost.requests.len()), (2, 0));
    assert!(!lost.fake.err().contains("kg_svc_secret"), "{}", lost.fake.err());
}
