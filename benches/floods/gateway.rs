//! The program, as anybody would start it, alone on a processor, with a token for whoever means well.

use std::fs;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use serde_json::json;
use tempfile::TempDir;

use crate::Outcome;
use crate::client::Client;
use crate::crowd::Entrance;
use crate::identity::Identity;
use crate::init::{KEYGATE, free_port, init};
use crate::machine::TARGET_CPU;
use crate::process::Process;
use crate::upstream::BODY;

pub struct Gateway {
    // Before the folder, so that it is stopped before its files go.
    pub process: Process,
    _place: TempDir,
    pub port: u16,
    admin_port: u16,
    /// That of the administrator.
    administrator: String,
    /// One that may read devices.
    pub token: String,
    /// The listener's own, where it speaks TLS.
    pub certificate: Option<CertificateDer<'static>>,
}

/// How it listens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    Plain,
    Tls,
}

impl Gateway {
    /// `server`: lines for `[server]`, whose keys are the defaults otherwise.
    pub fn start(upstream: u16, listener: Listener, server: &str) -> Outcome<Self> {
        let place = tempfile::Builder::new().prefix("keygate-floods-").tempdir()?;
        let folder = place.path().join("keygate");
        let upstream = format!("http://127.0.0.1:{upstream}");
        let administrator = init(&folder, &upstream)?;
        let (port, admin_port) = (free_port()?, free_port()?);
        let identity = if listener == Listener::Tls { Some(Identity::write(&folder)?) } else { None };
        let tls = identity.as_ref().map(Identity::listener).unwrap_or_default();
        let text = configuration(port, admin_port, &upstream);
        let file = folder.join("bench.toml");
        fs::write(&file, format!("{text}{tls}[server]\n{server}\n"))?;

        let arguments = ["run", "-c", &file.display().to_string()];
        let mut process = Process::start("keygate", TARGET_CPU, place.path(), Path::new(KEYGATE), &arguments)?;
        process.wait_until("become ready", || {
            let ready =
                Client::connect(admin_port, &administrator).and_then(|mut client| client.ask("GET", "/readyz", ""));
            ready.is_ok_and(|answer| answer.status == 200)
        })?;
        let token = json!({"name": "honest", "grants": {"devices": "read"}}).to_string();
        let token = Client::connect(admin_port, &administrator)?.ask("POST", "/v1/tokens", &token)?.json(201)?;
        let token = token["token"].as_str().ok_or("a token without its text")?.to_owned();
        Ok(Self {
            process,
            _place: place,
            port,
            admin_port,
            administrator,
            token,
            certificate: identity.map(|identity| identity.certificate),
        })
    }

    /// How many connections it has by its own count.
    pub fn open_connections(&self) -> Outcome<u64> {
        let answer = Client::connect(self.admin_port, &self.administrator)?.ask("GET", "/metrics", "")?;
        let text = String::from_utf8(answer.body)?;
        let value = text.lines().find_map(|line| line.strip_prefix("keygate_open_connections "));
        Ok(value.ok_or("no count of open connections")?.trim().parse()?)
    }

    /// Where a crowd is let in.
    pub fn entrance(&self) -> Entrance {
        let (token, certificate) = (self.token.clone(), self.certificate.clone());
        Entrance { port: self.port, token, certificate, body: BODY.to_owned() }
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> Outcome<f64> {
        Ok(self.process.resident()? as f64 * 1024.0)
    }
}

fn configuration(port: u16, admin_port: u16, upstream: &str) -> String {
    format!(
        r#"version = 1

[listen.public]
address = "127.0.0.1:{port}"

[listen.admin]
address = "127.0.0.1:{admin_port}"

[store]
kind = "sled"
path = "data"

[tokens]
pepper = {{ file = "pepper" }}

[log]
access = "off"
level = "error"

[[upstream]]
name = "devices"
url = "{upstream}"

[[route]]
path = "/v1/{{*rest}}"
resource = "devices"
upstream = "devices"

[[route]]
path = "/public/{{*rest}}"
public = true
upstream = "devices"
"#
    )
}
