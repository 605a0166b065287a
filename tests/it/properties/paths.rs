//! Promise: no decision differs from what any reference reader makes of the bytes that were sent.

use std::collections::BTreeMap;

use super::Chances;
use super::readers::READERS;
use crate::support::{Builder, Gateway, Upstream, Wire};

const TARGETS: usize = 10_000;

/// Each route has an upstream of its own: where a request arrives is what was decided.
const ROUTES: [(&str, &str); 7] = [
    ("root", "/"),
    ("any", "/{*rest}"),
    ("admin", "/admin"),
    ("below-admin", "/admin/{*rest}"),
    ("public", "/public/{*rest}"),
    ("device", "/v1/devices/{id}"),
    ("config", "/v1/devices/{id}/config"),
];

/// The route of a path that is settled, by a reading of the patterns that shares nothing with the gateway's.
fn route_of(path: &[u8]) -> Option<&'static str> {
    let segments: Vec<&[u8]> = path.strip_prefix(b"/")?.split(|&byte| byte == b'/').collect();
    let full = |segment: &[u8]| !segment.is_empty();
    Some(match segments.as_slice() {
        [b""] => "root",
        [b"admin"] => "admin",
        [b"admin", first, rest @ ..] if full(first) || !rest.is_empty() => "below-admin",
        [b"public", first, rest @ ..] if full(first) || !rest.is_empty() => "public",
        [b"v1", b"devices", id] if full(id) => "device",
        [b"v1", b"devices", id, b"config"] if full(id) => "config",
        _ => "any",
    })
}

struct Stage {
    upstreams: BTreeMap<&'static str, Upstream>,
    gateway: Gateway,
    token: String,
    client: Option<Wire>,
}

/// What became of a request.
enum Outcome {
    /// The route, and the target that its upstream got.
    Sent(&'static str, String),
    Refused,
}

impl Stage {
    fn new() -> Self {
        let upstreams: BTreeMap<_, _> = ROUTES.map(|(name, _)| (name, Upstream::start())).into();
        let tables: String = ROUTES
            .iter()
            .map(|(name, path)| {
                let url = upstreams[name].url();
                let access = if *name == "public" { "public = true" } else { "resource = \"all\"" };
                format!(
                    "[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\n\
                     [[route]]\nname = \"{name}\"\npath = \"{path}\"\n{access}\nupstream = \"{name}\"\n"
                )
            })
            .collect();
        let gateway = Builder::new(&upstreams["root"].url()).routes(&tables).start();
        let token = gateway.token("full");
        Self { upstreams, gateway, token, client: None }
    }

    fn send(&mut self, target: &[u8]) -> Outcome {
        let client = self.client.get_or_insert_with(|| Wire::connect(self.gateway.proxy));
        let head = format!(" HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: Bearer {}\r\n\r\n", self.token);
        client.send([b"GET ", target, head.as_bytes()].concat());
        let answer = client.read_answer("GET");
        let shown = String::from_utf8_lossy(target).into_owned();
        if answer.header("connection") == Some("close") {
            self.client = None;
        }
        let mut arrived = self
            .upstreams
            .iter()
            .flat_map(|(name, upstream)| upstream.take_seen().into_iter().map(|request| (*name, request.line)));
        match (answer.status, arrived.next(), arrived.next()) {
            (200, Some((route, line)), None) => {
                let target = line.strip_prefix("GET ").and_then(|line| line.strip_suffix(" HTTP/1.1"));
                Outcome::Sent(route, target.unwrap_or_else(|| panic!("{shown}: {line:?}")).to_owned())
            }
            (400, None, None) => Outcome::Refused,
            (status, first, second) => panic!("{shown}: {status}, and {first:?}, {second:?} arrived"),
        }
    }
}

/// Pieces that readers are known to differ on, between words that routes are made of.
const WORDS: [&str; 10] = ["admin", "public", "v1", "devices", "config", "7", "x", "ADMIN", "", "admin."];
const JOINTS: [&str; 24] = [
    "/", "/", "/", "/", "/", "/", "/", "/", "//", "/./", "/../", "/%2e/", "/%2E%2e/", "/.%2e/", "%2f", "%5C", "\\",
    ";/", ";x=y/", "/..;/", "%2f..%2f", "?", "#", "/%",
];
const ENDS: [&str; 24] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "/",
    "?a=b",
    "?/../admin",
    "?a#b",
    "#x",
    ";x",
    ";x=/../admin",
    "%3Bx",
    "%00",
    "%20",
    "%zz",
    "%25",
    "%252e",
    "/..",
    "/%2e%2e",
    "%c0%af",
    "\u{e9}",
    "..",
];
/// Targets of each route, to be changed.
const WHOLE: [&str; 8] = [
    "/",
    "/admin",
    "/admin/x",
    "/public/x",
    "/v1/devices/7",
    "/v1/devices/7/config",
    "/v1/dev%69ces/7",
    "/v1/devices/7/c%6Fnfig",
];
const STARTS: [&str; 12] =
    ["/", "/", "/", "/", "/", "/", "/", "//", "", "http://gateway.test/", "http://gateway.test", "/\\"];

fn target(chances: &mut Chances) -> Vec<u8> {
    let mut text = String::from(*chances.one_of(&STARTS));
    if chances.once_in(2) {
        text = chances.one_of(&WHOLE).to_string();
    }
    let words = chances.random.usize(..4);
    for at in 0..words {
        if at > 0 || text.len() > 1 {
            let joint = if chances.once_in(3) { *chances.one_of(&JOINTS) } else { "/" };
            text.push_str(joint);
        }
        let word = *chances.one_of(&WORDS);
        match chances.random.usize(..8) {
            0 => encode_some(chances, &mut text, word),
            _ => text.push_str(word),
        }
    }
    if chances.once_in(3) {
        let end = *chances.one_of(&ENDS);
        text.push_str(end);
    }
    let mut target = text.into_bytes();
    if chances.once_in(16) {
        let at = chances.random.usize(..=target.len());
        // Anything but what ends a line or a target.
        let byte = chances.random.u8(0x21..);
        target.insert(at, byte);
    }
    target
}

fn encode_some(chances: &mut Chances, text: &mut String, word: &str) {
    for byte in word.bytes() {
        match chances.random.usize(..4) {
            0 => text.push_str(&format!("%{byte:02x}")),
            1 => text.push_str(&format!("%{byte:02X}")),
            _ => text.push(char::from(byte)),
        }
    }
}

#[test]
fn slow_every_reader_finds_the_route_that_was_decided_on() {
    let mut chances = Chances::new();
    let mut stage = Stage::new();
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..TARGETS {
        let target = target(&mut chances);
        let shown = String::from_utf8_lossy(&target).into_owned();
        let (decided, sent) = match stage.send(&target) {
            Outcome::Refused => {
                *reached.entry("refused").or_default() += 1;
                continue;
            }
            Outcome::Sent(route, sent) => (route, sent),
        };
        *reached.entry(decided).or_default() += 1;
        for reader in &READERS {
            let read = (reader.read)(&sent);
            let route = read.as_deref().and_then(route_of);
            assert_eq!(
                route,
                Some(decided),
                "{shown:?} was sent as {sent:?}, in which {} reads {:?}",
                reader.name,
                read.map(|path| String::from_utf8_lossy(&path).into_owned())
            );
        }
    }
    let all = ROUTES.map(|(name, _)| name);
    assert!(all.iter().all(|name| reached.get(name).is_some_and(|&count| count >= 20)), "{reached:?}");
    assert!(reached["refused"] > TARGETS / 5 && reached["refused"] < TARGETS * 4 / 5, "{reached:?}");
}
