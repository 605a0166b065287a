//! The chain of addresses in `X-Forwarded-For` and `Forwarded`.

use serde_json::json;

use crate::support::program::Program;
use crate::support::{Answer, Builder, Client, Gateway, Recorded, Upstream, eventually};

/// The tests' own address is a proxy's.
const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\"]";

fn gateway(upstream: &Upstream, lines: &str) -> Gateway {
    Builder::new(&upstream.url()).forwarding(lines).start()
}

fn ask(gateway: &Gateway, headers: &[(&str, &str)]) -> Answer {
    Client::connect(gateway.proxy).request("GET", "/public/logo", headers, b"")
}

/// What reached the upstream of a request with these headers.
#[track_caller]
fn seen(gateway: &Gateway, upstream: &Upstream, headers: &[(&str, &str)]) -> Recorded {
    let answer = ask(gateway, headers);
    assert_eq!(answer.status, 200, "{}", answer.text());
    upstream.last()
}

/// These headers of it, each once or not at all.
#[track_caller]
fn told(seen: &Recorded, names: [&str; 4]) -> [Option<String>; 4] {
    names.map(|name| {
        assert!(seen.count(name) <= 1, "{name} stands once: {:?}", seen.headers);
        seen.header(name).map(str::to_owned)
    })
}

const NAMES: [&str; 4] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"];

fn texts(texts: [&str; 4]) -> [Option<String>; 4] {
    texts.map(|text| if text.is_empty() { None } else { Some(text.to_owned()) })
}

#[test]
fn an_upstream_is_told_the_part_of_a_chain_that_is_believed() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, TRUSTED);
    let own = "127.0.0.1";
    for (chain, expected) in [
        ("192.0.2.7", "192.0.2.7, 127.0.0.1"),
        ("6.6.6.6, 192.0.2.7, 10.1.2.3", "192.0.2.7, 10.1.2.3, 127.0.0.1"),
        ("10.1.2.3", "10.1.2.3, 127.0.0.1"),
        ("[2001:db8::7]:4711, fd00::1", "2001:db8::7, fd00::1, 127.0.0.1"),
        ("192.0.2.7, unknown", own),
        ("192.0.2.7, 10.1.2.3;", own),
    ] {
        let headers = [("X-Forwarded-For", chain), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "b:8443")];
        let told = told(&seen(&gateway, &upstream, &headers), NAMES);
        let rest = if expected == own { ["http", "gateway.localhost"] } else { ["https", "b:8443"] };
        assert_eq!(told, texts([expected, rest[0], rest[1], ""]), "{chain}");
    }
    // What is no scheme and no host is not passed on, and neither is what no proxy is believed about.
    let odd = [
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Host", "a/../b"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Original-URL", "/evil"),
        ("X_Forwarded_For", "192.0.2.7"),
        ("Forwarded", "for=192.0.2.7"),
        ("X-Real-IP", "192.0.2.7"),
    ];
    let seen = seen(&gateway, &upstream, &odd);
    assert_eq!(told(&seen, NAMES), texts([own, "http", "gateway.localhost", ""]));
    for name in ["x-forwarded-port", "x-forwarded-prefix", "x-original-url", "x_forwarded_for", "x-real-ip"] {
        assert_eq!(seen.header(name), None);
    }
}

