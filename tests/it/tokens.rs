//! The life of tokens through the management API: expiry, grants, lists, and what is shown of a secret.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Admin, Answer, Builder, Gateway, Outcome, Upstream, request};

const PATH: &str = "/v1/devices/7";
const HOUR: i64 = 3_600_000;

fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    (upstream, gateway)
}

fn create(admin: &Admin, body: Value) -> Answer {
    admin.call("POST", "/v1/tokens", Some(body))
}

/// The message about one field of a refused creation.
#[track_caller]
fn message(answer: &Answer, field: &str) -> String {
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid_fields"), "{}", answer.text());
    let document = answer.json();
    let errors = document["errors"].as_array().expect("a list");
    let error = errors.iter().find(|error| error["field"] == field);
    error.unwrap_or_else(|| panic!("no {field} in {document}"))["message"].as_str().expect("a text").to_owned()
}

#[test]
fn a_token_lives_as_long_as_was_asked_for() {
    let (_upstream, gateway) = start();
    let now = gateway.clock.wall();
    let date = keygate::model::Timestamp::from_millis(now.millis() + 48 * HOUR).to_string();
    let cases = [
        (Some("1h".to_owned()), Some(HOUR)),
        (Some("2d".to_owned()), Some(48 * HOUR)),
        // The first moment of the day after the next one, in UTC.
        (Some(date[..10].to_owned()), Some(48 * HOUR)),
        (Some(date), Some(48 * HOUR)),
        (Some("never".to_owned()), None),
        (None, Some(90 * 24 * HOUR)),
    ];
    for (expires, lives) in cases {
        let mut body = json!({"name": "t", "grants": {"*": "read"}});
        if let Some(expires) = &expires {
            body["expires"] = json!(expires);
        }
        let token = gateway.admin.create(body);
        assert_eq!(token.record["expires"].is_null(), lives.is_none(), "{expires:?}: {}", token.record);
        assert_eq!(gateway.get(PATH, &token.secret).status, 200, "{expires:?}");
        // A moment after its end; or, where there is none, after a hundred years.
        let on = lives.map_or(100 * 365 * 24 * HOUR, |lives| lives + 1);
        gateway.clock.step_millis(on);
        let answer = gateway.get(PATH, &token.secret);
        match lives {
            Some(_) => assert_eq!((answer.status, answer.problem().as_str()), (401, "token_expired"), "{expires:?}"),
            None => assert_eq!(answer.status, 200, "{expires:?}"),
        }
        let state = if lives.is_some() { "expired" } else { "active" };
        assert_eq!(gateway.admin.show(&token.id)["state"], state);
        gateway.clock.step_millis(-on);
        assert_eq!(gateway.get(PATH, &token.secret).status, 200, "the clock decides, not what was remembered");
    }
}

/// An installation's own prefix is that of every text that it makes, and of those alone that it takes.
#[test]
fn every_text_begins_with_the_installations_prefix() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).tokens("prefix = \"acme\"").start();
    assert!(gateway.admin.token.starts_with("acme_"));
    let token = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}}));
    let rotated = gateway.admin.change(&token.id, "rotate");
    for text in [&token.secret, rotated["token"].as_str().expect("a text")] {
        assert!(text.starts_with("acme_svc_"));
        assert_eq!(gateway.get(PATH, text).status, 200);
    }
    let ada = json!({"login": "ada@example.org", "roles": ["viewer"]});
    let ada = gateway.admin.call("POST", "/v1/users", Some(ada)).json();
    let ada = ada["id"].as_str().unwrap_or_else(|| panic!("no id in {ada}"));
    let invited = gateway.admin.call("POST", &format!("/v1/users/{ada}/invitation"), None).json();
    let invitation = invited["invitation"].as_str().unwrap_or_else(|| panic!("no text in {invited}"));
    assert!(invitation.starts_with("acme_"));
    let body = json!({"invitation": invitation, "password": "correct horse battery staple"}).to_string();
    let accepted = request(gateway.admin.address, "POST", "/v1/invitations", None, body.as_bytes());
    assert!(accepted.status < 300, "{}", accepted.text());
    let elsewhere = Gateway::start(&upstream.url()).token("read");
    assert!(elsewhere.starts_with("kg_svc_") && gateway.get(PATH, &elsewhere).status == 401);
}

