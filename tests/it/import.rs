//! Keys of other systems, taken over by their hashes: they open what their records say, from the first request
//! on, and end as any other token does.

mod command;

use keygate::model::ForeignHash;
use serde_json::{Value, json};

use crate::support::{Builder, Client, Gateway, Upstream, eventually, get};

fn encoded(bytes: &[u8], encoding: &str) -> String {
    let alphabet: &[u8; 64] = match encoding {
        "hex" => return bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        "base64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        _ => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0usize, |word, &byte| word << 8 | usize::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(alphabet[word >> (18 - 6 * place) & 63]));
        }
    }
    if encoding == "base64" {
        text.push_str(&"=".repeat((4 - text.len() % 4) % 4));
    }
    text
}

/// What is asked for a key with this text.
fn line(key: &str, algorithm: &str, encoding: &str) -> Value {
    let hash = ForeignHash::from_name(algorithm).expect("an algorithm").of(key);
    let hash = encoded(&hash, encoding);
    json!({"hash": hash, "algorithm": algorithm, "encoding": encoding, "name": "old key", "grants": {"*": "read"},
           "expires": "never"})
}

fn import(gateway: &Gateway, lines: &[Value]) -> Value {
    let answer = gateway.admin.call("POST", "/v1/tokens/import", Some(json!({"tokens": lines})));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn id(answer: &Value, at: usize) -> String {
    answer["items"][at]["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}

#[test]
fn a_key_of_each_hash_and_encoding_opens_what_its_record_says() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let kinds: Vec<(&str, &str)> = ["sha256", "sha512", "blake3"]
        .into_iter()
        .flat_map(|algorithm| ["hex", "base64", "base64url"].map(|encoding| (algorithm, encoding)))
        .collect();
    let key = |(algorithm, encoding): (&str, &str)| format!("sk_live.{algorithm}+{encoding}/~-==");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", &key(kinds[0])).status, 401, "not imported yet");
    let lines: Vec<Value> = kinds.iter().map(|&kind| line(&key(kind), kind.0, kind.1)).collect();
    let answer = import(&gateway, &lines);
    assert_eq!((&answer["created"], &answer["refused"]), (&json!(9), &json!(0)), "{answer}");
    // The first use, the one that finds the own digest, and the one after a restart.
    for round in 0..3 {
        for &kind in &kinds {
            assert_eq!(get(gateway.proxy, "/v1/devices/7", &key(kind)).status, 200, "{kind:?} in round {round}");
            let write = gateway.request("POST", "/v1/devices", Some(&key(kind)));
            assert_eq!((write.status, write.problem().as_str()), (403, "insufficient_scope"), "{kind:?}");
            assert_eq!(get(gateway.proxy, "/v1/devices/7", &format!("x{}", key(kind))).status, 401);
        }
        gateway.restart();
    }
    let seen = upstream.last();
    assert!(seen.header("authorization").is_none() && seen.header("x-keygate-token").is_some(), "{seen:?}");
}

#[test]
fn a_key_that_was_revoked_before_it_was_used_stays_refused() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let answer = import(&gateway, &[line("first", "sha256", "hex"), line("second", "sha256", "hex")]);
    gateway.admin.change(&id(&answer, 0), "revoke");
    gateway.admin.delete(&id(&answer, 1));
    for _ in 0..2 {
        let refused = get(gateway.proxy, "/v1/devices/7", "first");
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token_revoked"));
        let unknown = get(gateway.proxy, "/v1/devices/7", "second");
        assert_eq!((unknown.status, unknown.problem().as_str()), (401, "invalid_token"));
        gateway.restart();
    }
    let used = import(&gateway, &[line("third", "blake3", "hex")]);
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "third").status, 200);
    gateway.admin.change(&id(&used, 0), "disable");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "third").problem(), "token_disabled");
    gateway.admin.change(&id(&used, 0), "enable");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "third").status, 200);
}

#[test]
fn one_key_is_one_token_however_often_it_is_imported() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let answer = import(&gateway, &[line("twice", "sha256", "hex"), line("twice", "sha256", "base64")]);
    assert_eq!((&answer["created"], &answer["exists"]), (&json!(1), &json!(1)), "{answer}");
    assert_eq!(id(&answer, 0), id(&answer, 1));
    // Its foreign hash is gone with the first use, and it is known all the same.
    for _ in 0..3 {
        assert_eq!(get(gateway.proxy, "/v1/devices/7", "twice").status, 200);
        let again = import(&gateway, &[line("twice", "sha256", "hex")]);
        assert_eq!((id(&again, 0), &again["exists"]), (id(&answer, 0), &json!(1)));
        gateway.restart();
    }
}

