//! The upstream that all share, and the peers: nginx and HAProxy with a thousand tokens in a map.

use std::fmt::Write;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tempfile::TempDir;

use crate::Outcome;
use crate::http;
use crate::machine::{self, LOAD_CPU, TARGET_CPU};
use crate::process::Process;

/// What every target is asked for.
pub const PATH: &str = "/v1/devices/42";
/// What the upstream answers: 75 bytes.
const BODY: &str = r#"{"ok":true,"items":[1,2,3,4,5,6,7,8,9,10],"note":"hello from upstream 12"}"#;
/// How many tokens each target knows.
pub const TOKENS: usize = 1000;

/// A gateway that runs and can be asked.
#[derive(Debug)]
pub struct Target {
    pub name: &'static str,
    pub version: String,
    pub port: u16,
    pub token: String,
    pub process: Process,
}

impl Target {
    /// Makes sure that it forwards with the token, and refuses without one and with another.
    pub fn probe(&self) -> Outcome<()> {
        let wrong = "0".repeat(self.token.len());
        for (token, status) in [(Some(self.token.as_str()), 200), (None, 401), (Some(wrong.as_str()), 401)] {
            let answer = http::get(self.port, PATH, token).map_err(|error| format!("{}: {error}", self.name))?;
            if answer.status != status || (status == 200 && answer.body != BODY) {
                let with = if token.is_none() {
                    "no"
                } else if status == 200 {
                    "a valid"
                } else {
                    "a wrong"
                };
                let came = format!("{}: {}", answer.status, answer.body);
                return Err(format!("{} with {with} token: expected {status}, came {came}", self.name).into());
            }
        }
        Ok(())
    }
}

/// The directory with all files, and the upstream.
#[derive(Debug)]
pub struct Bed {
    // Before the folder, so that it is stopped before its files go.
    _upstream: Process,
    pub upstream_port: u16,
    folder: TempDir,
}

impl Bed {
    pub fn new() -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("keygate-data-path-").tempdir()?;
        // nginx's workers are another user when root starts them.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let port = free_port()?;
        let server = format!(
            "location / {{ default_type application/json; return 200 '{BODY}'; }}
             location = /stub_status {{ stub_status; }}"
        );
        let upstream = start_nginx("upstream", folder.path(), LOAD_CPU, port, "", &server)?;
        Ok(Self { _upstream: upstream, upstream_port: port, folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How many requests the upstream has been sent so far.
    pub fn upstream_requests(&self) -> Outcome<u64> {
        let answer = http::get(self.upstream_port, "/stub_status", None)?;
        let counts = answer.body.lines().nth(2).and_then(|line| line.split_whitespace().nth(2));
        Ok(counts.ok_or_else(|| format!("no counts in nginx's status: {}", answer.body))?.parse()?)
    }

    /// Those of the peers that are installed.
    pub fn peers(&self) -> Outcome<Vec<Target>> {
        let tokens = (0..TOKENS).map(|_| random_token()).collect::<Outcome<Vec<String>>>()?;
        let mut peers = vec![self.nginx(&tokens)?];
        if let Some(program) = machine::find("haproxy") {
            peers.push(self.haproxy(&program, &tokens)?);
        }
        Ok(peers)
    }

    fn nginx(&self, tokens: &[String]) -> Outcome<Target> {
        let mut map = String::new();
        for token in tokens {
            writeln!(map, "\"Bearer {token}\" 1;")?;
        }
        let map_file = self.write("nginx.map", &map)?;
        let http = format!(
            "map_hash_bucket_size 128; map_hash_max_size 8192;
             map $http_authorization $allowed {{ default 0; include {}; }}
             upstream devices {{ server 127.0.0.1:{}; keepalive 256; keepalive_requests 1000000000; }}",
            map_file.display(),
            self.upstream_port
        );
        let server = "location / { if ($allowed = 0) { return 401; }
             proxy_pass http://devices; proxy_http_version 1.1; proxy_set_header Connection \"\";
             proxy_set_header Authorization \"\"; proxy_set_header X-Forwarded-For $remote_addr; }";
        let port = free_port()?;
        Ok(Target {
            name: "nginx",
            version: machine::version(&machine::require("nginx")?, "-v")?,
            port,
            token: tokens[0].clone(),
            process: start_nginx("nginx", self.path(), TARGET_CPU, port, &http, server)?,
        })
    }

    fn haproxy(&self, program: &Path, tokens: &[String]) -> Outcome<Target> {
        let keys = self.write("haproxy.map", &hashed_map(tokens)?)?;
        let port = free_port()?;
        let text = format!(
            "global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
  option forwardfor
frontend public
  bind 127.0.0.1:{port} backlog 4096
  http-request set-var(req.account) req.hdr(authorization),word(2,' '),sha2(256),hex,map_str({keys})
  http-request deny deny_status 401 unless {{ var(req.account) -m found }}
  http-request set-header X-Account %[var(req.account)]
  http-request del-header authorization
  default_backend devices
backend devices
  server one 127.0.0.1:{upstream}
",
            keys = keys.display(),
            upstream = self.upstream_port
        );
        let file = self.write("haproxy.cfg", &text)?;
        let arguments = ["-f", &file.display().to_string()];
        let mut process = Process::start("haproxy", TARGET_CPU, self.path(), program, &arguments)?;
        process.wait_for(port)?;
        let version = machine::version(program, "-v")?;
        Ok(Target { name: "haproxy", version, port, token: tokens[0].clone(), process })
    }

    pub fn write(&self, name: &str, text: &str) -> Outcome<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// An nginx with one worker that keeps connections for ever.
fn start_nginx(name: &str, folder: &Path, cpu: &str, port: u16, http: &str, server: &str) -> Outcome<Process> {
    let d = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {d}/{name}.{kind};\n"))
        .collect();
    let text = format!(
        "worker_processes 1; daemon off; pid {d}/{name}.pid; error_log {d}/{name}.error;
events {{ worker_connections 4096; }}
http {{
{temporary}
 access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;
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

/// A port that was free a moment ago: neither nginx nor HAProxy says which one it got when asked for any.
pub fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn random_token() -> Outcome<String> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// HAProxy's map: the SHA-256 of each token, in capitals, and an account.
fn hashed_map(tokens: &[String]) -> Outcome<String> {
    // rustls is here anyway and lends its SHA-256; a crate for this alone would be one more to follow.
    let suite = TLS13_AES_128_GCM_SHA256.tls13().ok_or("a TLS 1.3 suite that is none")?;
    let mut map = String::new();
    for (number, token) in tokens.iter().enumerate() {
        for byte in suite.common.hash_provider.hash(token.as_bytes()).as_ref() {
            write!(map, "{byte:02X}")?;
        }
        writeln!(map, " account-{number}")?;
    }
    Ok(map)
}