#[test]
fn an_expiry_that_makes_no_sense_is_refused_and_makes_no_token() {
    let (_upstream, gateway) = start();
    let count =
        || gateway.admin.call("GET", "/v1/tokens?limit=200", None).json()["items"].as_array().expect("a list").len();
    let before = count();
    let yesterday = keygate::model::Timestamp::from_millis(gateway.clock.wall().millis() - 24 * HOUR).to_string();
    for past in [yesterday.as_str(), &yesterday[..10], "2001-01-01", "0s"] {
        let refused = create(&gateway.admin, json!({"name": "t", "grants": {"*": "read"}, "expires": past}));
        assert!(message(&refused, "expires").starts_with("lies in the past"), "{past}: {}", refused.text());
    }
    for nonsense in [
        json!("soon"),
        json!("90"),
        json!("-1d"),
        json!("90 d"),
        json!(""),
        json!("2027-02-30"),
        json!(90),
        json!(null),
    ] {
        let refused = create(&gateway.admin, json!({"name": "t", "grants": {"*": "read"}, "expires": nonsense}));
        assert!(message(&refused, "expires").starts_with("must "), "{nonsense}: {}", refused.text());
    }
    assert_eq!(count(), before);
}

#[test]
fn the_configured_maximum_holds() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).tokens("default_expiry = \"7d\"\nmax_expiry = \"30d\"").start();
    let expiring =
        |expires: &str| create(&gateway.admin, json!({"name": "t", "grants": {"*": "read"}, "expires": expires}));
    assert_eq!(expiring("30d").status, 201);
    assert!(message(&expiring("31d"), "expires").starts_with("is too late: tokens live for 30d at most"));
    assert_eq!(message(&expiring("never"), "expires"), "cannot be `never`: tokens live for 30d at most");
    let secret = gateway.token("read");
    gateway.clock.step_millis(7 * 24 * HOUR - HOUR);
    assert_eq!(gateway.get(PATH, &secret).status, 200);
    gateway.clock.step_millis(2 * HOUR);
    assert_eq!(gateway.get(PATH, &secret).status, 401, "the default, as nothing was asked for");
}

#[test]
fn a_token_is_not_valid_before_its_time() {
    let (_upstream, gateway) = start();
    let body = json!({"name": "t", "grants": {"*": "read"}, "not_before": "1h", "expires": "2h"});
    let token = gateway.admin.create(body);
    let early = Outcome::challenged(401, "token_not_yet_valid", Some("invalid_token"));
    assert_eq!(Outcome::of(&gateway.get(PATH, &token.secret)), early);
    assert_eq!(gateway.admin.show(&token.id)["state"], "not_yet_valid");
    gateway.clock.step_millis(HOUR);
    assert_eq!(gateway.get(PATH, &token.secret).status, 200);
    gateway.clock.step_millis(HOUR);
    assert_eq!(gateway.get(PATH, &token.secret).problem(), "token_expired");
}

#[test]
fn nobody_gives_what_it_has_not() {
    let (_upstream, gateway) = start();
    let giver = json!({"keygate.tokens": "full", "devices": "read+write", "files": "full"});
    let giver = gateway.admin.create(json!({"name": "giver", "grants": giver})).secret;
    let giver = Admin { address: gateway.admin.address, token: giver };
    let given = [
        json!({"devices": "read"}),
        json!({"devices": "read+write"}),
        json!({"files": "full", "devices": "create"}),
        json!({"keygate.tokens": "full"}),
    ];
    for grants in given {
        let made = create(&giver, json!({"name": "t", "grants": grants}));
        assert_eq!(made.status, 201, "{grants}: {}", made.text());
    }
    let refused = [
        json!({"devices": "full"}),
        json!({"*": "read"}),
        json!({"keygate.*": "read"}),
        json!({"keygate.accounts": "read"}),
        json!({"other": "read"}),
        json!({"devices": "read", "files": "full", "things": "read"}),
    ];
    let before = gateway.admin.call("GET", "/v1/tokens?limit=200", None).json();
    for grants in refused {
        let outcome = Outcome::of(&create(&giver, json!({"name": "t", "grants": grants})));
        assert_eq!(outcome, Outcome::challenged(403, "grants_exceeded", None), "{grants}");
    }
    assert_eq!(
        gateway.admin.call("GET", "/v1/tokens?limit=200", None).json()["items"],
        before["items"],
        "none was made"
    );
    let data = Admin { token: gateway.token("full"), ..giver };
    let outcome = Outcome::of(&create(&data, json!({"name": "t", "grants": {"*": "read"}})));
    assert_eq!(outcome.code, "insufficient_scope", "all of the API is no right to make tokens for it");
}

