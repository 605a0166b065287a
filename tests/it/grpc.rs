//! gRPC through the gateway: what is called and answered is in `tests/clients/grpc_*.py`, which compares each
//! call with the same one made directly.

use std::process::Command;

use serde_json::json;

use crate::support::binary::done;
use crate::support::peers::{Peer, scripts, venv};
use crate::support::tls::Authority;
use crate::support::{Builder, Gateway};

const ROUTES: &str = r#"
[[upstream]]
name = "dead"
url = "http://127.0.0.1:1"
http = "2"

[[route]]
path = "/test.Calls/{*rest}"
resource = "devices"
action = "read"
upstream = "api"

[[route]]
path = "/slow.Calls/{*rest}"
resource = "devices"
action = "read"
upstream = "api"
timeout = "300ms"

[[route]]
path = "/dead.Calls/{*rest}"
resource = "devices"
action = "read"
upstream = "dead"
"#;

/// Runs the client between both; `ca`: what the server is verified by, if it speaks TLS.
fn compare(gateway: &Gateway, server: &str, ca: &str) {
    let full = gateway.admin.create(json!({"name": "calls", "grants": {"devices": "read"}}));
    let weak = gateway.admin.create(json!({"name": "weak", "grants": {"files": "full"}}));
    let limit = json!({"requests": 2, "window": "1h"});
    let twice = gateway.admin.create(json!({"name": "twice", "grants": {"devices": "read"}, "rate_limit": limit}));
    let account = full.record["account"].as_str().expect("an account");
    let mut client = Command::new(venv().join("bin/python"));
    client.current_dir(scripts()).arg("grpc_client.py").env("PYTHONDONTWRITEBYTECODE", "1");
    client.args([server, ca, &gateway.proxy.to_string(), &full.secret, &weak.secret, &twice.secret, account]);
    let ran = done(&mut client);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn slow_calls_pass_to_a_server_that_is_known_to_speak_http2() {
    let server = Peer::python("grpc_server.py");
    let builder = Builder::new(&format!("http://{}", server.address)).upstream("http = \"2\"").routes(ROUTES);
    compare(&builder.start(), &server.address, "-");
}

#[test]
fn slow_calls_pass_to_a_server_that_says_so_in_its_handshake() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    authority.write(&ca);
    authority.issue(&["127.0.0.1"]).write(directory.path());
    let mut server = Command::new(venv().join("bin/python"));
    server.arg("grpc_server.py").args(["key.pem", "certificate.pem"].map(|file| directory.path().join(file)));
    let server = Peer::start("Python", &mut server);
    let ca = ca.to_str().expect("UTF-8");
    let builder = Builder::new(&format!("https://{}", server.address)).upstream(&format!("tls = {{ ca = \"{ca}\" }}"));
    compare(&builder.routes(ROUTES).start(), &server.address, ca);
}
