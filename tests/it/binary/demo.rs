//! `keygate demo`: what it prints is true, and nothing of it is left behind.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::binary::{Running, done, keygate};
use crate::support::{eventually, get};

const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

fn demo(temporary: &TempDir, arguments: &[&str]) -> Running {
    Running::start(keygate().arg("demo").args(arguments).env("TMPDIR", temporary.path()))
}

fn is_empty(directory: &Path) -> bool {
    directory.read_dir().expect("a directory").next().is_none()
}

#[test]
fn one_line_for_programs_and_then_it_serves() {
    let temporary = TempDir::new().expect("a directory");
    let mut demo = demo(&temporary, &["-o", "json"]);
    let line = demo.first_line();
    let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let proxy = told["proxy"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let admin = told["admin"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let (proxy, admin) = (proxy.parse().expect("an address"), admin.parse().expect("an address"));
    let token = |name: &str| told["tokens"][name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
    assert_eq!(get(proxy, "/v1/devices", &token("read")).json()["total"], 4);
    assert_eq!(get(proxy, "/v1/devices", &token("full")).status, 200);
    assert_eq!(get(proxy, "/v1/devices", &token("write")).status, 403);
    assert_eq!(get(admin, "/v1/tokens", &token("admin")).status, 200);
    assert_eq!(get(admin, "/v1/tokens", &token("full")).status, 403, "a full token of the API is no administrator");
    assert!(!is_empty(temporary.path()));
    assert_eq!(demo.stop("INT"), Some(0));
    assert_eq!(demo.out(), line, "nothing but the one line on standard output");
    assert!(is_empty(temporary.path()), "the demo's directory is removed");
}

/// The statuses that the printed commands promise, and those that they get, run as they stand there.
#[test]
fn every_printed_command_does_what_stands_beside_it() {
    let temporary = TempDir::new().expect("a directory");
    let mut demo = demo(&temporary, &FREE_PORTS);
    let text = eventually("the story", || Some(demo.out()).filter(|out| out.contains(" token list\n")));
    let mut promised = 0;
    for line in text.lines().filter(|line| line.trim_start().starts_with("curl ")) {
        let expected = line.rsplit_once("# ").expect("an expectation").1;
        let answer = shell(line);
        assert!(answer.starts_with(&format!("HTTP/1.1 {} ", &expected[..3])), "{line}\n{answer}");
        promised += 1;
    }
    assert_eq!(promised, 10, "{text}");
    let list = text.lines().find(|line| line.trim_end().ends_with("/keygate token list")).expect("the command");
    let listed = shell(list);
    for shown in ["first administrator", "demo read", "revoked"] {
        assert!(listed.contains(shown), "no {shown} in {listed}");
    }
    assert_eq!(demo.stop("INT"), Some(0));
    let next = format!("Next: `{} init` for your own API.\n", env!("CARGO_BIN_EXE_keygate"));
    assert!(demo.out().ends_with(&next), "{}", demo.out());
    assert_eq!(demo.err(), "");
    assert!(is_empty(temporary.path()), "the demo's directory is removed");
}

/// A line as a person would paste it.
#[track_caller]
fn shell(line: &str) -> String {
    done(Command::new("sh").env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").args(["-c", line])).ok()
}

#[test]
fn a_taken_port_is_told_and_another_is_used() {
    let temporary = TempDir::new().expect("a directory");
    let hold = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (public, admin) = (hold(), hold());
    let address = |listener: &TcpListener| listener.local_addr().expect("bound").to_string();
    let arguments = ["-o", "json", "--listen", &address(&public), "--admin-listen", &address(&admin)];
    let mut demo = demo(&temporary, &arguments);
    let told: Value = serde_json::from_str(&demo.first_line()).expect("JSON");
    let expected: String = [(&public, "proxy"), (&admin, "admin")]
        .iter()
        .map(|(taken, name)| {
            let taken = taken.local_addr().expect("bound").port();
            let url = told[*name].as_str().expect("a URL");
            format!("port {taken} is taken; using {}\n", url.rsplit_once(':').expect("a port").1)
        })
        .collect();
    assert_eq!(demo.stop("TERM"), Some(0));
    assert_eq!(demo.err(), expected);
}