#[test]
fn a_secret_is_shown_once_and_the_line_to_copy_works() {
    let upstream = Upstream::start();
    let mut gateway = Builder::new(&upstream.url()).start();
    let token = gateway.admin.create(json!({"name": "t", "description": "d", "grants": {"devices": "read"}}));
    let curl = token.record["curl"].as_str().expect("a line");
    assert!(curl.contains(&format!("'Authorization: Bearer {}'", token.secret)), "{curl}");
    let url = curl.split('\'').find_map(|word| word.strip_prefix(&format!("http://{}", gateway.proxy)));
    let path = url.unwrap_or_else(|| panic!("no address in {curl}")).to_owned();
    assert_eq!(gateway.get(&path, &token.secret).status, 200, "{path}");
    let body = &token.secret[token.secret.len() - 36..];
    let elsewhere = |gateway: &Gateway| {
        let mut answers = vec![
            gateway.admin.call("GET", &format!("/v1/tokens/{}", token.id), None),
            gateway.admin.call("GET", "/v1/tokens", None),
            gateway.admin.call("PATCH", &format!("/v1/tokens/{}", token.id), Some(json!({"name": "n"}))),
            gateway.admin.call("POST", &format!("/v1/tokens/{}/disable", token.id), None),
            gateway.admin.call("POST", &format!("/v1/tokens/{}/enable", token.id), None),
            request(gateway.admin.address, "GET", "/v1/whoami", Some(&token.secret), b""),
            request(gateway.admin.address, "GET", "/metrics", None, b""),
        ];
        answers.push(gateway.get("/v1/files/1", &token.secret));
        for answer in answers {
            assert!(!String::from_utf8_lossy(&answer.body).contains(body), "{answer:?}");
            assert!(answer.headers.iter().all(|(_, value)| !value.contains(body)), "{answer:?}");
        }
    };
    elsewhere(&gateway);
    gateway.restart();
    elsewhere(&gateway);
    for file in files_below(gateway.directory.path()) {
        let bytes = std::fs::read(&file).expect("our own file");
        let found = bytes.windows(body.len()).any(|window| window == body.as_bytes());
        assert!(!found, "{} has the secret", file.display());
    }
}

fn files_below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("our own directory").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect();
    assert!(!files.is_empty() || directory.ends_with("blobs"), "{} is empty", directory.display());
    files
}

#[test]
fn a_list_is_walked_page_by_page_and_filtered() {
    let (_upstream, gateway) = start();
    let made: Vec<_> =
        (0..25).map(|n| gateway.admin.create(json!({"name": format!("t{n}"), "grants": {"*": "read"}}))).collect();
    made.iter().step_by(5).for_each(|token| drop(gateway.admin.change(&token.id, "disable")));
    let walk = |query: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = gateway.admin.call("GET", &format!("/v1/tokens?limit=4{query}{cursor}"), None);
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.json();
            let items = page["items"].as_array().expect("a list");
            assert!(items.len() <= 4);
            ids.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
            let Some(next) = page["next"].as_str() else { return ids };
            cursor = format!("&cursor={next}");
        }
    };
    let all = walk("");
    let wanted: BTreeSet<_> = made.iter().map(|token| token.id.clone()).collect();
    assert_eq!(all.len(), 26, "each once, and the administrator");
    assert!(wanted.is_subset(&all.into_iter().collect()));
    let disabled: BTreeSet<_> = walk("&state=disabled").into_iter().collect();
    assert_eq!(disabled, made.iter().step_by(5).map(|token| token.id.clone()).collect());
    assert_eq!(walk("&state=active&kind=service").len(), 21);
    assert_eq!(walk("&state=revoked"), Vec::<String>::new());
}

