//! Texts of tokens that somebody found: whose word counts, and what is done about them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Builder, Client, Created, Gateway, Then, Upstream, get, request};

const PATH: &str = "/v1/leaks/github";
const DEVICE: &str = "/v1/devices/7";
/// What stands before the point of a key on P-256.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Somebody who signs alerts.
struct Scanner {
    id: String,
    pair: EcdsaKeyPair,
}

impl Scanner {
    fn new(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        Self { id: id.to_owned(), pair }
    }

    fn entry(&self) -> Value {
        let der = [&P256[..], self.pair.public_key().as_ref()].concat();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        json!({"key_identifier": self.id, "key": pem, "is_current": true})
    }

    fn sign(&self, body: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(&SystemRandom::new(), body).expect("a signature"))
    }
}

fn keys(scanners: &[&Scanner]) -> String {
    json!({"public_keys": scanners.iter().map(|scanner| scanner.entry()).collect::<Vec<_>>()}).to_string()
}

/// A gateway that believes this scanner, whose keys are in a file.
fn believing(scanner: &Scanner, upstream: &Upstream, tables: &str) -> Gateway {
    let builder = Builder::new(&upstream.url());
    std::fs::write(builder.directory().join("keys.json"), keys(&[scanner])).expect("a writable directory");
    builder.policies(&format!("[leaks]\ngithub_keys = \"keys.json\"\n{tables}")).start()
}

fn send(gateway: &Gateway, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Client::connect(gateway.admin.address).request("POST", PATH, headers, body)
}

fn alert(gateway: &Gateway, scanner: &Scanner, body: &[u8]) -> Answer {
    let signature = scanner.sign(body);
    let headers = [("GITHUB-PUBLIC-KEY-IDENTIFIER", &*scanner.id), ("GITHUB-PUBLIC-KEY-SIGNATURE", &*signature)];
    send(gateway, &headers, body)
}

fn find(token: &str, url: &str) -> Value {
    json!({"token": token, "type": "kg", "url": url, "source": "commit"})
}

fn found(tokens: &[&str]) -> Vec<u8> {
    json!(tokens.iter().map(|token| find(token, "https://git.example.org/x")).collect::<Vec<_>>())
        .to_string()
        .into_bytes()
}

fn token(gateway: &Gateway) -> Created {
    gateway.admin.create(json!({"name": "leaked", "grants": {"*": "read"}}))
}

fn state(gateway: &Gateway, token: &Created) -> Value {
    gateway.admin.show(&token.id)["state"].clone()
}

fn entries(gateway: &Gateway) -> Vec<Value> {
    let log = gateway.admin.call("GET", "/v1/audit?action=token.leaked", None).json();
    log["items"].as_array().expect("a list").clone()
}

fn sha256(text: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{}", answer.text());
}

#[test]
fn an_alert_counts_by_its_signature_and_no_other() {
    let (scanner, other, upstream) = (Scanner::new("k1"), Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "");
    let token = token(&gateway);
    let body = found(&[&token.secret]);
    let signature = scanner.sign(&body);
    let (id, sign) = ("GITHUB-PUBLIC-KEY-IDENTIFIER", "GITHUB-PUBLIC-KEY-SIGNATURE");
    let changed = [&body[..], b" "].concat();
    let stranger = Scanner::new("k2");
    let (theirs, unknown) = (other.sign(&body), stranger.sign(&body));
    for (what, headers, body) in [
        ("unsigned", vec![], &body),
        ("without a key", vec![(sign, &*signature)], &body),
        ("without a signature", vec![(id, "k1")], &body),
        ("twice", vec![(id, "k1"), (sign, &*signature), (sign, &*signature)], &body),
        ("by another of that name", vec![(id, "k1"), (sign, &*theirs)], &body),
        ("by nobody who is known", vec![(id, "k2"), (sign, &*unknown)], &body),
        ("changed", vec![(id, "k1"), (sign, &*signature)], &changed),
        ("no Base64", vec![(id, "k1"), (sign, "?")], &body),
        ("empty", vec![(id, ""), (sign, "")], &body),
    ] {
        let answer = send(&gateway, &headers, body);
        assert_eq!((answer.status, answer.problem().as_str()), (403, "bad_signature"), "{what}: {}", answer.text());
        assert!(!answer.text().contains(&token.secret), "{what}");
    }
    assert_eq!(state(&gateway, &token), "active");
    assert_eq!(get(gateway.proxy, DEVICE, &token.secret).status, 200);
    let believed = alert(&gateway, &scanner, &body);
    assert_eq!(believed.status, 200, "{}", believed.text());
    let feedback = believed.json()[0].clone();
    assert_eq!((&feedback["label"], &feedback["token_type"]), (&json!("true_positive"), &json!("kg")));
    assert_eq!(feedback["token_hash"], sha256(&token.secret));
    refused(&get(gateway.proxy, DEVICE, &token.secret), 401, "token_disabled");
}

