//! Requests that come again with their `Idempotency-Key`, and those that come without one: clients that give up,
//! go away, or ask twice at once.

use keygate::model::Timestamp;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Gateway, Upstream, eventually, get};

/// A call with a key, by this token.
fn ask_as(gateway: &Gateway, token: &str, target: &str, key: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", key)];
    Client::connect(gateway.admin.address).request("POST", target, &headers, body.to_string().as_bytes())
}

fn ask(gateway: &Gateway, target: &str, key: &str, body: &Value) -> Answer {
    ask_as(gateway, &gateway.admin.token, target, key, body)
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

fn new_token(name: &str) -> Value {
    json!({"name": name, "grants": {"*": "read"}})
}

/// How many tokens have this name.
fn count(gateway: &Gateway, name: &str) -> u64 {
    let answer = gateway.admin.call("GET", &format!("/v1/tokens?q={name}&count=true"), None);
    answer.json()["count"].as_u64().unwrap_or_else(|| panic!("no count in {}", answer.text()))
}

#[test]
fn a_token_is_made_once_and_told_until_somebody_uses_it() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let body = new_token("once");
    let first = ask(&gateway, "/v1/tokens", "key-1", &body);
    assert_eq!((first.status, is_replayed(&first)), (201, false), "{}", first.text());
    let made = first.json();
    // With quotes, as the field has them in its standard; also after a restart.
    for key in ["key-1", "\"key-1\""] {
        let again = ask(&gateway, "/v1/tokens", key, &body);
        assert_eq!((again.status, is_replayed(&again)), (201, true), "{}", again.text());
        assert_eq!((again.header("location"), again.header("etag")), (first.header("location"), first.header("etag")));
        for field in ["id", "token", "name", "created", "created_by"] {
            assert_eq!(again.json()[field], made[field], "{field}");
        }
        gateway.restart();
    }
    assert_eq!(count(&gateway, "once"), 1);
    let text = made["token"].as_str().expect("a text");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", text).status, 200);
    let after = eventually("the use is stored", || {
        let again = ask(&gateway, "/v1/tokens", "key-1", &body);
        assert_eq!((again.status, &again.json()["id"]), (201, &made["id"]));
        again.json()["token"].is_null().then(|| again.json())
    });
    assert!(after["curl"].is_null() && after["requests"] == 1, "{after}");
    assert!(!after.to_string().contains(text), "nowhere else either");
    assert_eq!(count(&gateway, "once"), 1);
}

#[test]
fn a_key_is_of_one_token_one_call_and_one_body() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let other = gateway.admin.create(json!({"name": "other", "grants": {"*": "full", "keygate.*": "full"}}));
    let body = new_token("mine");
    let mine = ask(&gateway, "/v1/tokens", "key", &body).json();
    let another_body = ask(&gateway, "/v1/tokens", "key", &new_token("yours"));
    assert_eq!((another_body.status, another_body.problem().as_str()), (422, "idempotency_key_reused"));
    // To whoever else gives the same key, it is another one.
    let theirs = ask_as(&gateway, &other.secret, "/v1/tokens", "key", &body);
    assert_eq!((theirs.status, is_replayed(&theirs)), (201, false));
    assert_ne!((&theirs.json()["id"], &theirs.json()["token"]), (&mine["id"], &mine["token"]));
    let account = ask(&gateway, "/v1/accounts", "key", &json!({"name": "acme"}));
    assert_eq!((account.status, is_replayed(&account)), (201, false), "{}", account.text());
    // A refusal made nothing, and is not remembered.
    let wrong = ask(&gateway, "/v1/tokens", "wrong", &json!({"name": "x"}));
    assert_eq!((wrong.status, wrong.problem().as_str()), (422, "invalid_fields"));
    assert_eq!(ask(&gateway, "/v1/tokens", "wrong", &body).status, 201);
    for key in ["", "a b", &"x".repeat(256)] {
        let refused = ask(&gateway, "/v1/tokens", key, &body);
        assert_eq!((refused.status, refused.problem().as_str()), (400, "idempotency_key_invalid"), "{key:?}");
    }
}

