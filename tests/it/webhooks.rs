//! Webhooks: what receivers get, and what becomes of it where they are down, slow, gone or lying.

mod hostile;
mod kept;
mod occasions;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::peers::venv;
use crate::support::{Builder, Gateway, Recorded, Then, Upstream, eventually};

const SECRET: [u8; 32] = [7; 32];
const OLD_SECRET: [u8; 24] = [9; 24];

fn written(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

pub fn write_secret(path: &Path, secret: &[u8]) {
    std::fs::write(path, written(secret) + "\n").expect("a writable directory");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
}

/// A webhook `hook` at this URL, tried again at once, with further lines.
fn builder(receiver: &str, lines: &str) -> Builder {
    let builder = Builder::new("http://127.0.0.1:1");
    write_secret(&builder.directory().join("webhook.secret"), &SECRET);
    builder.policies(&format!(
        "[[webhook]]\nname = \"hook\"\nurl = \"{receiver}/keygate?x=1\"\nsecret = {{ file = \"webhook.secret\" }}\n\
         retry_after = \"20ms\"\n{lines}\n"
    ))
}

fn with(receiver: &Upstream, lines: &str) -> Gateway {
    builder(&receiver.url(), &format!("allow_private = true\n{lines}")).start()
}

/// Answers these statuses, the last one for ever.
fn answering(statuses: &'static [u16]) -> Upstream {
    let asked = Arc::new(AtomicUsize::new(0));
    Upstream::scripted(move |_, stream| {
        let at = asked.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
        answer(stream, statuses[at])
    })
}

fn answer(stream: &mut impl Write, status: u16) -> Then {
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").expect("the gateway reads");
    Then::Close
}

fn body(message: &Recorded) -> Value {
    serde_json::from_slice(&message.body).expect("JSON")
}

fn id(message: &Recorded) -> String {
    message.header("webhook-id").expect("an id").to_owned()
}

fn types(receiver: &Upstream) -> Vec<String> {
    receiver.seen().iter().map(|message| body(message)["type"].as_str().expect("a type").to_owned()).collect()
}

/// The first message of this type, once it is there.
#[track_caller]
fn told(receiver: &Upstream, kind: &str) -> Value {
    eventually(kind, || receiver.seen().iter().map(body).find(|body| body["type"] == kind))
}

fn status(gateway: &Gateway) -> Value {
    gateway.admin.call("GET", "/v1/webhooks/hook", None).json()
}

#[track_caller]
fn until(gateway: &Gateway, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || Some(status(gateway)).filter(|status| is(status)))
}

fn read(name: &str) -> Value {
    json!({"name": name, "grants": {"*": "read"}})
}

/// Worked out apart from the gateway's own code.
fn signature(message: &Recorded, secret: &[u8]) -> String {
    let header = |name: &str| message.header(name).unwrap_or_else(|| panic!("no {name} in {message:?}")).to_owned();
    let text = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &[text.as_bytes(), &message.body].concat());
    format!("v1,{}", STANDARD.encode(tag))
}

#[test]
fn each_change_is_told_once_in_order_and_signed() {
    let receiver = answering(&[200]);
    let gateway = with(&receiver, "");
    let token = gateway.admin.create(read("ci"));
    for verb in ["disable", "enable", "rotate", "revoke"] {
        gateway.admin.change(&token.id, verb);
    }
    // Nothing that is done for a second time is news.
    gateway.admin.change(&token.id, "revoke");
    gateway.admin.delete(&token.id);
    let expected =
        ["token.created", "token.disabled", "token.enabled", "token.rotated", "token.revoked", "token.deleted"];
    until(&gateway, "all are delivered", |status| status["delivered"] == 6 && status["pending"] == 0);
    assert_eq!(types(&receiver), expected);
    for message in receiver.seen() {
        assert_eq!(message.line, "POST /keygate?x=1 HTTP/1.1");
        assert_eq!(message.header("content-type"), Some("application/json"));
        assert_eq!(message.header("webhook-signature"), Some(signature(&message, &SECRET).as_str()));
        let now = gateway.clock.wall().secs();
        let sent: i64 = message.header("webhook-timestamp").and_then(|at| at.parse().ok()).expect("seconds");
        assert!((now - 60..=now).contains(&sent), "{sent} and {now}");
        assert_eq!(body(&message)["data"]["token"]["id"], token.id);
        let everything = format!("{message:?} {}", String::from_utf8_lossy(&message.body));
        let hint = token.record["hint"].as_str().expect("a hint");
        for secret in [token.secret.as_str(), &written(&SECRET), &format!("\"{hint}\"")] {
            assert!(!everything.contains(secret), "{secret} in {everything}");
        }
    }
    let ids: std::collections::BTreeSet<_> = receiver.seen().iter().map(id).collect();
    assert_eq!(ids.len(), 6, "each event has an id of its own");
}

