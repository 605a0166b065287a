//! In front of APIs that nobody here wrote: httpbin under gunicorn, and nginx, driven through the real
//! program by curl and by Python's requests. What is asked and expected is in `tests/clients/*.py`.

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::binary::{Install, done};
use crate::support::peers::{Peer, scripts, venv};

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
