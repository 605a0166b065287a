//! `keygate demo`: a whole installation to try, in one process and a directory of its own.

mod devices;
mod scratch;
mod story;
mod upstream;

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::Environment;
use super::args::{DemoArgs, Format};
use super::config_file;
use super::exit::Exit;
use super::failure::Failure;
use super::run::log_to_stderr;
use super::terminal::Terminal;
use crate::app::{Bootstrap, Gateway, bootstrap};
use crate::auth::NewToken;
use crate::model::{Access, AccountId, Clock, Grants, ResourceName, Token, TokenText};
use scratch::Scratch;
use story::Story;
use upstream::Upstream;

pub(super) fn demo(args: &DemoArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    log_to_stderr("warn");
    let upstream =
        Upstream::start().map_err(|error| Failure::failed(format!("the demo's API cannot start: {error}")))?;
    let scratch = Scratch::new()?;
    let (listen, admin_listen) = (free(args.listen), free(args.admin_listen));
    let text = configuration(listen, admin_listen, &upstream.url());
    let config = scratch.install(&text)?;
    // The demo is the same everywhere, so the environment has no say.
    let loaded = config_file::load(&config, &Environment::new())?;
    let clock = Clock::system();
    let (account, admin_token) = match bootstrap(&loaded.settings, &clock).map_err(failed)? {
        Bootstrap::Created(first) => (first.account.id, first.text),
        Bootstrap::Exists => return Err(Failure::failed("the demo's new store is not empty")),
    };
    let gateway = Gateway::start(loaded.settings, clock).map_err(failed)?;
    note_taken(args.listen, gateway.proxy().tcp().unwrap_or(listen), terminal);
    note_taken(args.admin_listen, gateway.admin().tcp().unwrap_or(admin_listen), terminal);
    let (read, read_token) = token(&gateway, account, "read", Access::READ)?;
    let (_, write_token) = token(&gateway, account, "write", Access::WRITE)?;
    let (_, full_token) = token(&gateway, account, "full", Access::FULL)?;
    let story = Story {
        proxy: gateway.proxy_url(),
        admin: gateway.admin_url(),
        upstream: upstream.url(),
        directory: scratch.path().display().to_string(),
        account,
        admin_token,
        read_token,
        write_token,
        full_token,
        program: terminal.program.clone(),
        read_id: read.id,
    };
    // What the gateway still forwards needs its upstream, and what it still writes its directory.
    let stopped = tell_and_serve(&story, args.output, gateway, terminal);
    drop(upstream);
    drop(scratch);
    stopped?;
    if args.output == Format::Text {
        let program = &terminal.program;
        let end = format!("\nStopped, and everything is removed. Next: `{program} init` for your own API.\n");
        terminal.print(&end)?;
    }
    Ok(Exit::Ok)
}

/// Listens for signals first: whoever reads the story may stop us the moment after.
fn tell_and_serve(story: &Story, output: Format, gateway: Gateway, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let signals = gateway.catch_signals().map_err(failed)?;
    let told = terminal.print(&match output {
        Format::Text => story.text(),
        Format::Json => story.json(),
    });
    match told {
        Ok(()) => gateway.run_until_signal(signals).map_err(failed),
        Err(unread) => gateway.stop().map_err(failed).and(Err(unread)),
    }
}

fn failed(error: impl std::error::Error) -> Failure {
    Failure::failed(error.to_string())
}

/// The address, or a free port of it where its port is taken. Other problems are the gateway's to tell.
fn free(address: SocketAddr) -> SocketAddr {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => SocketAddr::new(address.ip(), 0),
        Ok(_) | Err(_) => address,
    }
}

fn note_taken(wished: SocketAddr, used: SocketAddr, terminal: &mut Terminal<'_>) {
    if wished.port() != 0 && wished.port() != used.port() {
        terminal.note(&format!("port {} is taken; using {}\n", wished.port(), used.port()));
    }
}

fn token(gateway: &Gateway, account: AccountId, name: &str, access: Access) -> Result<(Token, TokenText), Failure> {
    let grants = Grants::new([(ResourceName::every_api(), access)]);
    let new = NewToken::service(account, format!("demo {name}"), grants);
    gateway.block_on(gateway.lifecycle().create(new)).map_err(failed)
}

fn configuration(listen: SocketAddr, admin: SocketAddr, upstream: &str) -> String {
    format!(
        r#"version = 1

[listen.public]
address = "{listen}"

[listen.admin]
address = "{admin}"

[server]
drain_timeout = "3s"

[store]
kind = "sled"
path = "{store}"

[tokens]
pepper = {{ file = "{pepper}" }}

[log]
access = "off"
level = "warn"

[[upstream]]
name = "devices"
url = "{upstream}"

[[route]]
path = "/v1/devices"
resource = "devices"
upstream = "devices"

[[route]]
path = "/v1/devices/{{id}}"
resource = "devices"
upstream = "devices"

[[route]]
path = "/v1/devices/search"
methods = ["POST"]
resource = "devices"
action = "read"
upstream = "devices"
"#,
        store = scratch::STORE,
        pepper = scratch::PEPPER,
    )
}

#[cfg(test)]
mod tests {
    use super::super::terminal::tests::Fake;
    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_demo_s_configuration_has_no_problem_and_no_warning() {
        let scratch = Scratch::new().unwrap();
        let config = scratch.install(&configuration(loopback(0), loopback(0), "http://127.0.0.1:1")).unwrap();
        let loaded = config_file::load(&config, &Environment::new()).unwrap_or_else(|f| panic!("{}", f.text()));
        assert_eq!((loaded.warnings, loaded.settings.routes.len()), (vec![], 3));
    }

    #[test]
    fn a_taken_port_gives_way_to_a_free_one_and_is_told() {
        let holder = TcpListener::bind(loopback(0)).unwrap();
        let taken = holder.local_addr().unwrap();
        assert_eq!(free(taken), loopback(0));
        let mut fake = Fake::script();
        note_taken(taken, loopback(4242), &mut fake.terminal());
        assert_eq!(fake.err(), format!("port {} is taken; using 4242\n", taken.port()));
        note_taken(taken, taken, &mut fake.terminal());
        assert_eq!(fake.err().lines().count(), 1, "nothing is said of a port that was free");
    }
}
