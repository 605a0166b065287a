//! Starts the release binary of Keygate as anybody would: `init`, `run`, and tokens made over the admin API.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Outcome;
use crate::http;
use crate::init::{KEYGATE, init};
use crate::machine::{self, TARGET_CPU};
use crate::peers::{Bed, TOKENS, Target, free_port};
use crate::process::Process;

pub fn start_keygate(bed: &Bed) -> Outcome<Target> {
    let folder = bed.path().join("keygate");
    let upstream = format!("http://127.0.0.1:{}", bed.upstream_port);
    let administrator = init(&folder, &upstream)?;
    let (port, admin_port) = (free_port()?, free_port()?);
    let file = folder.join("bench.toml");
    fs::write(&file, configuration(port, admin_port, &upstream))?;

    let arguments = ["run", "-c", &file.display().to_string()];
    let mut process = Process::start("keygate", TARGET_CPU, bed.path(), Path::new(KEYGATE), &arguments)?;
    process.wait_until("become ready", || {
        http::get(admin_port, "/readyz", None).is_ok_and(|answer| answer.status == 200)
    })?;

    let mut token = String::new();
    for number in 0..TOKENS {
        token = create_token(admin_port, &administrator, number)?;
    }
    let version = machine::version(Path::new(KEYGATE), "--version")?;
    Ok(Target { name: "keygate", version, port, token, process })
}

/// The pepper and the store are those that `init` made in the same directory.
fn configuration(port: u16, admin_port: u16, upstream: &str) -> String {
    format!(
        r#"version = 1

[listen.public]
address = "127.0.0.1:{port}"

[listen.admin]
address = "127.0.0.1:{admin_port}"

[store]
kind = "sled"
path = "data"

[tokens]
pepper = {{ file = "pepper" }}

[log]
access = "off"

[[upstream]]
name = "devices"
url = "{upstream}"

[[route]]
path = "/v1/{{*rest}}"
resource = "devices"
upstream = "devices"
"#
    )
}

fn create_token(admin_port: u16, administrator: &str, number: usize) -> Outcome<String> {
    let body = json!({
        "name": format!("load-{number}"),
        "kind": "service",
        "grants": {"*": "full"},
        "expires": "never",
    });
    let answer = http::post(admin_port, "/v1/tokens", administrator, &body.to_string())?;
    if answer.status != 201 {
        return Err(format!("creating a token: expected 201, came {}: {}", answer.status, answer.body).into());
    }
    let record: Value = serde_json::from_str(&answer.body)?;
    Ok(record["token"].as_str().ok_or("a created token without its text")?.to_owned())
}