#[test]
fn each_policy_is_carried_out_before_the_answer() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    for (action, state_then, code) in
        [("disable", "disabled", "token_disabled"), ("revoke", "revoked", "token_revoked"), ("notify", "active", "")]
    {
        let gateway = believing(&scanner, &upstream, &format!("[policy.default]\nleak_action = \"{action}\"\n"));
        let token = token(&gateway);
        assert_eq!(get(gateway.proxy, DEVICE, &token.secret).status, 200);
        let url = format!("https://git.example.org/raw?t={}", token.secret);
        let answer = alert(&gateway, &scanner, json!([find(&token.secret, &url)]).to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let now = get(gateway.proxy, DEVICE, &token.secret);
        assert_eq!(if now.status == 200 { String::new() } else { now.problem() }, code);
        assert_eq!(state(&gateway, &token), state_then);
        let entries = entries(&gateway);
        assert_eq!(entries.len(), 1, "{entries:?}");
        let text = entries[0].to_string();
        assert!(text.contains(action) && text.contains(state_then) && text.contains("[token]"), "{text}");
        assert!(!text.contains(&token.secret), "{text}");
        assert_eq!(entries[0]["object"]["id"], token.id);
    }
}

/// It is that of the token's account, or of the nearest above that has one.
#[test]
fn the_policy_is_that_of_the_accounts_way_up() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "[policy.default]\n[policy.strict]\nleak_action = \"revoke\"\n");
    let account = |body: Value| {
        let made = gateway.admin.call("POST", "/v1/accounts", Some(body));
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].clone()
    };
    let strict = account(json!({"name": "strict", "policy": "strict"}));
    let below = account(json!({"name": "below", "parent": strict}));
    let beside = account(json!({"name": "beside"}));
    for (account, state_then) in [(&strict, "revoked"), (&below, "revoked"), (&beside, "disabled")] {
        let token = gateway.admin.create(json!({"name": "leaked", "account": account, "grants": {"*": "read"}}));
        assert_eq!(alert(&gateway, &scanner, &found(&[&token.secret])).status, 200);
        assert_eq!(state(&gateway, &token), state_then);
    }
}

#[test]
fn what_is_nobodys_is_said_to_be_and_what_is_over_stays_as_it_is() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "");
    let elsewhere = Gateway::start(&upstream.url());
    let (foreign, revoked) = (token(&elsewhere), token(&gateway));
    gateway.admin.change(&revoked.id, "revoke");
    let (start, last) = revoked.secret.split_at(revoked.secret.len() - 1);
    let garbled = format!("{start}{}", if last == "x" { "y" } else { "x" });
    let answer = alert(&gateway, &scanner, &found(&[&foreign.secret, "hello", "", &garbled, &revoked.secret]));
    let labels: Vec<_> = answer.json().as_array().expect("a list").iter().map(|item| item["label"].clone()).collect();
    let (no, yes) = ("false_positive", "true_positive");
    assert_eq!(labels, [no, no, no, no, yes]);
    assert_eq!(state(&gateway, &revoked), "revoked");
    assert_eq!(state(&elsewhere, &foreign), "active");
    assert_eq!(alert(&gateway, &scanner, b"[]").json(), json!([]));
}

