//! The directory with all files, the upstream that all targets share, and how an nginx is started.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::http;
use crate::init::free_port;
use crate::machine::{self, LOAD_CPU};
use crate::process::Process;
use crate::shape::Shape;

/// What the upstream answers: 75 bytes, and for other sizes as much of it, again and again, as it takes.
const BODY: &str = r#"{"ok":true,"items":[1,2,3,4,5,6,7,8,9,10],"note":"hello from upstream 123"}"#;
/// nginx takes no longer parameter than 4,096 bytes, so longer bodies are put together from pieces of this size.
const PIECE: usize = 1024;
const PAUSE: Duration = Duration::from_millis(25);

/// What the upstream answers with for a size.
pub fn body(size: u32) -> String {
    let piece: String = BODY.chars().cycle().take(PIECE).collect();
    piece.chars().cycle().take(size as usize).collect()
}

#[derive(Debug)]
pub struct Bed {
    // Before the folder, so that it is stopped before its files go.
    _upstream: Process,
    pub upstream_port: u16,
    /// How many of the upstream's requests were questions for their number.
    asked: Cell<u64>,
    folder: TempDir,
}

impl Bed {
    pub fn new(shape: &Shape) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("keygate-data-path-").tempdir()?;
        // nginx's workers are another user when root starts them.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let port = free_port()?;
        let (pieces, rest) = (shape.answer as usize / PIECE, shape.answer as usize % PIECE);
        let piece = body(PIECE as u32);
        let server = format!(
            "set $piece '{piece}';
             location / {{ default_type application/json; return 200 '{}{}'; }}
             location = /stub_status {{ stub_status; }}",
            "$piece".repeat(pieces),
            &piece[..rest]
        );
        let upstream = start_nginx("upstream", folder.path(), LOAD_CPU, port, "", &server)?;
        Ok(Self { _upstream: upstream, upstream_port: port, asked: Cell::new(0), folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many requests the upstream has been sent so far by others. Waits for those that a load left under way.
    pub fn upstream_requests(&self) -> Outcome<u64> {
        let mut before = self.count()?;
        loop {
            thread::sleep(PAUSE);
            let now = self.count()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    fn count(&self) -> Outcome<u64> {
        self.asked.set(self.asked.get() + 1);
        let answer = http::exchange(self.upstream_port, "GET", "/stub_status", None, "")?;
        let counts = answer.body.lines().nth(2).and_then(|line| line.split_whitespace().nth(2));
        let counts = counts.ok_or_else(|| format!("no counts in nginx's status: {}", answer.body))?;
        Ok(counts.parse::<u64>()? - self.asked.get())
    }

    pub fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// An nginx with one worker that keeps connections for ever, and logs no request unless `http` says so.
pub fn start_nginx(name: &str, folder: &Path, cpu: &str, port: u16, http: &str, server: &str) -> Outcome<Process> {
    let d = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {d}/{name}.{kind};\n"))
        .collect();
    let log = if http.contains("access_log") { "" } else { "access_log off;" };
    let text = format!(
        "worker_processes 1; worker_rlimit_nofile 20000; daemon off; pid {d}/{name}.pid; error_log {d}/{name}.error;
events {{ worker_connections 16384; }}
http {{
{temporary}
 {log} keepalive_requests 1000000000; keepalive_timeout 600s;
 {http}
 server {{ listen 127.0.0.1:{port} backlog=4096;
 {server} }}
}}
"
    );
    let file = folder.join(format!("{name}.conf"));
    fs::write(&file, text)?;
    let (file, errors) = (file.display().to_string(), format!("{d}/{name}.error"));
    let mut process = Process::start(
        name,
        cpu,
        folder,
        &machine::require("nginx")?,
        &["-p", &d.to_string(), "-e", &errors, "-c", &file],
    )?;
    process.wait_for(port)?;
    Ok(process)
}
