//! Python's `websockets` on both sides of the gateway: what is said is in `tests/clients/websocket_*.py`.

use std::process::Command;

use serde_json::json;

use super::stage::ROUTES;
use crate::support::Builder;
use crate::support::binary::done;
use crate::support::peers::{Peer, scripts, venv};

#[test]
fn slow_websockets_behind_the_gateway() {
    let upstream = Peer::python("websocket_server.py");
    let gateway = Builder::new(&format!("http://{}", upstream.address)).routes(ROUTES).start();
    let create = |name: &str| gateway.admin.create(json!({"name": name, "grants": {"devices": "read"}}));
    let (stays, goes) = (create("stays"), create("goes"));
    let mut client = Command::new(venv().join("bin/python"));
    client.current_dir(scripts()).arg("websocket_client.py").env("PYTHONDONTWRITEBYTECODE", "1");
    client.arg(format!("ws://{}", gateway.proxy)).args([&stays.secret, &goes.secret, &goes.id]);
    client.args([format!("http://{}", gateway.admin.address), gateway.admin.token.clone()]);
    let ran = done(&mut client);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