#[test]
fn what_is_wrong_with_a_key_is_told_and_the_others_are_made() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let good = line("good", "sha256", "hex");
    let with = |field: &str, value: Value| {
        let mut line = good.clone();
        line[field] = value;
        line
    };
    let lines = [
        with("hash", json!("abcd")),
        with("hash", json!("zz")),
        with("hash", json!("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW")),
        with("algorithm", json!("argon2id")),
        with("encoding", json!("rot13")),
        with("grants", json!({"*": "reed"})),
        with("hsah", json!("x")),
        json!("text"),
        good.clone(),
    ];
    let answer = import(&gateway, &lines);
    assert_eq!((&answer["created"], &answer["refused"]), (&json!(1), &json!(8)), "{answer}");
    for (at, field) in ["hash", "hash", "hash", "algorithm", "encoding", "grants", "hsah", "body"].iter().enumerate() {
        let errors = &answer["items"][at]["errors"];
        assert!(errors[0]["field"].as_str().is_some_and(|name| name.starts_with(field)), "{field}: {errors}");
    }
    for (at, told) in [(2, "is a bcrypt hash, which has a salt of its own"), (3, "argon2id has a salt of its own")] {
        let message = answer["items"][at]["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains(told), "no {told:?} in {message:?}");
    }
    let dry = json!({"tokens": [line("dry", "sha256", "hex")], "dry_run": true});
    let tried = gateway.admin.call("POST", "/v1/tokens/import", Some(dry)).json();
    assert_eq!(tried["created"], 1);
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "dry").status, 401, "nothing was made");
    for body in [json!({}), json!({"tokens": []}), json!({"tokens": 7}), json!({"tokens": vec![json!({}); 251]})] {
        let refused = gateway.admin.call("POST", "/v1/tokens/import", Some(body));
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid_fields"));
    }
}

#[test]
fn garbled_own_tokens_and_strangers_are_refused_beside_imported_keys() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let own = gateway.token("read");
    let mut garbled = own.clone();
    garbled.pop();
    // Its hash is imported, and still it is a garbled token of this installation and nothing else.
    import(&gateway, &[line(&garbled, "sha256", "hex"), line("real", "sha512", "hex")]);
    for stranger in [garbled.as_str(), "kg_svc_x", "kg_", "nobody", "Real", &"x".repeat(4_000)] {
        assert_eq!(get(gateway.proxy, "/v1/devices/7", stranger).status, 401, "{stranger}");
    }
    assert_eq!(get(gateway.proxy, "/v1/devices/7", &own).status, 200);
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "real").status, 200);
}

/// Requests while the digest is replaced, which leaves a moment in which the store has neither.
#[test]
fn slow_no_request_is_refused_while_a_key_gets_its_own_digest() {
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let gateway = Gateway::start(&upstream.url());
    for number in 0..20 {
        let key = format!("key-{number}");
        import(&gateway, &[line(&key, "sha256", "hex")]);
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        (0..10).map(|_| get(gateway.proxy, "/v1/devices/7", &key).status).collect::<Vec<u16>>()
                    })
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
        });
        assert!(answers.iter().all(|&status| status == 204), "{key}: {answers:?}");
    }
}

/// What was taken from somebody does not come back by the file that gave it once.
#[test]
fn a_deleted_key_comes_back_only_where_that_is_said() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let lines = [line("used", "sha256", "hex"), line("unused", "sha256", "hex")];
    let answer = import(&gateway, &lines);
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "used").status, 200);
    gateway.admin.delete(&id(&answer, 0));
    gateway.admin.delete(&id(&answer, 1));
    for _ in 0..2 {
        for dry_run in [true, false] {
            let body = json!({"tokens": lines, "dry_run": dry_run});
            let refused = gateway.admin.call("POST", "/v1/tokens/import", Some(body)).json();
            assert_eq!((&refused["created"], &refused["refused"]), (&json!(0), &json!(2)), "{refused}");
            let message = refused["items"][0]["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(message.contains(&id(&answer, 0)) && message.contains("with `again`"), "{message}");
        }
        for key in ["used", "unused"] {
            assert_eq!(get(gateway.proxy, "/v1/devices/7", key).problem(), "invalid_token", "{key}");
        }
        gateway.restart();
    }
    let again = json!({"tokens": lines, "again": true});
    let made = gateway.admin.call("POST", "/v1/tokens/import", Some(again)).json();
    assert_eq!((&made["created"], id(&made, 1)), (&json!(2), id(&answer, 1)), "{made}");
    for key in ["used", "unused"] {
        assert_eq!(get(gateway.proxy, "/v1/devices/7", key).status, 200, "{key}");
    }
    // Revoked is not deleted: there is nothing to import anew.
    gateway.admin.change(&id(&answer, 0), "revoke");
    let again = json!({"tokens": lines, "again": true});
    let left = gateway.admin.call("POST", "/v1/tokens/import", Some(again)).json();
    assert_eq!(left["exists"], 2, "{left}");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "used").problem(), "token_revoked");
}