#[test]
fn every_creation_can_come_again() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let account = ask(&gateway, "/v1/accounts", "a", &json!({"name": "acme"})).json();
    let account = account["id"].as_str().expect("an id");
    let user = ask(&gateway, "/v1/users", "u", &json!({"login": "ada@example.org", "roles": ["viewer"]})).json();
    let user = user["id"].as_str().expect("an id");
    let members = format!("/v1/accounts/{account}/members");
    let calls = [
        ("/v1/accounts", "a", json!({"name": "acme"}), 201, "id"),
        ("/v1/users", "u", json!({"login": "ada@example.org", "roles": ["viewer"]}), 201, "id"),
        (members.as_str(), "m", json!({"user": user, "roles": ["viewer"]}), 201, "user"),
        ("/v1/sessions", "s", json!({"user": user, "account": account}), 201, "id"),
    ];
    let added = ask(&gateway, &members, "m", &calls[2].2);
    assert_eq!((added.status, is_replayed(&added)), (201, false), "{}", added.text());
    let begun = ask(&gateway, "/v1/sessions", "s", &calls[3].2);
    assert_eq!((begun.status, is_replayed(&begun)), (201, false), "{}", begun.text());
    for (target, key, body, status, id) in &calls {
        let [one, two] = [(); 2].map(|()| ask(&gateway, target, key, body));
        assert_eq!((one.status, is_replayed(&one), two.status), (*status, true, *status), "{target}: {}", one.text());
        assert!(one.header("location").is_some() && one.json()[id] == two.json()[id], "{target}: {}", one.text());
        // Without the key it is another one, or none because there is one.
        let bare = gateway.admin.call("POST", target, Some(body.clone()));
        assert!(!is_replayed(&bare) && bare.json()[id] != one.json()[id], "{target}: {}", bare.text());
    }
    assert_eq!(ask(&gateway, "/v1/sessions", "s", &calls[3].2).json()["token"], begun.json()["token"]);
}

#[test]
fn a_rotation_that_comes_again_is_the_same_one() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = gateway.admin.create(new_token("rotated"));
    assert_eq!(get(gateway.proxy, "/v1/devices/7", &token.secret).status, 200);
    let target = format!("/v1/tokens/{}/rotate", token.id);
    let body = json!({"overlap": "1h"});
    let first = ask(&gateway, &target, "r", &body);
    assert_eq!(first.status, 200, "{}", first.text());
    let again = ask(&gateway, &target, "r", &body);
    assert_eq!((again.status, is_replayed(&again), &again.json()["token"]), (200, true, &first.json()["token"]));
    assert_eq!(again.json()["rotation"]["number"], first.json()["rotation"]["number"]);
    // Neither the use of the earlier text nor its being known ends that; the use of the new one does.
    let text = first.json()["token"].as_str().expect("a text").to_owned();
    assert_eq!(get(gateway.proxy, "/v1/devices/7", &text).status, 200);
    eventually("the use is stored", || ask(&gateway, &target, "r", &body).json()["token"].is_null().then_some(()));
    // Rotated once more by somebody else, the text of the first time is not the token's any more.
    let next = gateway.admin.call("POST", &target, Some(json!({"overlap": "0s", "end_overlap": true})));
    assert_eq!(next.status, 200, "{}", next.text());
    let late = ask(&gateway, &target, "r", &body);
    assert!(late.status == 200 && late.json()["token"].is_null(), "{}", late.text());
}

#[test]
fn what_is_gone_stays_gone_and_a_day_later_it_is_another_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let body = new_token("short");
    let made = ask(&gateway, "/v1/tokens", "k", &body).json();
    let id = made["id"].as_str().expect("an id");
    gateway.admin.change(id, "revoke");
    let revoked = ask(&gateway, "/v1/tokens", "k", &body);
    assert!(revoked.json()["state"] == "revoked" && revoked.json()["token"].is_null(), "{}", revoked.text());
    gateway.admin.delete(id);
    let gone = ask(&gateway, "/v1/tokens", "k", &body);
    assert_eq!((gone.status, gone.problem().as_str()), (410, "idempotency_object_gone"));
    gateway.clock.step_millis(24 * 3_600_000 + 1);
    let anew = ask(&gateway, "/v1/tokens", "k", &body);
    assert_eq!((anew.status, is_replayed(&anew)), (201, false), "{}", anew.text());
    assert_ne!(anew.json()["id"], made["id"]);
    let again = ask(&gateway, "/v1/tokens", "k", &body);
    assert_eq!((is_replayed(&again), &again.json()["id"]), (true, &anew.json()["id"]));
    assert!(Timestamp::from_millis(0) < gateway.clock.wall());
}

#[test]
fn a_note_of_a_request_ends_with_its_day() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    ask(&gateway, "/v1/tokens", "k", &new_token("noted"));
    let is_noted = |gateway: &Gateway| {
        let backup = gateway.admin.call("GET", "/v1/store/backup", None);
        assert_eq!(backup.status, 200, "{}", backup.text());
        backup.text().contains("\"what\":{\"made\"")
    };
    gateway.restart();
    assert!(is_noted(&gateway));
    gateway.clock.step_millis(24 * 3_600_000 + 1);
    gateway.restart();
    eventually("it is gone", || (!is_noted(&gateway)).then_some(()));
}