/// Who enables a token again knows of the leak.
#[test]
fn the_same_alert_again_does_nothing_and_another_find_does() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "");
    let token = token(&gateway);
    let body = found(&[&token.secret, &token.secret]);
    alert(&gateway, &scanner, &body);
    assert_eq!(state(&gateway, &token), "disabled");
    gateway.admin.change(&token.id, "enable");
    assert_eq!(alert(&gateway, &scanner, &body).json()[0]["label"], "true_positive");
    assert_eq!((state(&gateway, &token), entries(&gateway).len()), (json!("active"), 1));
    let elsewhere = json!([find(&token.secret, "https://git.example.org/another")]).to_string();
    alert(&gateway, &scanner, elsewhere.as_bytes());
    assert_eq!((state(&gateway, &token), entries(&gateway).len()), (json!("disabled"), 2));
}

#[test]
fn a_text_that_was_rotated_away_is_ended_and_the_token_goes_on() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "");
    let token = token(&gateway);
    let rotated =
        gateway.admin.call("POST", &format!("/v1/tokens/{}/rotate", token.id), Some(json!({"overlap": "1d"})));
    let new = rotated.json()["token"].as_str().expect("a text").to_owned();
    assert_eq!(get(gateway.proxy, DEVICE, &token.secret).status, 200);
    for _ in 0..2 {
        assert_eq!(alert(&gateway, &scanner, &found(&[&token.secret])).status, 200);
        refused(&get(gateway.proxy, DEVICE, &token.secret), 401, "token_rotated");
        assert_eq!(get(gateway.proxy, DEVICE, &new).status, 200);
    }
    assert_eq!(state(&gateway, &token), "active");
}

/// Before its first use it is known by its foreign hash, and then by a digest of this installation.
#[test]
fn a_key_that_was_imported_is_found_too() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "");
    let keys = ["sk_live_used_0123456789", "sk_live_unused_0123456789"];
    let line = |key: &&str| json!({"hash": sha256(key), "algorithm": "sha256", "grants": {"*": "read"}});
    let tokens: Vec<_> = keys.iter().map(line).collect();
    let imported = gateway.admin.call("POST", "/v1/tokens/import", Some(json!({"tokens": tokens}))).json();
    assert_eq!(imported["created"], 2, "{imported}");
    assert_eq!(get(gateway.proxy, DEVICE, keys[0]).status, 200);
    let found: Vec<_> = keys.iter().map(|key| find(key, &format!("https://git.example.org/?k={key}"))).collect();
    let answer = alert(&gateway, &scanner, json!(found).to_string().as_bytes());
    assert_eq!(
        (&answer.json()[0]["label"], &answer.json()[1]["label"]),
        (&json!("true_positive"), &json!("true_positive"))
    );
    for key in keys {
        refused(&get(gateway.proxy, DEVICE, key), 401, "token_disabled");
        assert!(!json!(entries(&gateway)).to_string().contains(key));
    }
}

#[test]
fn wrong_bodies_are_refused_whole() {
    let (scanner, upstream) = (Scanner::new("k1"), Upstream::start());
    let gateway = believing(&scanner, &upstream, "");
    let token = token(&gateway);
    let good = find(&token.secret, "https://x");
    for (body, status, code) in [
        (b"{}".to_vec(), 422, "invalid_fields"),
        (b"[".to_vec(), 400, "malformed_json"),
        (b"".to_vec(), 400, "malformed_json"),
        (b"\xff".to_vec(), 400, "malformed_json"),
        (json!([good, 1]).to_string().into_bytes(), 422, "invalid_fields"),
        (json!([good, {"url": "x"}]).to_string().into_bytes(), 422, "invalid_fields"),
        (json!([good, {"token": ["x"]}]).to_string().into_bytes(), 422, "invalid_fields"),
    ] {
        let what = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = alert(&gateway, &scanner, &body);
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{what}: {}", answer.text());
        assert!(!answer.text().contains(&token.secret), "{what}");
    }
    let mut client = Client::connect(gateway.admin.address);
    let signature = scanner.sign(b"");
    client.send(format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nGITHUB-PUBLIC-KEY-IDENTIFIER: k1\r\n\
         GITHUB-PUBLIC-KEY-SIGNATURE: {signature}\r\nContent-Length: 8388609\r\n\r\n"
    ));
    refused(&client.read_answer("POST"), 413, "body_too_large");
    assert_eq!(state(&gateway, &token), "active");
    // New members and sources are for others to read.
    let wide = json!([{"token": token.secret, "type": 7, "source": "npm", "new": {"x": []}}]).to_string();
    assert_eq!(alert(&gateway, &scanner, wide.as_bytes()).status, 200);
    assert_eq!(state(&gateway, &token), "disabled");
}

