//! No secret is told anywhere but where it is handed out: a gateway with every kind of them is fed with all of them
//! in every place, and then everything that it ever wrote, answered or left behind is searched.
//!
//! What is searched for is the part of a secret that nobody could guess, by its beginning and by its end, in any
//! case, plain, percent-encoded, in Base64, in hexadecimal and as numbers.

mod calls;
mod canary;
mod crash;
mod stage;
mod start;
mod traffic;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use self::canary::{Canary, Evidence};
use self::stage::Stage;
use crate::support::{Gateway, Upstream, watch};

/// The files in which an operator put secrets.
const FILES_OF_SECRETS: [&str; 3] = ["pepper", "reveal.key", "hook.secret"];
/// A text that nobody has to hide, as hard to meet by chance as the others.
const MARKER: &str = "aMarkerThatMayStandAnywhereAndIsFound";

impl Stage {
    /// Ends the gateway, and adds what it wrote and left.
    fn end(self) -> (Evidence, Vec<Canary>) {
        let Self { program, mut evidence, canaries, .. } = self;
        let written = program.terminate();
        evidence.add("standard output", written.log.join("\n"));
        evidence.add("standard error", written.messages.join("\n"));
        evidence.add_files(written.builder.directory(), &FILES_OF_SECRETS);
        (evidence, canaries)
    }
}

/// A name that is shown, a path that is logged, a message that is given on: what is searched is not empty, and what
/// stands in it is found.
fn mark(stage: &mut Stage) {
    let made = stage.program.admin.create(json!({"name": MARKER, "grants": {"*": "read"}}));
    let bearer = format!("Bearer {}", made.secret);
    stage.canaries.push(Canary::token("the token of the marker", &made.secret));
    let path = format!("/v1/devices/{MARKER}");
    crate::support::Client::connect(stage.program.proxy).request("GET", &path, &[("Authorization", &bearer)], b"");
}

#[test]
fn slow_no_secret_is_told_wherever_it_is_put() {
    let mut stage = Stage::new();
    mark(&mut stage);
    stage.plant_in_requests();
    stage.plant_in_streams();
    stage.plant_in_raw_cases();
    stage.plant_in_http2();
    stage.plant_in_calls();
    stage.look_around();
    let (evidence, canaries) = stage.end();
    evidence.assert_silent(&canaries);

    let marked: Vec<_> = evidence.search(&[Canary::whole("the marker", MARKER)]);
    for place in [
        "standard output",
        "standard error",
        "answer to /v1/tokens",
        "answer to /v1/audit",
        "file data/",
        "file data.audit/",
    ] {
        assert!(evidence.has(place), "nothing was found at {place}");
        if place != "standard error" {
            assert!(marked.iter().any(|find| find.place.starts_with(place)), "{place} was not searched: {marked:?}");
        }
    }
    for place in [
        "answer to /metrics",
        "what a webhook was told",
        "answer to the raw case",
        "answer over HTTP/2",
        "process cmdline",
        "file data.anchor",
    ] {
        assert!(evidence.has(place), "nothing was found at {place}");
    }
    every_place_is_searched(&evidence, &canaries);
}

/// The same secrets at the end of every place, in each form: each is found in each.
fn every_place_is_searched(evidence: &Evidence, canaries: &[Canary]) {
    let canary = &canaries[..1];
    let text = &canary[0].text;
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let numbers = format!("{:?}", text.as_bytes());
    let base64 = |before: &str| STANDARD.encode(format!("{before}{text} and more"));
    let end = &text[text.len() - 36..text.len() - 6];
    for (form, told) in [
        ("plain", text.clone()),
        ("in small letters", text.to_ascii_lowercase()),
        ("its end", end[15..].to_owned()),
        ("its beginning", end[..15].to_owned()),
        ("percent-encoded", percent),
        ("in hexadecimal", hex),
        ("as numbers", numbers),
        ("in Base64", base64("")),
        ("in Base64 with one before it", base64("x")),
        ("in Base64 with two before it", base64("xy")),
    ] {
        let finds = evidence.with(&told).search(canary);
        assert_eq!(finds.len(), evidence.places().count(), "{form}: it is not found everywhere");
    }
}

/// What looks at the gateways of all other tests finds what they might tell.
#[test]
fn whatever_a_gateway_of_these_tests_says_is_looked_at() {
    let before = watch::looked_at();
    let gateway = Gateway::start(&Upstream::start().url());
    let secret = gateway.token("read");
    let body = &secret[secret.len() - 36..secret.len() - 6];
    for line in [secret.clone(), format!("{{\"x\":\"{body}\"}}"), format!("x{body}y"), format!("a/{secret}?b")] {
        assert_eq!(watch::token_in(line.as_bytes()).as_deref(), Some(body), "{line}");
    }
    assert_eq!(watch::token_in(&body.as_bytes()[1..]), None);
    gateway.request("GET", "/v1/devices/%2e%2e", Some(&secret));
    drop(gateway);
    assert!(watch::looked_at() > before, "no line of a gateway in this process is looked at");
}
