//! The gateway as a program of its own: what signals do to it, and how much memory it takes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::gateway::Builder;

/// `keygate run`, with a store in memory.
pub struct Process {
    child: Child,
    pub proxy: SocketAddr,
    pub admin: SocketAddr,
    /// The first administrator's token.
    pub token: String,
    _directory: TempDir,
}

impl Process {
    pub fn start(builder: &Builder) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let pepper = directory.path().join("pepper");
        std::fs::write(&pepper, "a pepper for tests, which is long enough to be one").expect("a writable directory");
        std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        let text = builder.text().replace("kind = \"sled\"\npath = \"data\"", "kind = \"memory\"");
        let path = directory.path().join("keygate.toml");
        std::fs::write(&path, text.replace("level = \"warn\"", "level = \"info\"")).expect("a writable directory");
        let mut child = Command::new(env!("CARGO_BIN_EXE_keygate"))
            .args(["run", "--config"])
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built");
        let first = read_event(&mut BufReader::new(child.stdout.take().expect("piped")), "first_token");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let serving = read_event(&mut log, "serving");
        // Its log is read to the end, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let address = |field: &str| {
            let url = serving[field].as_str().unwrap_or_else(|| panic!("no {field} in {serving}"));
            url.rsplit('/').next().expect("a part").parse().expect("an address")
        };
        let token = first["token"].as_str().expect("a token").to_owned();
        Self { proxy: address("proxy"), admin: address("admin"), token, child, _directory: directory }
    }

    /// The resident memory, in kB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("there is a kill");
        assert!(sent.success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read_event(lines: &mut impl BufRead, event: &str) -> Value {
    let mut all = String::new();
    for line in lines.lines() {
        let line = line.expect("text");
        match serde_json::from_str::<Value>(&line) {
            Ok(value) if value["event"] == event => return value,
            _ => all.push_str(&line),
        }
    }
    panic!("the gateway ended before it said {event}: {all}")
}