#[test]
fn while_secrets_change_over_each_signs() {
    let receiver = answering(&[200]);
    let builder = builder(&receiver.url(), "allow_private = true\nprevious_secret = { file = \"old.secret\" }");
    write_secret(&builder.directory().join("old.secret"), &OLD_SECRET);
    let gateway = builder.start();
    let tried = gateway.admin.call("POST", "/v1/webhooks/hook/test", None).json();
    assert_eq!((&tried["delivered"], &tried["status"]), (&json!(true), &json!(200)), "{tried}");
    let message = receiver.last();
    assert_eq!(body(&message)["type"], "webhook.test");
    let both = format!("{} {}", signature(&message, &SECRET), signature(&message, &OLD_SECRET));
    assert_eq!(message.header("webhook-signature"), Some(both.as_str()));
}

/// The page's example, run on what was sent: with the right secret it says yes, and to anything else no.
#[test]
fn the_example_of_the_documentation_verifies_what_is_sent() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md")).expect("the page");
    let example = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let receiver = answering(&[200]);
    let gateway = with(&receiver, "");
    gateway.admin.create(json!({"name": "čí \u{1F511}", "grants": {"*": "read"}}));
    until(&gateway, "it is delivered", |status| status["delivered"] == 1);
    let message = receiver.last();
    let now = message.header("webhook-timestamp").expect("a timestamp").to_owned();
    let call = "\nimport sys, json\ngiven = json.load(sys.stdin)\n\
                print(verify(given['secret'], given['headers'], bytes.fromhex(given['body']), now=given['now']))\n";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let headers: serde_json::Map<String, Value> =
        message.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
    let given = |secret: &[u8], body: &[u8], now: i64| {
        json!({"secret": written(secret), "headers": headers, "body": hex(body), "now": now}).to_string()
    };
    let now: i64 = now.parse().expect("seconds");
    let changed = [&message.body[..], b" "].concat();
    for (given, said) in [
        (given(&SECRET, &message.body, now), "True"),
        (given(&OLD_SECRET, &message.body, now), "False"),
        (given(&SECRET, &changed, now), "False"),
        (given(&SECRET, &message.body, now + 301), "False"),
    ] {
        let mut python = Command::new(venv().join("bin/python"));
        python.args(["-c", &format!("{example}{call}")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = python.spawn().expect("Python");
        python.stdin.take().expect("piped").write_all(given.as_bytes()).expect("it reads");
        let output = python.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), said, "{given}");
    }
}

#[test]
fn a_webhook_gets_the_events_and_the_accounts_that_it_asked_for() {
    let receiver = answering(&[200]);
    // The gateway has to run once for there to be an account with an id.
    let gateway = with(&receiver, "events = [\"token.revoked\"]");
    let account = gateway.admin.call("POST", "/v1/accounts", Some(json!({"name": "acme"}))).json();
    let account = account["id"].as_str().expect("an id").to_owned();
    let below = json!({"name": "below", "parent": account});
    let below =
        gateway.admin.call("POST", "/v1/accounts", Some(below)).json()["id"].as_str().expect("an id").to_owned();
    let directory = gateway.directory.path().to_owned();
    let path = directory.join("keygate.toml");
    let text = std::fs::read_to_string(&path).expect("the file");
    let lines = format!("events = [\"token.revoked\"]\naccounts = [\"{account}\"]");
    std::fs::write(&path, text.replace("events = [\"token.revoked\"]", &lines)).expect("a writable file");
    let mut gateway = gateway;
    gateway.restart();
    let of = |account: Option<&str>| {
        let mut wish = read(account.unwrap_or("root"));
        if let Some(account) = account {
            wish["account"] = json!(account);
        }
        let token = gateway.admin.create(wish);
        gateway.admin.change(&token.id, "revoke");
        token.id
    };
    let (_, inside, beneath) = (of(None), of(Some(&account)), of(Some(&below)));
    until(&gateway, "both are delivered", |status| status["delivered"] == 2 && status["pending"] == 0);
    let tokens: Vec<_> = receiver.seen().iter().map(|message| body(message)["data"]["token"]["id"].clone()).collect();
    assert_eq!(tokens, [inside, beneath]);
    assert_eq!(types(&receiver), ["token.revoked"; 2]);
    let shown = status(&gateway);
    assert_eq!((&shown["events"], &shown["accounts"]), (&json!(["token.revoked"]), &json!([account])));
}

#[test]
fn the_list_shows_each_webhook_and_no_secret() {
    let receiver = answering(&[200]);
    let gateway = with(&receiver, "");
    let listed = gateway.admin.call("GET", "/v1/webhooks", None);
    let webhook = listed.json()["items"][0].clone();
    assert_eq!(webhook["name"], "hook");
    assert_eq!(webhook["url"], format!("{}/…", receiver.url()), "a path may be a secret");
    assert_eq!((&webhook["state"], &webhook["pending"], &webhook["dead"]), (&json!("ok"), &json!(0), &json!(0)));
    assert!(!listed.text().contains("whsec_") && !listed.text().contains("x=1"), "{}", listed.text());
    for path in ["/v1/webhooks/other", "/v1/webhooks/other/dead", "/v1/webhooks/hook/dead/msg_1", "/v1/webhooks/%00"] {
        let answer = gateway.admin.call("GET", path, None);
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not_found"), "{path}: {}", answer.text());
    }
}
