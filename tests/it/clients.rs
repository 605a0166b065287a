//! In front of APIs that nobody here wrote: httpbin under gunicorn, and nginx, driven through the real
//! program by curl and by Python's requests. What is asked and expected is in `tests/clients/*.py`.

mod browser;

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::binary::{Install, done};
use crate::support::peers::{Peer, scripts, venv};
use crate::support::{Builder, Upstream};

#[test]
fn slow_httpbin_behind_the_gateway() {
    let upstream = Peer::httpbin();
    drive("httpbin_client.py", &upstream.address);
}

#[test]
fn slow_nginx_behind_the_gateway() {
    let site = TempDir::new().expect("a temporary directory");
    let mut make = Command::new(venv().join("bin/python"));
    done(make.current_dir(scripts()).args(["nginx_client.py", "--make-site"]).arg(site.path())).ok();
    let upstream = Peer::nginx("nginx.conf.in", site.path());
    drive("nginx_client.py", &upstream.address);
}

/// Runs a client's script against a gateway in front of `upstream`.
#[track_caller]
fn drive(script: &str, upstream: &str) {
    let install = Install::new(&format!("http://{upstream}"));
    install.configure(|text| {
        let public = "[[route]]\npath = \"/basic-auth/{*rest}\"\npublic = true\nupstream = \"api\"\n";
        format!("{}\n{public}", text.replace("max_body = \"10MiB\"", "max_body = \"unlimited\""))
    });
    let mut served = install.run();
    let mut client = Command::new(venv().join("bin/python"));
    client.current_dir(scripts()).arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
    client.args(["--base", &served.proxy_url(), "--gateway-pid", &served.process.id().to_string()]);
    for access in ["read", "write", "full"] {
        let token = served.admin.create(json!({"name": access, "grants": {"api": access}})).secret;
        client.args([format!("--token-{access}"), token]);
    }
    let ran = done(&mut client);
    assert_eq!(ran.code, 0, "{script}:\n{}{}", ran.out, ran.err);
    assert_eq!(served.process.stop("TERM"), Some(0));
}

/// nghttp2's own clients: a framed conversation, and many streams at once.
#[test]
fn slow_nghttp_and_h2load_before_the_gateway() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).start();
    let url = format!("http://{}/v1/devices/7", gateway.proxy);
    let bearer = format!("authorization: Bearer {}", gateway.token("full"));
    let said = done(Command::new("nghttp").args(["-H", &bearer, &url])).ok();
    assert_eq!(said.trim(), "{\"ok\":true}");
    let body = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(body.path(), "x".repeat(300_000)).expect("our own file");
    let path = body.path().to_str().expect("UTF-8").to_owned();
    assert_eq!(done(Command::new("nghttp").args(["-H", &bearer, "-d", &path, &url])).ok().trim(), "{\"ok\":true}");
    assert_eq!(upstream.last().body.len(), 300_000);
    upstream.take_seen();
    let said = done(Command::new("h2load").args(["-n", "4000", "-c", "20", "-m", "20", "-H", &bearer, &url])).ok();
    assert!(said.contains("4000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
    assert!(said.contains("status codes: 4000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{said}");
    assert_eq!(upstream.seen().len(), 4000, "one arrives for each");
    let refused = done(Command::new("h2load").args(["-n", "100", "-c", "5", "-m", "5", &url])).ok();
    assert!(refused.contains("status codes: 0 2xx, 0 3xx, 100 4xx, 0 5xx"), "{refused}");
    assert_eq!(upstream.seen().len(), 4000, "and none without a token");
}
