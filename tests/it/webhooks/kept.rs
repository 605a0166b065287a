//! What could not be delivered yet: over restarts and kills, as dead letters, and by hand.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{SECRET, answer, answering, id, read, until, with, write_secret, written};
use crate::support::binary::{Install, done};
use crate::support::{Gateway, Then, Upstream, eventually};

/// A webhook of a program's configuration.
fn hook(receiver: &Upstream, lines: &str) -> String {
    format!(
        "\n[[webhook]]\nname = \"hook\"\nurl = \"{}/secret-path\"\nsecret = {{ file = \"webhook.secret\" }}\n\
         allow_private = true\nretry_after = \"1ms\"\n{lines}\n",
        receiver.url()
    )
}

fn dead(gateway: &Gateway) -> Vec<Value> {
    gateway.admin.call("GET", "/v1/webhooks/hook/dead", None).json()["items"].as_array().expect("a list").clone()
}

#[test]
fn what_waits_at_a_stop_is_delivered_after_the_next_start_under_the_same_id() {
    let receiver = Upstream::scripted(|_, _| Then::Close);
    let mut gateway = with(&receiver, "timeout = \"5s\"");
    let token = gateway.admin.create(read("ci"));
    until(&gateway, "an attempt has failed", |status| status["failed"].as_u64() >= Some(1));
    gateway.halt();
    let before = receiver.take_seen();
    let file = gateway.directory.path().join("data.webhooks");
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).expect("the file");
    assert!(text.contains(&token.id) && !text.contains(&token.secret) && !text.contains("whsec_"), "{text}");
    gateway.resume();
    let after = eventually("it is sent again", || receiver.seen().first().cloned());
    assert_eq!(id(&after), id(&before[0]));
}

/// The receiver took the message, and the gateway died before it could read the answer.
#[test]
fn a_kill_in_mid_delivery_repeats_the_message_and_loses_none() {
    let receiver = Upstream::scripted(|_, _| {
        std::thread::park();
        Then::Close
    });
    let install = Install::new("http://127.0.0.1:1");
    write_secret(&install.path("webhook.secret"), &SECRET);
    install.configure(|text| text + &hook(&receiver, ""));
    let mut served = install.run();
    for name in ["one", "two"] {
        served.admin.create(read(name));
    }
    let first = eventually("the message is there", || receiver.seen().first().cloned());
    let kept = install.path("data.webhooks");
    eventually("both are saved", || {
        let text = std::fs::read_to_string(&kept).unwrap_or_default();
        (text.contains(&id(&first)) && text.contains("\\\"two\\\"")).then_some(())
    });
    served.process.kill();
    let again = install.run();
    let second = eventually("it is sent again", || receiver.seen().get(1).cloned());
    assert_eq!((id(&first), &first.body), (id(&second), &second.body));
    let status = again.admin.call("GET", "/v1/webhooks/hook", None).json();
    assert_eq!(status["pending"], 2, "{status}");
}

#[test]
fn what_cannot_be_saved_is_delivered_all_the_same_and_saved_once_it_can_be() {
    let receiver = answering(&[500, 200]);
    let install = Install::new("http://127.0.0.1:1");
    write_secret(&install.path("webhook.secret"), &SECRET);
    install.configure(|text| text + &hook(&receiver, "attempts = 1"));
    let in_the_way = install.path("data.webhooks.new");
    std::fs::create_dir(&in_the_way).expect("a directory");
    let mut served = install.run();
    for name in ["one", "two"] {
        served.admin.create(read(name));
    }
    let failed = "the messages that wait could not be saved";
    eventually("both were sent", || (receiver.seen().len() == 2).then_some(()));
    eventually("the log says what is wrong", || served.process.err().contains(failed).then_some(()));
    std::fs::remove_dir(&in_the_way).expect("removed");
    let kept = install.path("data.webhooks");
    eventually("it is saved", || {
        std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("it answered 500")).then_some(())
    });
    assert_eq!(served.process.err().matches(failed).count(), 1, "not each second");
    assert_eq!(served.process.stop("TERM"), Some(0));
}

#[test]
fn a_damaged_file_is_put_aside_and_keeps_nobody_from_starting() {
    let receiver = answering(&[500]);
    let mut gateway = with(&receiver, "attempts = 1");
    gateway.admin.create(read("ci"));
    until(&gateway, "a dead letter", |status| status["dead"] == 1);
    gateway.restart();
    assert_eq!(dead(&gateway).len(), 1, "dead letters outlive a restart");
    gateway.halt();
    let file = gateway.directory.path().join("data.webhooks");
    for damage in ["", "{\"format\":1", "{\"format\":99,\"done\":0,\"webhooks\":{}}", "\0\0\0\0"] {
        std::fs::write(&file, damage).expect("a writable file");
        gateway.resume();
        assert_eq!(dead(&gateway).len(), 0, "{damage}");
        let aside = gateway.directory.path().join("data.webhooks.unreadable");
        assert_eq!(std::fs::read_to_string(aside).expect("it is put aside"), damage);
        gateway.halt();
    }
    gateway.resume();
}

