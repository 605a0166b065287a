//! The configuration file: raw text in, resolved settings or a full list of problems out.
//!
//! [`load`] reads the file, lays the environment over it, and checks everything that can be checked
//! without opening a port. Neither the process's environment nor its working directory is looked at:
//! both are passed in. Nothing but the composition root and the command line knows this module.
//!
//! In reading order: [`tree`] is the text with its positions, [`mod@env`] lays variables over it, [`table`]
//! reads it key by key, one file a section makes [`settings`] of it, and [`problem`] is the report.

mod admin;
mod audit;
mod carriers;
mod conflict;
mod cors;
mod env;
mod filter;
mod forwarding;
mod header;
mod leaks;
mod limit;
mod listen;
mod notices;
mod pattern;
mod policy;
mod policy_lint;
mod preset;
mod problem;
mod request_header;
mod role;
mod route;
mod secret;
mod server;
mod settings;
mod socket;
mod source;
mod store;
mod suggest;
mod table;
mod template;
mod tls;
mod tokens;
mod tree;
mod upstream;
mod value;
mod web_url;
mod webhook;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use problem::{Findings, Place, Problem};
use secret::Surroundings;
use source::{REFERENCES, Source, TOKENS_SECRET, TOKENS_SHOWN};
use table::{Mistake, Reader};
use tree::{Node, Table, Value};

pub use preset::{PRESETS, Preset};
pub use problem::Problems;
pub use settings::*;
pub use template::{Template, template};
pub use tls::{Fingerprint, Identity, ListenerMaterial, TlsFault, UpstreamMaterial, read_authorities};

/// A configuration without a problem.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// What is allowed and yet worth a line in the log.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub path: PathBuf,
}

/// Reads the file at `path`, with the variables of `env` laid over it.
///
/// Fails with every problem that there is and not with the first.
pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Loaded, Problems> {
    let text = read_text(path)
        .map_err(|problem| Problems::new(vec![problem], &Source::new(path.display().to_string(), "")))?;
    read(&text, path, env)
}

/// The same of a text that would stand in the file at `path`, which need not be there.
pub fn read(text: &str, path: &Path, env: &BTreeMap<String, String>) -> Result<Loaded, Problems> {
    let mut source = Source::new(path.display().to_string(), text);
    let (parsed, errors) = DeTable::parse_recoverable(text);
    let findings = Findings::new(text, syntax_problems(&errors));
    let mut root = Table::from(parsed.get_ref());
    hide_odd_tokens_values(&root, &mut source);
    env::overlay(&mut root, env, &findings);
    let directory = path.parent().unwrap_or(Path::new(""));
    let settings = read_settings(&root, &Surroundings { directory, env }, &findings);
    let (problems, warnings) = findings.into_parts();
    match settings {
        Some(settings) if problems.is_empty() => Ok(Loaded { settings, warnings, path: path.to_owned() }),
        _ => Err(Problems::new(problems, &source)),
    }
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let problem = |message: String, help: &str| Problem { place: Place::File, message, help: help.to_owned() };
    let bytes = fs::read(path).map_err(|error| {
        let help = "name the file with `--config` or KEYGATE_CONFIG, or make one with `keygate init`";
        problem(format!("the configuration cannot be read: {error}"), help)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        problem(format!("the configuration is no UTF-8 text (line {line})"), "save the file as UTF-8")
    })
}

fn syntax_problems(errors: &[toml::de::Error]) -> Vec<Problem> {
    let problem = |error: &toml::de::Error| Problem {
        place: error.span().map_or(Place::File, Place::Span),
        message: format!("this is no TOML: {}", error.message()),
        help: "a line is `key = value`, `[table]` or `[[list]]`; texts stand in double quotes".to_owned(),
    };
    errors.iter().map(problem).collect()
}

