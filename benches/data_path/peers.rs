//! The peers that are always there: nginx and HAProxy with a thousand tokens in a map, and HAProxy as a bare relay.

use std::fmt::Write;
use std::path::Path;

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

use crate::Outcome;
use crate::exchange::Door;
use crate::identity::Identity;
use crate::init::free_port;
use crate::machine::{self, TARGET_CPU};
use crate::process::Process;
use crate::shape::{Name, Shape};
use crate::target::Target;
use crate::upstream::{Bed, Nginx};

/// How many tokens each target knows.
pub const TOKENS: usize = 1000;

impl Bed {
    /// Those of the peers that are wanted and installed.
    pub fn peers(&self, shape: &Shape) -> Outcome<Vec<Target>> {
        let tokens = (0..TOKENS).map(|_| random_token()).collect::<Outcome<Vec<String>>>()?;
        let mut peers = Vec::new();
        for name in [Name::Nginx, Name::NginxUnbuffered, Name::NginxSpooled] {
            if shape.wants(name) {
                peers.push(self.nginx(name, shape, &tokens)?);
            }
        }
        let wanted = |name: Name, program: &str| shape.wants(name).then(|| machine::find(program)).flatten();
        if let Some(program) = wanted(Name::Haproxy, "haproxy") {
            peers.push(self.haproxy(&program, &tokens)?);
        }
        if let Some(program) = wanted(Name::Relay, "haproxy") {
            peers.push(self.relay(&program)?);
        }
        if let Some(program) = wanted(Name::Envoy, "envoy") {
            peers.push(self.envoy(&program, shape, &tokens)?);
        }
        if let Some(program) = wanted(Name::Caddy, "caddy") {
            peers.push(self.caddy(&program, shape, &tokens[0])?);
        }
        Ok(peers)
    }

    fn nginx(&self, name: Name, shape: &Shape, tokens: &[String]) -> Outcome<Target> {
        let mut map = String::new();
        for token in tokens {
            writeln!(map, "\"Bearer {token}\" 1;")?;
        }
        let map_file = self.write("nginx.map", &map)?;
        let log = shape.access_log.then(|| self.path().join("nginx.access"));
        let http = format!(
            "{}
             map_hash_bucket_size 128; map_hash_max_size 8192;
             map $http_authorization $allowed {{ default 0; include {}; }}
             upstream devices {{ server 127.0.0.1:{}; keepalive {}; keepalive_requests 1000000000; }}",
            log.as_ref().map(|log| format!("access_log {};", log.display())).unwrap_or_default(),
            map_file.display(),
            self.upstream_port,
            shape.kept()
        );
        // Of large bodies: as a stream and not by way of a file, unless it is to have its defaults.
        let bulk = match name {
            Name::NginxUnbuffered => "client_max_body_size 0; proxy_request_buffering off; proxy_buffering off;",
            Name::NginxSpooled => "client_max_body_size 0;",
            _ => "client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;",
        };
        let bulk = if shape.bulk.is_some() { bulk } else { "" };
        let server = "location / { if ($allowed = 0) { return 401; }
             proxy_pass http://devices; proxy_http_version 1.1; proxy_set_header Connection \"\";
             proxy_set_header Authorization \"\"; proxy_set_header X-Forwarded-For $remote_addr; }";
        let port = free_port()?;
        let tls = self.identity.as_ref().map(nginx_tls).unwrap_or_default();
        let listen = match (&self.identity, shape.http2) {
            (None, None) => "",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "http2",
            (Some(_), Some(_)) => "ssl http2",
        };
        let http = format!("{http} {tls} {bulk}");
        let nginx = Nginx { name: name.text(), cpu: TARGET_CPU, port, listen, http: &http, server };
        Ok(Target {
            name,
            row: name.text(),
            version: machine::version(&machine::require("nginx")?, "-v")?,
            door: self.door(shape, port)?,
            token: tokens[0].clone(),
            reader: None,
            turns: None,
            log,
            process: nginx.start(self.path())?,
        })
    }

    fn haproxy(&self, program: &Path, tokens: &[String]) -> Outcome<Target> {
        let keys = self.write("haproxy.map", &hashed_map(tokens)?)?;
        let port = free_port()?;
        let text = format!(
            "global
  nbthread 1
  maxconn 8192
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
        let process = self.start_haproxy("haproxy", program, port, &text)?;
        let version = machine::version(program, "-v")?;
        Ok(Target {
            name: Name::Haproxy,
            row: Name::Haproxy.text(),
            version,
            door: Door::plain(port),
            token: tokens[0].clone(),
            reader: None,
            turns: None,
            log: None,
            process,
        })
    }

    /// The floor: HAProxy copies bytes from one connection to another, and parses nothing.
    fn relay(&self, program: &Path) -> Outcome<Target> {
        let port = free_port()?;
        let text = format!(
            "global
  nbthread 1
  maxconn 8192
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
listen public
  bind 127.0.0.1:{port} backlog 4096
  server one 127.0.0.1:{upstream}
",
            upstream = self.upstream_port
        );
        let process = self.start_haproxy("relay", program, port, &text)?;
        let version = format!("{}, in `mode tcp`", machine::version(program, "-v")?);
        Ok(Target {
            name: Name::Relay,
            row: Name::Relay.text(),
            version,
            door: Door::plain(port),
            token: "any".to_owned(),
            reader: None,
            turns: None,
            log: None,
            process,
        })
    }

    fn start_haproxy(&self, name: &str, program: &Path, port: u16, text: &str) -> Outcome<Process> {
        let file = self.write(&format!("{name}.cfg"), text)?;
        let arguments = ["-f", &file.display().to_string()];
        let mut process = Process::start(name, TARGET_CPU, self.path(), program, &arguments)?;
        process.wait_for(port)?;
        Ok(process)
    }
}

/// As Keygate has it: TLS 1.3, and sessions are resumed by tickets.
fn nginx_tls(identity: &Identity) -> String {
    let (certificate, key) = (identity.certificate_file.display(), identity.key_file.display());
    format!("ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; ssl_session_tickets on;")
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