#[test]
fn keys_come_from_a_url_and_a_new_one_is_looked_for() {
    let (one, two, upstream) = (Scanner::new("k1"), Scanner::new("k2"), Upstream::start());
    let document = Arc::new(Mutex::new(None::<String>));
    let served = Arc::clone(&document);
    let source = Upstream::scripted(move |_, stream| {
        let text = served.lock().expect("no panic holds it").clone();
        let (status, text) = text.map_or((500, String::new()), |text| (200, text));
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len())
            .expect("the gateway reads");
        Then::Close
    });
    let lines = format!("[leaks]\ngithub_keys = \"{}/keys\"\nallow_private = true\n", source.url());
    let gateway = Builder::new(&upstream.url()).policies(&lines).start();
    let token = token(&gateway);
    let body = found(&[&token.secret]);
    let answer = alert(&gateway, &one, &body);
    refused(&answer, 503, "keys_unavailable");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(source.seen().len(), 1);
    // Whoever asks again within a minute is told the same, and the source is left alone.
    *document.lock().expect("no panic holds it") = Some(keys(&[&one, &two]));
    refused(&alert(&gateway, &one, &body), 503, "keys_unavailable");
    assert_eq!(source.seen().len(), 1);
    let mut gateway = gateway;
    gateway.restart();
    assert_eq!(alert(&gateway, &two, &body).status, 200);
    assert_eq!(alert(&gateway, &one, &body).status, 200);
    refused(&alert(&gateway, &Scanner::new("k3"), &body), 403, "bad_signature");
    assert_eq!(source.seen().len(), 2, "they are kept");
    assert_eq!(state(&gateway, &token), "disabled");
}

#[test]
fn one_reports_what_ones_own_scanner_found() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    refused(&send(&gateway, &[], b"[]"), 404, "leaks_off");
    let account = gateway.admin.call("POST", "/v1/accounts", Some(json!({"name": "scanner"}))).json();
    let rights = json!({"name": "scanner", "account": account["id"], "grants": {"keygate.leaks": "create"}});
    let scanner = gateway.admin.create(rights).secret;
    let report = |body: Value| {
        let body = body.to_string();
        request(gateway.admin.address, "POST", "/v1/leaks", Some(&scanner), body.as_bytes())
    };
    let token = token(&gateway);
    for wrong in [
        json!({}),
        json!({"leaks": []}),
        json!({"leaks": [1]}),
        json!({"leaks": vec![json!({"token": "x"}); 501]}),
        json!({"leaks": [{"url": "x"}]}),
        json!({"leaks": [{"token": "x", "url": 1}]}),
        json!({"leaks": [{"token": "x", "link": "x"}]}),
    ] {
        refused(&report(wrong), 422, "invalid_fields");
    }
    let answer = report(json!({"leaks": [{"token": token.secret, "url": "https://x"}, {"token": "nobody's"}]}));
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["items"], json!([{"label": "true_positive"}, {"label": "false_positive"}]));
    refused(&get(gateway.proxy, DEVICE, &token.secret), 401, "token_disabled");
    refused(&get(gateway.admin.address, "/v1/tokens", &scanner), 403, "insufficient_scope");
}