/// A mistyped `pepper` is an unknown key, and its line will be quoted. [`Source`] finds those on lines below
/// `[tokens]` by itself; this finds the rest, such as those in braces.
fn hide_odd_tokens_values(root: &Table, source: &mut Source) {
    let Some(Value::Table(tokens)) = root.entries.get("tokens").map(|entry| &entry.node.value) else { return };
    for (key, entry) in &tokens.entries {
        match &entry.node.value {
            _ if TOKENS_SHOWN.contains(&key.as_str()) => {}
            Value::Table(reference) if TOKENS_SECRET.contains(&key.as_str()) => {
                let odd = reference.entries.iter().filter(|(key, _)| !REFERENCES.contains(&key.as_str()));
                odd.for_each(|(_, entry)| hide(&entry.node, source));
            }
            _ => hide(&entry.node, source),
        }
    }
}

fn hide(node: &Node, source: &mut Source) {
    if let Place::Span(span) = &node.place {
        source.hide(span.clone());
    }
}

/// All sections, each read whatever is wrong with the others.
fn read_settings(root: &Table, around: &Surroundings<'_>, findings: &Findings) -> Option<Settings> {
    let mut root = Reader::root(root, findings);
    let version = root.required("version", "write `version = 1` first", version);
    let forwarding = forwarding::read(&mut root);
    let listeners = listen::read(&mut root, around, forwarding.as_ref().map(|forwarding| &forwarding.trusted_proxies));
    let server = server::read(&mut root);
    let store = store::read(&mut root, around);
    let audit = audit::read(&mut root, around, store.as_ref());
    let management = admin::read(&mut root);
    let tokens = tokens::read(&mut root, around);
    let roles = role::read(&mut root);
    let policies = policy::read(&mut root, tokens.as_ref());
    let cache = tokens::read_cache(&mut root);
    let upstreams = upstream::read(&mut root, around);
    let routes = route::read(&mut root, &upstreams);
    let webhooks = webhook::read(&mut root, around);
    let events = webhook::read_events(&mut root);
    let leaks = leaks::read(&mut root, around);
    let log = server::read_log(&mut root);
    root.finish();
    warn_of_unused(&upstreams, &routes, findings);
    warn_of_addresses(&routes, findings);
    version?;
    let listen::Listeners { public, admin, admin_hosts } = listeners?;
    Some(Settings {
        public,
        admin,
        admin_hosts,
        server: server?,
        store: store?,
        audit: audit?,
        forwarding: forwarding?,
        management: management?,
        tokens: tokens?,
        roles: roles?,
        policies: policies?,
        cache: cache?,
        upstreams: upstreams.good,
        routes,
        webhooks: webhooks?,
        events: events?,
        leaks: leaks?,
        log: log?,
    })
}

/// Of the file's format: a file of a later one may mean something else by the same words.
fn version(node: &Node) -> Result<(), Mistake> {
    match &node.value {
        Value::Integer(Some(1)) => Ok(()),
        Value::Raw(raw) if raw == "1" => Ok(()),
        Value::Integer(_) => Err(Mistake::new("is one that this keygate does not know", "write `version = 1`")),
        _ => Err(Mistake::of_type(node, "an integer", "write `version = 1`")),
    }
}

fn warn_of_addresses(routes: &[Route], findings: &Findings) {
    let in_query = |route: &&Route| route.carriers.as_ref().is_some_and(|carriers| carriers.query.is_some());
    for route in routes.iter().filter(in_query) {
        findings.warn(format!(
            "the route `{}` takes tokens in the query, which browsers and the proxies before this gateway keep in \
             histories and logs: allowed by `route.carriers.query`",
            route.name
        ));
    }
}

fn warn_of_unused(upstreams: &upstream::Upstreams, routes: &[Route], findings: &Findings) {
    for (index, upstream) in upstreams.good.iter().enumerate() {
        if !routes.iter().any(|route| route.upstream == index) {
            findings.warn(format!("no route uses the upstream `{}`", upstream.name));
        }
    }
}
