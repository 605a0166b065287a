//! Starts the release binary of Keygate as anybody would: `init`, `run`, and tokens made over the admin API. Where there
//! are to be very many of them, in a store that was made before.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};

use crate::Outcome;
use crate::exchange::Door;
use crate::identity::Identity;
use crate::init::{KEYGATE, free_port, init};
use crate::machine::{self, TARGET_CPU};
use crate::peers::TOKENS;
use crate::process::Process;
use crate::request::Turns;
use crate::shape::{Name, Shape};
use crate::target::Target;
use crate::tokens;
use crate::upstream::Bed;

const CREATORS: usize = 25;
/// How many tokens of a large store are in use.
pub const USED: u64 = 100_000;

/// How one gateway differs from another beside it.
struct Variant {
    row: &'static str,
    routes: u32,
    /// How many tokens its store is made with, if not with those that are created over the admin API.
    tokens: Option<u64>,
}

/// The usual one, or a small one and a large one.
pub fn start_keygates(bed: &Bed, shape: &Shape) -> Outcome<Vec<Target>> {
    let usual = Variant { row: Name::Keygate.text(), routes: 1, tokens: None };
    let variants = match (shape.tokens, shape.routes) {
        (Some(tokens), _) => vec![
            Variant { row: "one-token", tokens: Some(1), ..usual },
            Variant { row: "many-tokens", tokens: Some(tokens), ..usual },
        ],
        (_, Some(routes)) => {
            vec![Variant { row: "one-route", ..usual }, Variant { row: "many-routes", routes, ..usual }]
        }
        _ => vec![usual],
    };
    variants.iter().map(|variant| start(bed, shape, variant)).collect()
}

fn start(bed: &Bed, shape: &Shape, variant: &Variant) -> Outcome<Target> {
    let folder = bed.path().join(variant.row);
    let upstream = format!("http://127.0.0.1:{}", bed.upstream_port);
    let administrator = init(&folder, &upstream)?;
    let made = match variant.tokens {
        None => Vec::new(),
        Some(tokens) => {
            eprintln!("{}: a store of {tokens}", variant.row);
            tokens::fill(&folder, tokens, tokens.min(USED))?
        }
    };
    let (port, admin_port) = (free_port()?, free_port()?);
    let file = folder.join("bench.toml");
    let text = configuration(port, admin_port, &upstream, bed, shape) + &other_routes(variant.routes);
    fs::write(&file, text)?;

    let arguments = ["run", "-c", &file.display().to_string()];
    let mut process = Process::start(variant.row, TARGET_CPU, bed.path(), Path::new(KEYGATE), &arguments)?;
    process.wait_until("become ready", || {
        Door::plain(admin_port).exchange("GET", "/readyz", None, "").is_ok_and(|answer| answer.status == 200)
    })?;

    let (token, reader, turns) = if made.is_empty() {
        let token = create_tokens(admin_port, &administrator)?;
        let reader = create_token(admin_port, &administrator, "reader", json!({"devices": "read"}))?;
        (token, Some(reader), None)
    } else {
        let turns = Turns { file: folder.join("turns"), taken: Arc::default() };
        fs::write(&turns.file, made.join("\n"))?;
        (made[0].clone(), None, Some(turns))
    };
    let version = machine::version(Path::new(KEYGATE), "--version")?;
    // Its access log goes to standard output, and that to a file.
    let log = shape.access_log.then(|| process.output().to_owned());
    let door = bed.door(shape, port)?;
    Ok(Target { name: Name::Keygate, row: variant.row, version, door, token, reader, turns, log, process })
}

/// Routes that nobody asks for, so that there are so many in all.
fn other_routes(all: u32) -> String {
    let route = |number: u32| {
        format!(
            "\n[[route]]\npath = \"/v1/other-{number}/{{id}}/{{*rest}}\"\nresource = \"devices\"\nupstream = \"devices\"\n"
        )
    };
    (1..all).map(route).collect()
}

/// The pepper and the store are those that `init` made in the same directory.
///
/// All connections of a load come from one address, and so do those of the load before, which may not be closed yet.
/// Where refusals are measured, one address may be refused as often as it likes: what comes behind the usual limit is
/// answered 429 without a look at the token, and would not be what is named.
fn configuration(port: u16, admin_port: u16, upstream: &str, bed: &Bed, shape: &Shape) -> String {
    let access = if shape.access_log { "stdout" } else { "off" };
    let failures = if shape.refused.is_empty() { "" } else { "failure_limit = \"unlimited\"" };
    let kept = shape.kept();
    let body = if shape.bulk.is_some() { "max_body = \"unlimited\"" } else { "" };
    let tls = bed.identity.as_ref().map(Identity::listener).unwrap_or_default();
    format!(
        r#"version = 1

[listen.public]
address = "127.0.0.1:{port}"

{tls}[listen.admin]
address = "127.0.0.1:{admin_port}"

[server]
max_connections_per_address = 20000
{failures}

[store]
kind = "sled"
path = "data"

[tokens]
pepper = {{ file = "pepper" }}

[log]
access = "{access}"

[[upstream]]
name = "devices"
url = "{upstream}"
max_idle = {kept}

[[route]]
path = "/v1/{{*rest}}"
resource = "devices"
upstream = "devices"
{body}
"#
    )
}

/// Makes all tokens, and gives the first. Several at a time: they wait for the disk together.
fn create_tokens(admin_port: u16, administrator: &str) -> Outcome<String> {
    let create = |first: usize| -> Result<String, String> {
        let mut tokens = (first..TOKENS).step_by(CREATORS).map(|number| {
            create_token(admin_port, administrator, &format!("load-{number}"), json!({"*": "full"}))
                .map_err(|error| error.to_string())
        });
        let token = tokens.next().ok_or("more creators than tokens")??;
        tokens.try_for_each(|token| token.map(drop))?;
        Ok(token)
    };
    thread::scope(|scope| {
        let creators: Vec<_> = (0..CREATORS).map(|first| scope.spawn(move || create(first))).collect();
        let mut tokens = Vec::new();
        for creator in creators {
            tokens.push(creator.join().map_err(|_| "creating tokens panicked")??);
        }
        Ok(tokens.swap_remove(0))
    })
}

fn create_token(admin_port: u16, administrator: &str, name: &str, grants: Value) -> Outcome<String> {
    let body = json!({
        "name": name,
        "kind": "service",
        "grants": grants,
        "expires": "never",
    });
    let answer = Door::plain(admin_port).exchange("POST", "/v1/tokens", Some(administrator), &body.to_string())?;
    if answer.status != 201 {
        return Err(format!("creating a token: expected 201, came {}: {}", answer.status, answer.body).into());
    }
    let record: Value = serde_json::from_str(&answer.body)?;
    Ok(record["token"].as_str().ok_or("a created token without its text")?.to_owned())
}