#[test]
fn after_the_last_attempt_it_is_a_dead_letter_that_can_be_seen_sent_again_or_forgotten() {
    let receiver = answering(&[500, 500, 500, 500, 200]);
    let gateway = with(&receiver, "attempts = 2");
    let token = gateway.admin.create(read("one"));
    gateway.admin.create(read("two"));
    until(&gateway, "two dead letters", |status| status["dead"] == 2);
    let letters = dead(&gateway);
    assert_eq!((&letters[0]["reason"], &letters[0]["attempts"]), (&json!("it answered 500"), &json!(2)));
    let message = |at: usize| letters[at]["id"].as_str().expect("an id").to_owned();
    let shown = gateway.admin.call("GET", &format!("/v1/webhooks/hook/dead/{}", message(0)), None).json();
    assert_eq!((&shown, &shown["payload"]["data"]["token"]["id"]), (&letters[0], &json!(token.id)));

    let redeliver = |body: Value| gateway.admin.call("POST", "/v1/webhooks/hook/redeliver", Some(body));
    let discard = |body: Value| gateway.admin.call("POST", "/v1/webhooks/hook/discard", Some(body));
    assert_eq!(redeliver(json!({"ids": ["msg_nothing"]})).json(), json!({"redelivered": 0}));
    for wrong in [json!({}), json!({"ids": "some"}), json!({"ids": []}), json!({"ids": [1]}), json!({"ids": null})] {
        let answer = discard(wrong.clone());
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid_fields"), "{wrong}: {}", answer.text());
    }
    assert_eq!(discard(json!({"ids": [message(1)]})).json(), json!({"discarded": 1}));
    assert_eq!(redeliver(json!({"ids": [message(0)]})).json(), json!({"redelivered": 1}));
    let status = until(&gateway, "it is delivered", |status| status["delivered"] == 1);
    assert_eq!((&status["dead"], &status["state"], &status["last_error"]), (&json!(0), &json!("ok"), &Value::Null));
    assert_eq!(discard(json!({"ids": "all"})).json(), json!({"discarded": 0}));
    let log = gateway.admin.call("GET", "/v1/audit?action=webhook.*", None).json();
    let actions: Vec<_> =
        log["items"].as_array().expect("a list").iter().map(|entry| entry["action"].clone()).collect();
    assert!(
        actions.contains(&json!("webhook.discard")) && actions.contains(&json!("webhook.redeliver")),
        "{actions:?}"
    );
}

#[test]
fn the_command_line_shows_tries_resends_and_forgets() {
    // The name in a message says what its receiver does with it.
    let receiver = Upstream::scripted(|message, stream| {
        let is_refused = String::from_utf8_lossy(&message.body).contains("refused");
        answer(stream, if is_refused { 503 } else { 200 })
    });
    let install = Install::new("http://127.0.0.1:1");
    write_secret(&install.path("webhook.secret"), &SECRET);
    install.configure(|text| text + &hook(&receiver, "attempts = 1"));
    let served = install.run();
    let run = |arguments: &[&str]| done(&mut install.managed(&served, arguments));
    let tested = run(&["webhook", "test", "hook"]).ok();
    assert!(tested.contains("delivered") && tested.contains("200"), "{tested}");
    for name in ["refused 1", "refused 2"] {
        served.admin.create(read(name));
    }
    eventually("two dead letters", || (run(&["webhook", "list", "--field", "dead"]).ok().trim() == "2").then_some(()));
    let list = run(&["webhook", "list"]).ok();
    assert!(list.contains("hook") && list.contains("failing") && !list.contains("secret-path"), "{list}");
    let ids = run(&["webhook", "dead", "hook", "--field", "id"]).ok();
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 2);
    let shown = run(&["webhook", "show", "hook", ids[0], "-o", "json"]).json();
    assert_eq!(shown["payload"]["data"]["token"]["name"], "refused 1");
    let discarded = run(&["webhook", "discard", "hook", "--id", ids[0], "--field", "discarded"]).ok();
    assert_eq!(discarded.trim(), "1");
    assert_eq!(run(&["webhook", "redeliver", "hook", "--field", "redelivered"]).ok().trim(), "1");
    eventually("it failed again", || {
        (run(&["webhook", "dead", "hook", "--field", "id"]).ok().trim() == ids[1]).then_some(())
    });
    assert_eq!(run(&["webhook", "discard", "hook", "--all", "--field", "discarded"]).ok().trim(), "1");
    run(&["webhook", "discard", "hook"]).refused(2, &["--id"]);
    run(&["webhook", "test", "../accounts"]).refused(2, &["no webhook's name"]);
    run(&["webhook", "show", "hook", "msg_../x"]).refused(2, &["no id of a message"]);
    run(&["webhook", "test", "other"]).refused(3, &["webhook"]);
    let log = served.process.err();
    assert!(!log.contains(&written(&SECRET)) && !log.contains("secret-path"), "{log}");
}
