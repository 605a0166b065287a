//! `keygate import`.

use std::fs;

use serde_json::{Value, json};

use super::line;
use crate::support::binary::{Done, Install, Served, done};
use crate::support::wait::eventually;
use crate::support::{Upstream, get};

fn managed(install: &Install, served: &Served, arguments: &[&str]) -> Done {
    done(&mut install.managed(served, arguments))
}

#[test]
fn the_command_tells_each_line_and_goes_on_where_it_was_broken_off() {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    let lines: Vec<String> = (0..450).map(|n| line(&format!("key-{n}"), "sha256", "hex").to_string()).collect();
    let mut file = lines.clone();
    file.insert(2, "not json".into());
    file.insert(3, lines[0].clone());
    file.insert(4, String::new());
    file.insert(5, json!({"hash": "00", "algorithm": "sha256", "grants": {"*": "read"}}).to_string());
    fs::write(install.path("part.jsonl"), lines[..300].join("\n")).expect("a file");
    fs::write(install.path("keys.jsonl"), file.join("\n")).expect("a file");
    let dry = managed(&install, &served, &["import", "part.jsonl", "--dry-run"]);
    assert_eq!(dry.ok(), "300 keys would be imported, 0 there already, 0 twice in the file, 0 refused\n");
    managed(&install, &served, &["import", "part.jsonl"]).ok();
    let all = managed(&install, &served, &["import", "keys.jsonl"]);
    assert_eq!(all.code, 1, "{all:?}");
    assert_eq!(all.out, "150 keys imported, 300 there already, 1 twice in the file, 2 refused\n");
    for told in [
        "line 1: there already, as tok_",
        "line 3: it is not JSON, from column",
        "line 4: the same key as line 1\n",
        "line 6: hash: has 1 bytes, and one of sha256 has 32",
    ] {
        assert!(all.err.contains(told), "no {told:?} in {}", all.err);
    }
    let lines = [&b"\xef\xbb\xbf"[..], lines[0].as_bytes(), b"\r\n\xff\xfe\n", lines[1].as_bytes(), b"\n"].concat();
    fs::write(install.path("odd.jsonl"), lines).expect("a file");
    let odd = managed(&install, &served, &["import", "odd.jsonl", "--output", "jsonl"]);
    assert_eq!(odd.code, 1, "{odd:?}");
    let told: Vec<Value> = odd.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<_> = told.iter().map(|line| (line["line"].clone(), line["status"].clone())).collect();
    let expected = [(2, "refused"), (1, "exists"), (3, "exists")].map(|(line, status)| (json!(line), json!(status)));
    assert_eq!(told, expected);
    assert!(odd.err.contains("line 2: it is not UTF-8"), "{}", odd.err);
    let weak =
        managed(&install, &served, &["token", "create", "weak", "--grant", "keygate.tokens=read", "-o", "raw"]).ok();
    let refused = done(install.managed(&served, &["import", "part.jsonl"]).env("KEYGATE_ADMIN_TOKEN", weak.trim()));
    refused.refused(4, &["error: line 1 and those behind it were not imported: "]);
}

/// The gateway is killed in the midst of it; whoever runs it again has every key once.
#[test]
fn slow_a_hundred_thousand_keys_survive_a_kill_in_the_midst() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let lines: Vec<String> =
        (0..100_000).map(|n| line(&format!("key-{n}"), "sha256", "base64url").to_string()).collect();
    fs::write(install.path("keys.jsonl"), lines.join("\n")).expect("a file");
    let mut first = install.managed(&served, &["import", "keys.jsonl"]);
    let first = first.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let first = first.expect("it starts");
    eventually("some keys", || {
        let page = served.admin.call("GET", "/v1/tokens?limit=200", None).json();
        page["next"].is_string().then_some(())
    });
    served.process.kill();
    let ended = first.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(69), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("run it again to go on"), "{ended:?}");
    let served = install.run();
    let summary = managed(&install, &served, &["import", "keys.jsonl", "-o", "json"]).json();
    let (created, exists) = (summary["created"].as_u64().unwrap_or(0), summary["exists"].as_u64().unwrap_or(0));
    assert!(created > 0 && exists >= 200 && created + exists == 100_000, "{summary}");
    for n in [0, 1, 49_999, 99_999] {
        assert_eq!(get(served.proxy, "/", &format!("key-{n}")).status, 200, "key-{n}");
    }
}