#[test]
fn edits_and_states_outlive_a_restart() {
    let upstream = Upstream::start();
    let mut gateway = Builder::new(&upstream.url()).start();
    let make = |gateway: &Gateway| gateway.admin.create(json!({"name": "before", "grants": {"*": "read"}}));
    let tokens = [0, 1, 2, 3].map(|_| make(&gateway));
    let edit = json!({"name": "after", "description": "said later"});
    assert_eq!(gateway.admin.call("PATCH", &format!("/v1/tokens/{}", tokens[0].id), Some(edit)).status, 200);
    gateway.admin.change(&tokens[1].id, "disable");
    gateway.admin.change(&tokens[2].id, "revoke");
    gateway.admin.delete(&tokens[3].id);
    let shown = |gateway: &Gateway| [0, 1, 2].map(|at: usize| gateway.admin.show(&tokens[at].id));
    let before = shown(&gateway);
    gateway.restart();
    assert_eq!(shown(&gateway), before);
    assert_eq!((&before[0]["name"], &before[0]["description"]), (&json!("after"), &json!("said later")));
    let codes = [1, 2, 3].map(|at: usize| gateway.get(PATH, &tokens[at].secret).problem());
    assert_eq!(codes, ["token_disabled", "token_revoked", "invalid_token"]);
    assert_eq!(gateway.get(PATH, &tokens[0].secret).status, 200);
}

#[test]
fn a_role_that_the_configuration_has_no_more_gives_nothing_and_says_so() {
    const ROLE: &str = "[role.ops]\ngrants = { devices = \"full\" }\n";
    let upstream = Upstream::start();
    let mut gateway = Builder::new(&upstream.url()).policies(ROLE).start();
    let made = gateway.admin.create(json!({"name": "ops", "roles": ["ops"]}));
    assert_eq!(gateway.get("/v1/devices/7", &made.secret).status, 200);

    let path = gateway.directory.path().join("keygate.toml");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    assert!(text.contains(ROLE), "{text}");
    std::fs::write(&path, text.replace(ROLE, "")).expect("a writable file");
    gateway.restart();
    let refused = gateway.get("/v1/devices/7", &made.secret);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient_scope"));
    let warning = gateway.admin.show(&made.id)["warnings"][0].clone();
    assert_eq!(warning["code"], "unknown_role");
    let message = warning["message"].as_str().expect("a text");
    assert!(message.starts_with("`roles`: the configuration has no `ops` any more"), "{message}");
    let question = json!({"token": made.id, "method": "GET", "path": "/v1/devices/7"});
    let answer = gateway.admin.call("POST", "/v1/explain", Some(question));
    assert!(answer.text().contains("ops: there is no such role any more"), "{}", answer.text());

    // What is wrong can be mended, and not be made worse.
    let edit = |body: Value| gateway.admin.call("PATCH", &format!("/v1/tokens/{}", made.id), Some(body));
    assert_eq!(message_of_role(&edit(json!({"roles": ["ops"]}))), "there is no role `ops`");
    assert_eq!(edit(json!({"roles": ["viewer"]})).json()["warnings"], json!([]));
    assert_eq!(gateway.get("/v1/devices/7", &made.secret).status, 200);
}

#[track_caller]
fn message_of_role(answer: &Answer) -> String {
    assert_eq!(answer.status, 422, "{}", answer.text());
    message(answer, "roles").split('.').next().unwrap_or_default().to_owned()
}

#[test]
fn of_two_edits_at_once_each_is_made_whole_or_refused() {
    let (_upstream, gateway) = start();
    let made = gateway.admin.create(json!({"name": "0", "grants": {"devices": "read"}}));
    let path = format!("/v1/tokens/{}", made.id);
    for round in 0..10 {
        let edits = ["a", "b", "c", "d"].map(|who| format!("{who}{round}"));
        let answers: Vec<_> = std::thread::scope(|scope| {
            let edit = |text: &String| {
                let body = json!({"name": text, "description": text, "filters": {"by": text}});
                gateway.admin.call("PATCH", &path, Some(body))
            };
            let running: Vec<_> = edits.iter().map(|text| scope.spawn(move || edit(text))).collect();
            running.into_iter().map(|edit| edit.join().expect("an answer")).collect()
        });
        for (answer, text) in answers.iter().zip(&edits) {
            match answer.status {
                200 => {
                    assert_eq!((&answer.json()["name"], &answer.json()["description"]), (&json!(text), &json!(text)))
                }
                _ => assert_eq!((answer.status, answer.problem().as_str()), (409, "conflict")),
            }
        }
        assert!(answers.iter().any(|answer| answer.status == 200), "one of them was first");
        let record = gateway.admin.show(&made.id);
        let name = record["name"].as_str().expect("a text");
        assert!(edits.iter().any(|text| text == name), "{record}");
        assert_eq!((&record["description"], &record["filters"]), (&json!(name), &json!({"by": [name]})), "half of two");
    }
}
