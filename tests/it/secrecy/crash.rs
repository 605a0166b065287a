//! What a process says when something in it breaks: a panic's text and backtrace, and values that are printed for
//! whoever looks for the fault.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keygate::config;
use keygate::model::{Kind, TokenPrefix, TokenText};

use super::canary::{Canary, Evidence};
use super::stage::write_private;
use crate::coherence::moody::Mood;
use crate::coherence::outage::Parts;
use crate::support::Builder;
use crate::support::binary::{done, variable};

const TOKEN: &str = "KEYGATE_TEST_CANARY";

fn unknown() -> String {
    TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness").expose().to_owned()
}

/// Run by the test below, in a process of its own, with a token that it knows; and by itself with another one.
#[test]
fn a_look_up_that_panics() {
    let parts = Parts::new();
    parts.store.be(Mood::Panics);
    let text = variable(TOKEN).unwrap_or_else(unknown);
    let (_, verdict) = parts.runtime.block_on(parts.verifier.verify(&text));
    let Err(error) = verdict else { panic!("a panic is no verdict") };
    println!("{error} {error:?}");
}

#[test]
fn a_panic_prints_nothing_of_the_token_that_it_was_about() {
    let text = unknown();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "secrecy::crash::a_look_up_that_panics", "--nocapture", "--test-threads=1"]);
    let ran = done(command.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace").env(TOKEN, &text));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("the database panics") && ran.err.contains("moody.rs"), "no backtrace: {ran:?}");
    assert!(ran.out.contains("the look-up was given up"), "{ran:?}");
    let mut evidence = Evidence::default();
    evidence.add("a panic's text", ran.out + &ran.err);
    evidence.assert_silent(&[Canary::token("the token", &text)]);
}

/// As they would stand in a message that somebody writes without a second thought.
#[test]
fn settings_that_are_printed_hold_no_secret() {
    let builder = Builder::new("http://127.0.0.1:1")
        .reveal_key()
        .policies("[[webhook]]\nname = \"hook\"\nurl = \"https://x.example\"\nsecret = { file = \"hook.secret\" }\n");
    let place = builder.directory();
    let pepper = "the canary of a pepper, long enough";
    write_private(&place.join("pepper"), pepper);
    let (hook, digits) = ("the secret of a webhook for tests!", STANDARD.encode("the secret of a webhook for tests!"));
    write_private(&place.join("hook.secret"), &format!("whsec_{digits}"));
    let path = place.join("keygate.toml");
    std::fs::write(&path, builder.text()).expect("a writable directory");
    let loaded = config::load(&path, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
    let mut evidence = Evidence::default();
    evidence.add("settings", format!("{:?}", loaded.settings));
    evidence.assert_silent(&[
        Canary::whole("the pepper", pepper),
        Canary::whole("the secret of a webhook", hook),
        Canary::whole("the key of copies", "a key for copies of tokens, which is long enough"),
    ]);
}