/// All at once: whoever is not first is told to wait, or gets what the first one made.
#[test]
fn many_at_once_make_one() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    for round in 0..10 {
        let (key, body) = (format!("round-{round}"), new_token(&format!("round-{round}-")));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(&gateway, "/v1/tokens", &key, &body))).collect();
            clients.into_iter().map(|client| client.join().expect("a client")).collect()
        });
        let mut ids: Vec<String> = Vec::new();
        for answer in &answers {
            match answer.status {
                201 => ids.push(answer.json()["id"].to_string()),
                _ => assert_eq!((answer.status, answer.problem().as_str()), (409, "idempotency_in_progress")),
            }
        }
        ids.dedup();
        assert_eq!((ids.len(), count(&gateway, &format!("round-{round}-"))), (1, 1), "{answers:?}");
    }
}

/// A client that has sent all of its request, and goes away without the answer when it is dropped.
fn deaf(gateway: &Gateway, headers: &str, body: &Value) -> Client {
    let body = body.to_string();
    let mut client = Client::connect(gateway.admin.address);
    client.send(format!(
        "POST /v1/tokens HTTP/1.1\r\nHost: gateway.localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        gateway.admin.token,
        body.len()
    ));
    client
}

#[test]
fn a_client_that_dies_before_the_answer_gets_its_one_token_by_the_key() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    for round in 0..10 {
        let (key, name) = (format!("dies-{round}"), format!("dies-{round}-"));
        // Whether it was heard to its end or not.
        drop(deaf(&gateway, &format!("Idempotency-Key: {key}\r\n"), &new_token(&name)));
        let answer = eventually("what the first try made, or a first try", || {
            let answer = ask(&gateway, "/v1/tokens", &key, &new_token(&name));
            (answer.status != 409).then_some(answer)
        });
        assert_eq!(answer.status, 201, "{}", answer.text());
        let text = answer.json()["token"].as_str().unwrap_or_else(|| panic!("no text: {}", answer.text())).to_owned();
        assert_eq!((count(&gateway, &name), get(gateway.proxy, "/v1/devices/7", &text).status), (1, 200));
    }
}

#[test]
fn without_a_key_what_a_dead_client_made_is_found_in_list_and_log() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let client = deaf(&gateway, "", &new_token("orphan"));
    let listed = eventually("it was made all the same", || {
        let listed = gateway.admin.call("GET", "/v1/tokens?q=orphan", None).json();
        listed["items"][0]["id"].as_str().map(str::to_owned)
    });
    drop(client);
    let noted = eventually("its entry", || {
        let noted = gateway.admin.call("GET", &format!("/v1/audit?object={listed}"), None).json();
        noted["items"].as_array().is_some_and(|items| !items.is_empty()).then_some(noted)
    });
    let entry = &noted["items"][0];
    assert_eq!((&entry["action"], &entry["outcome"]), (&json!("token.create"), &json!("done")), "{entry}");
    assert_eq!(entry["actor"]["token"].as_str().map(|id| id.starts_with("tok_")), Some(true), "{entry}");
    gateway.admin.change(&listed, "revoke");
}

/// Of two who read the same and change it at once, one wins, and the other is told.
#[test]
fn of_two_administrators_at_once_one_wins() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = gateway.admin.create(new_token("contested"));
    let target = format!("/v1/tokens/{}", token.id);
    for round in 0..20 {
        let tag = gateway.admin.call("GET", &target, None).header("etag").expect("a tag").to_owned();
        let bearer = format!("Bearer {}", gateway.admin.token);
        let edit = |who: &str| {
            let headers =
                [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("If-Match", tag.as_str())];
            let body = json!({"description": format!("{who} in round {round}")}).to_string();
            Client::connect(gateway.admin.address).request("PATCH", &target, &headers, body.as_bytes())
        };
        let [one, two] = std::thread::scope(|scope| {
            let [one, two] = ["one", "two"].map(|who| scope.spawn(move || edit(who)));
            [one.join().expect("a client"), two.join().expect("a client")]
        });
        let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
        assert_eq!((won.status, lost.status), (200, 412), "{} {}", won.text(), lost.text());
        assert_eq!(lost.problem(), "precondition_failed");
        assert_eq!(gateway.admin.show(&token.id)["description"], won.json()["description"]);
    }
}

/// A secret that a request may be answered with again is kept encrypted, and under more than the pepper.
#[test]
fn no_text_is_in_the_store_or_in_its_backup() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let made = ask(&gateway, "/v1/tokens", "the-key-itself", &new_token("kept")).json();
    let text = made["token"].as_str().expect("a text").to_owned();
    let backup = gateway.admin.call("GET", "/v1/store/backup", None);
    let backup = backup.text();
    assert!(backup.contains("\"made\":{\"by\":\"tok_"), "its note is there");
    assert!(!backup.contains(&text) && !backup.contains("the-key-itself"), "and no secret");
    let directory = gateway.stop();
    let files = crate::support::binary::contents(directory.path());
    assert!(files.len() > 3);
    for (path, bytes) in files {
        for secret in [text.as_bytes(), b"the-key-itself"] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{} has it", path.display());
        }
    }
}