/// Also where it went with its account, or because it had expired for long enough.
#[test]
fn a_key_that_went_with_others_does_not_come_back_either() {
    let upstream = Upstream::start();
    let policy = "[policy.default]\npurge_expired_after = \"1s\"\n";
    let mut gateway = Builder::new(&upstream.url()).policies(policy).start();
    let account = gateway.admin.call("POST", "/v1/accounts", Some(json!({"name": "acme"}))).json();
    let account = account["id"].as_str().expect("an id").to_owned();
    let mut of_account = line("of acme", "sha256", "hex");
    of_account["account"] = account.clone().into();
    let mut short = line("short", "sha256", "hex");
    short["expires"] = "1s".into();
    let answer = import(&gateway, &[of_account.clone(), short.clone()]);
    assert_eq!(answer["created"], 2, "{answer}");
    let gone = gateway.admin.call("DELETE", &format!("/v1/accounts/{account}?everything=acme"), None);
    assert_eq!(gone.status, 204, "{}", gone.text());
    eventually("the purge at a start", || {
        gateway.restart();
        (gateway.admin.call("GET", &format!("/v1/tokens/{}", id(&answer, 1)), None).status == 404).then_some(())
    });
    of_account.as_object_mut().expect("an object").remove("account");
    let refused = import(&gateway, &[of_account, short]);
    assert_eq!((&refused["created"], &refused["refused"]), (&json!(0), &json!(2)), "{refused}");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "short").status, 401);
}

#[test]
fn a_key_is_a_token_like_any_other() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let mut labelled = line("labelled", "sha512", "base64");
    labelled["labels"] = json!({"from": "old-system"});
    let answer = import(&gateway, &[labelled, line("plain", "blake3", "hex"), json!({})]);
    let listed = gateway.admin.call("GET", "/v1/tokens?label=from%3Dold-system", None).json();
    assert_eq!(listed["items"][0]["id"], id(&answer, 0), "{listed}");
    assert_eq!(listed["items"][0]["imported"], "sha512");
    // Each of them is in the audit log, and what was refused is not.
    let noted = gateway.admin.call("GET", "/v1/audit?action=token.import", None).json();
    let ids: Vec<_> = noted["items"].as_array().expect("entries").iter().map(|entry| &entry["object"]["id"]).collect();
    for at in 0..2 {
        assert!(ids.contains(&&json!(id(&answer, at))), "{noted}");
    }
    assert!(!noted.to_string().contains(labelled_hash().as_str()), "no hash is in it");
    // It is rotated into a text of this installation's own, and the key ends with the overlap.
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "labelled").status, 200);
    let path = format!("/v1/tokens/{}/rotate", id(&answer, 0));
    let rotated = gateway.admin.call("POST", &path, Some(json!({"overlap": "1h"}))).json();
    let text = rotated["token"].as_str().unwrap_or_else(|| panic!("no text in {rotated}"));
    for key in [text, "labelled"] {
        assert_eq!(get(gateway.proxy, "/v1/devices/7", key).status, 200);
    }
    assert_eq!(gateway.admin.call("POST", &format!("/v1/tokens/{}/rotation/end", id(&answer, 0)), None).status, 200);
    assert_eq!(get(gateway.proxy, "/v1/devices/7", "labelled").problem(), "token_rotated");
    assert_eq!(get(gateway.proxy, "/v1/devices/7", text).status, 200);
}

fn labelled_hash() -> String {
    encoded(&ForeignHash::Sha512.of("labelled"), "base64")
}

/// What is public needs no token, and an imported key that is sent all the same is not the upstream's to see.
#[test]
fn an_imported_key_does_not_arrive_at_an_upstream() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    import(&gateway, &[line("imported.key", "sha256", "hex")]);
    let rows: [&[&str]; 5] = [
        &["Bearer imported.key"],
        &["Token imported.key"],
        &["Basic dXNlcjpwYXNz", "Bearer imported.key"],
        &["Bearer abc, Bearer imported.key"],
        &["imported.key"],
    ];
    for path in ["/public/7", "/v1/devices/7"] {
        for lines in rows {
            let headers: Vec<_> = lines.iter().map(|line| ("Authorization", *line)).collect();
            let answer = Client::connect(gateway.proxy).request("GET", path, &headers, b"");
            assert!([200, 400, 401].contains(&answer.status), "{answer:?}");
        }
    }
    let others = [("Authorization", "Basic dXNlcjpwYXNz")];
    assert_eq!(Client::connect(gateway.proxy).request("GET", "/public/7", &others, b"").status, 200);
    assert_eq!(upstream.last().header("authorization"), Some("Basic dXNlcjpwYXNz"), "others are the upstream's");
    for seen in upstream.seen() {
        assert!(!format!("{seen:?}").contains("imported.key"), "{:?}", seen.headers);
    }
}

/// Whoever sends what nobody has costs hashes and looks into memory, however much it is.
#[test]
fn a_flood_of_strangers_reads_no_store_and_is_not_remembered() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    import(&gateway, &[line("real", "sha256", "hex"), line("other", "sha512", "hex"), line("third", "blake3", "hex")]);
    for number in 0..500 {
        let stranger = get(gateway.proxy, "/v1/devices/7", &format!("stranger-{number}"));
        assert_eq!((stranger.status, stranger.problem().as_str()), (401, "invalid_token"));
    }
    let looked = |result: &str| {
        let line = format!("keygate_cache_lookups_total{{cache=\"tokens\",result=\"{result}\"}}");
        gateway.admin.metric(&line).unwrap_or_else(|| panic!("no {line}"))
    };
    assert_eq!((looked("miss"), looked("negative")), (0.0, 500.0));
}
