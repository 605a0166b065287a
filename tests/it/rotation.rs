//! A token gets another text: both are good for a while, and which one is used is seen. Below, random
//! steps against a naive reading of the rules.

mod random;

use serde_json::{Value, json};

use crate::support::{Builder, Gateway, Upstream, eventually, get};

fn rotate(gateway: &Gateway, id: &str, body: Value) -> (String, Value) {
    let answer = gateway.admin.call("POST", &format!("/v1/tokens/{id}/rotate"), Some(body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let record = answer.json();
    (record["token"].as_str().expect("a text").to_owned(), record)
}

#[test]
fn the_upstream_sees_one_token_and_its_owner_sees_which_text_is_used() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let made = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}}));
    let (new, _) = rotate(&gateway, &made.id, json!({"overlap": "24h"}));
    for text in [&made.secret, &new, &made.secret] {
        assert_eq!(get(gateway.proxy, "/v1/devices/7", text).status, 200);
    }
    let seen = upstream.seen();
    let tokens: Vec<_> = seen.iter().map(|request| request.header("x-keygate-token").map(str::to_owned)).collect();
    assert_eq!(tokens, [Some(made.id.clone()), Some(made.id.clone()), Some(made.id.clone())]);
    let rotation = eventually("the use is stored", || {
        let rotation = gateway.admin.show(&made.id)["rotation"].clone();
        (rotation["old"]["requests"] == 2 && rotation["present"]["requests"] == 1).then_some(rotation)
    });
    assert!(rotation["old"]["last_used"].is_string() && rotation["present"]["last_used"].is_string(), "{rotation}");
    let count = |reason: &str| {
        let line = format!(r#"keygate_auth_decisions_total{{route="devices",decision="allow",reason="{reason}"}}"#);
        gateway.admin.metric(&line)
    };
    assert_eq!((count("old_secret"), count("ok")), (Some(2.0), Some(1.0)));
}

#[test]
fn an_old_text_is_told_what_became_of_it_also_by_the_management_api() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let grants = json!({"*": "read", "keygate.tokens": "read"});
    let made = gateway.admin.create(json!({"name": "t", "grants": grants}));
    rotate(&gateway, &made.id, json!({"overlap": "1h"}));
    assert_eq!(get(gateway.admin.address, "/v1/whoami", &made.secret).status, 200);
    gateway.clock.step_millis(3_600_000);
    for _ in 0..2 {
        for (address, path) in [(gateway.proxy, "/v1/devices/7"), (gateway.admin.address, "/v1/whoami")] {
            let refused = get(address, path, &made.secret);
            assert_eq!((refused.status, refused.problem().as_str()), (401, "token_rotated"));
            let detail = refused.json()["detail"].as_str().expect("words").to_owned();
            assert!(detail.contains("another text"), "{detail}");
            assert!(refused.header("www-authenticate").is_some_and(|line| line.contains("invalid_token")));
        }
        gateway.restart();
    }
    assert!(upstream.seen().is_empty());
}

#[test]
fn a_revocation_and_a_deletion_are_of_both_texts() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&upstream.url());
    let [revoked, deleted] = ["r", "d"].map(|name| {
        let made = gateway.admin.create(json!({"name": name, "grants": {"*": "read"}}));
        let (new, _) = rotate(&gateway, &made.id, json!({"overlap": "1h"}));
        for text in [&made.secret, &new] {
            assert_eq!(get(gateway.proxy, "/v1/devices/7", text).status, 200, "both are in the cache");
        }
        (made.id, [made.secret, new])
    });
    gateway.admin.change(&revoked.0, "revoke");
    gateway.admin.delete(&deleted.0);
    for _ in 0..2 {
        for (texts, code) in [(&revoked.1, "token_revoked"), (&deleted.1, "invalid_token")] {
            for text in texts {
                let refused = get(gateway.proxy, "/v1/devices/7", text);
                assert_eq!((refused.status, refused.problem().as_str()), (401, code));
            }
        }
        gateway.restart();
    }
}

#[test]
fn both_texts_share_one_limit() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).start();
    let limit = json!({"requests": 2, "window": "1h"});
    let made = gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}, "rate_limit": limit}));
    let (new, _) = rotate(&gateway, &made.id, json!({}));
    let statuses =
        [&made.secret, &new, &made.secret, &new].map(|text| get(gateway.proxy, "/v1/devices/7", text).status);
    assert_eq!(statuses, [200, 200, 429, 429]);
}