#[test]
fn one_of_the_two_headers_is_read_and_the_other_never() {
    let upstream = Upstream::start();
    let both = [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.2;proto=https;host=b")];
    let plain = gateway(&upstream, TRUSTED);
    let [addresses, scheme, ..] = told(&seen(&plain, &upstream, &both), NAMES);
    assert_eq!((addresses.as_deref(), scheme.as_deref()), (Some("192.0.2.1, 127.0.0.1"), Some("http")));
    let standard = gateway(&upstream, &format!("{TRUSTED}\ntrusted_header = \"forwarded\"\n"));
    let told_of = |headers: &[(&str, &str)]| told(&seen(&standard, &upstream, headers), NAMES);
    assert_eq!(told_of(&both), texts(["192.0.2.2, 127.0.0.1", "https", "b", ""]));
    assert_eq!(
        told_of(&both[..1]),
        texts(["127.0.0.1", "http", "gateway.localhost", ""]),
        "not even where the other is absent"
    );
}

#[test]
fn an_upstream_is_told_in_the_headers_that_it_wants() {
    let upstream = Upstream::start();
    let from =
        [("X-Forwarded-For", "2001:db8::7, 10.1.2.3"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a:8080")];
    let own = [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-Host", "evil")];
    let long = "for=\"[2001:db8::7]\";host=\"a:8080\";proto=https, for=10.1.2.3, for=127.0.0.1";
    let addresses = "2001:db8::7, 10.1.2.3, 127.0.0.1";
    for (emit, first, second) in [
        ("x-forwarded", [addresses, "https", "a:8080", ""], ["127.0.0.1", "http", "gateway.localhost", ""]),
        ("forwarded", ["", "", "", long], ["", "", "", "for=127.0.0.1;host=gateway.localhost;proto=http"]),
        (
            "both",
            [addresses, "https", "a:8080", long],
            ["127.0.0.1", "http", "gateway.localhost", "for=127.0.0.1;host=gateway.localhost;proto=http"],
        ),
        ("none", [""; 4], [""; 4]),
    ] {
        let trusting = gateway(&upstream, &format!("{TRUSTED}\nemit = \"{emit}\"\n"));
        assert_eq!(told(&seen(&trusting, &upstream, &from), NAMES), texts(first), "{emit}");
        let alone = gateway(&upstream, &format!("emit = \"{emit}\""));
        assert_eq!(told(&seen(&alone, &upstream, &own), NAMES), texts(second), "{emit}, and nobody is trusted");
    }
}

#[test]
fn a_limit_counts_the_client_and_not_the_proxy() {
    let upstream = Upstream::start();
    let routes = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\n\
                  rate_limit = { quota = 2, window = \"1h\" }\n";
    let gateway = Builder::new(&upstream.url()).forwarding(TRUSTED).routes(routes).start();
    let from = |chain: &str| ask(&gateway, &[("X-Forwarded-For", chain)]).status;
    for chain in ["192.0.2.1", "192.0.2.2", "192.0.2.3, 10.1.2.3"] {
        assert_eq!([from(chain), from(chain), from(chain)], [200, 200, 429], "{chain}");
    }
    assert_eq!(from("1.1.1.1, 192.0.2.1"), 429, "whatever it claims in front");
    // A whole /64 is one client.
    assert_eq!([from("2001:db8::1"), from("2001:db8::2"), from("2001:db8::3")], [200, 200, 429]);
    // A chain that is not believed counts for the proxy.
    assert_eq!([from("x"), from("y"), from("z")], [200, 200, 429]);
}

#[test]
fn the_log_and_the_use_of_a_token_name_the_client() {
    let upstream = Upstream::start();
    let program = Program::start(Builder::new(&upstream.url()).forwarding(TRUSTED));
    let token = program.admin.create(json!({"name": "t", "grants": {"devices": "read"}}));
    let credential = format!("Bearer {}", token.secret);
    let headers = [("Authorization", credential.as_str()), ("X-Forwarded-For", "evil, 192.0.2.7, 10.1.2.3")];
    assert_eq!(Client::connect(program.proxy).request("GET", "/v1/devices/7", &headers, b"").status, 200);
    eventually("the use is known", || {
        let usage = program.admin.call("GET", &format!("/v1/tokens/{}/usage", token.id), None).json();
        (usage["peers"][0]["peer"] == "192.0.2.7").then_some(())
    });
    let written = program.terminate();
    let line: serde_json::Value = serde_json::from_str(&written.log[0]).expect("a line of the log");
    assert_eq!(line["client_ip"], "192.0.2.7", "{line}");
}

#[test]
fn the_management_api_notes_the_client_too() {
    let upstream = Upstream::start();
    let trusting = gateway(&upstream, TRUSTED);
    let make = |gateway: &Gateway, name: &str| {
        let credential = format!("Bearer {}", gateway.admin.token);
        let headers = [
            ("Authorization", credential.as_str()),
            ("Content-Type", "application/json"),
            ("X-Forwarded-For", "6.6.6.6, 192.0.2.7"),
        ];
        let body = json!({"name": name, "grants": {"devices": "read"}}).to_string();
        let mut client = Client::connect(gateway.admin.address);
        assert_eq!(client.request("POST", "/v1/tokens", &headers, body.as_bytes()).status, 201);
        let entries = gateway.admin.call("GET", "/v1/audit?action=token.create", None).json();
        let entries = entries["items"].as_array().expect("a list").clone();
        entries.into_iter().find(|entry| entry.to_string().contains(name)).expect("an entry")
    };
    let entry = make(&trusting, "by-proxy");
    assert!(entry.to_string().contains("\"192.0.2.7\""), "{entry}");
    let entry = make(&gateway(&upstream, ""), "by-nobody");
    assert!(entry.to_string().contains("\"127.0.0.1\"") && !entry.to_string().contains("192.0.2.7"), "{entry}");
}
