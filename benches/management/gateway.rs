//! The program, as anybody would start it, and killed as nobody should.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::client::Client;
use crate::init::{KEYGATE, free_port, init};

pub struct Gateway {
    child: Child,
    place: TempDir,
    pub port: u16,
    pub admin_port: u16,
    /// Of the administrator.
    pub token: String,
}

impl Gateway {
    pub fn start(upstream: u16) -> Outcome<Self> {
        let place = tempfile::tempdir()?;
        let folder = place.path().join("keygate");
        let upstream = format!("http://127.0.0.1:{upstream}");
        let token = init(&folder, &upstream)?;
        let (port, admin_port) = (free_port()?, free_port()?);
        fs::write(folder.join("bench.toml"), configuration(port, admin_port, &upstream))?;
        let child = run(&folder)?;
        let gateway = Self { child, place, port, admin_port, token };
        gateway.wait()?;
        Ok(gateway)
    }

    /// Ends it between two instructions.
    pub fn kill(&mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub fn start_again(&mut self) -> Outcome<()> {
        self.child = run(&self.place.path().join("keygate"))?;
        self.wait()
    }

    pub fn management(&self) -> Outcome<Client> {
        Client::connect(self.admin_port, &self.token)
    }

    /// Until it serves.
    fn wait(&self) -> Outcome<()> {
        for _ in 0..1_200 {
            let ready = self.management().and_then(|mut client| client.ask("GET", "/readyz", ""));
            if ready.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("the gateway does not serve within a minute".into())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

fn run(folder: &Path) -> Outcome<Child> {
    let mut command = Command::new(KEYGATE);
    command.args(["run", "-c"]).arg(folder.join("bench.toml")).stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command.spawn()?)
}

fn configuration(port: u16, admin_port: u16, upstream: &str) -> String {
    format!(
        r#"version = 1

[listen.public]
address = "127.0.0.1:{port}"

[listen.admin]
address = "127.0.0.1:{admin_port}"

[admin]
rate_limit = "unlimited"
address_rate_limit = "unlimited"

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
"#
    )
}
