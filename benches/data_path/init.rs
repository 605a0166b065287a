//! `keygate init`, as anybody would call it, and a port to listen on. Other benches use it as well.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;

pub const KEYGATE: &str = env!("CARGO_BIN_EXE_keygate");

/// Makes the pepper, the store and the first administrator token, which is returned.
pub fn init(folder: &Path, upstream: &str) -> Outcome<String> {
    let output = Command::new(KEYGATE)
        .arg("init")
        .arg("--dir")
        .arg(folder)
        .args(["--upstream", upstream, "-o", "json"])
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("keygate init ended with {}: {reason}", output.status).into());
    }
    let answer: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("keygate init gave no JSON: {error}"))?;
    Ok(answer["token"].as_str().ok_or("keygate init gave no token")?.to_owned())
}

/// A port that was free a moment ago: neither nginx nor HAProxy says which one it got when asked for any.
pub fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
