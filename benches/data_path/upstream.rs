//! The directory with all files, the upstream that all targets share, and how an nginx is started.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::bulk::BulkUpstream;
use crate::exchange::Door;
use crate::identity::{self, Identity};
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
    nginx: Option<Process>,
    pub bulk: Option<BulkUpstream>,
    pub upstream_port: u16,
    /// How many of the upstream's requests were questions for their number.
    asked: Cell<u64>,
    /// What the targets show, where they speak TLS.
    pub identity: Option<Identity>,
    folder: TempDir,
}

impl Bed {
    pub fn new(shape: &Shape) -> Outcome<Self> {
        if shape.bulk.is_some() {
            let bulk = BulkUpstream::start(shape.mib)?;
            return Ok(Self { upstream_port: bulk.port, bulk: Some(bulk), ..Self::before(shape, 0)? });
        }
        let port = free_port()?;
        let bed = Self::before(shape, port)?;
        Ok(Self { nginx: Some(start_upstream(shape, bed.path(), port)?), ..bed })
    }

    /// Where something else is the upstream, on this port.
    pub fn before(shape: &Shape, upstream_port: u16) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("keygate-data-path-").tempdir()?;
        // nginx's workers are another user when root starts them.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let identity = if shape.has_tls() { Some(Identity::write(folder.path())?) } else { None };
        Ok(Self { nginx: None, bulk: None, upstream_port, asked: Cell::new(0), identity, folder })
    }

    /// How a target is spoken to that listens on this port.
    pub fn door(&self, shape: &Shape, port: u16) -> Outcome<Door> {
        let tls = self.identity.as_ref().map(|identity| identity::client(&identity.certificate)).transpose()?;
        Ok(Door { port, tls: tls.map(Arc::new), http2: shape.http2.is_some() })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many requests nginx has been sent so far by others, if it is the upstream. Waits for those that a load left under way.
    pub fn upstream_requests(&self) -> Outcome<u64> {
        if self.nginx.is_none() {
            return Ok(0);
        }
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
        let answer = Door::plain(self.upstream_port).exchange("GET", "/stub_status", None, "")?;
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

/// Answers every request from memory.
fn start_upstream(shape: &Shape, folder: &Path, port: u16) -> Outcome<Process> {
    let (pieces, rest) = (shape.answer as usize / PIECE, shape.answer as usize % PIECE);
    let piece = body(PIECE as u32);
    let server = format!(
        "set $piece '{piece}';
             location / {{ default_type application/json; return 200 '{}{}'; }}
             location = /stub_status {{ stub_status; }}",
        "$piece".repeat(pieces),
        &piece[..rest]
    );
    let nginx = Nginx { name: "upstream", cpu: LOAD_CPU, port, listen: "", http: "", server: &server };
    nginx.start(folder)
}

/// An nginx with one worker that keeps connections for ever, and logs no request unless `http` says so.
pub struct Nginx<'a> {
    pub name: &'a str,
    pub cpu: &'a str,
    pub port: u16,
    /// What stands behind the address of `listen`.
    pub listen: &'a str,
    /// Lines for `http`, and for `server` in it.
    pub http: &'a str,
    pub server: &'a str,
}

impl Nginx<'_> {
    pub fn start(&self, folder: &Path) -> Outcome<Process> {
        let Self { name, cpu, port, listen, http, server } = *self;
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
 server {{ listen 127.0.0.1:{port} {listen} backlog=4096;
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
}
