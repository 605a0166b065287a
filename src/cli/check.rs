//! `keygate check`: everything that is wrong with a configuration, or what it sets up.

use serde_json::{Value, json};

use super::Environment;
use super::args::{CheckArgs, Format};
use super::config_file;
use super::exit::Exit;
use super::failure::Failure;
use super::render::{self, Column, Frame, cell, column};
use super::terminal::Terminal;
use crate::config::{ListenAddress, Listener, Loaded, Route, Scheme, Settings, StoreSettings, Upstream};

pub(super) fn check(args: &CheckArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let path = config_file::find(&args.config, environment)?;
    let loaded = config_file::load(&path, environment)?;
    match args.format {
        Format::Json => terminal.print(&format!("{:#}\n", summary(&loaded)))?,
        Format::Text => {
            for warning in &loaded.warnings {
                terminal.note(&format!("warning: {warning}\n"));
            }
            terminal.print(&text(&loaded, terminal.frame()))?;
        }
    }
    Ok(Exit::Ok)
}

/// What programs read; the text is made from the same.
fn summary(loaded: &Loaded) -> Value {
    let settings = &loaded.settings;
    json!({
        "config": loaded.path.display().to_string(),
        "ok": true,
        "warnings": loaded.warnings,
        "listeners": {"public": url(&settings.public), "admin": url(&settings.admin)},
        "store": store(&settings.store),
        "upstreams": settings.upstreams.iter().map(upstream).collect::<Vec<_>>(),
        "routes": settings.routes.iter().map(|r| route(r, settings)).collect::<Vec<_>>(),
    })
}

fn url(listener: &Listener) -> String {
    if let ListenAddress::Unix { .. } = listener.address {
        return listener.address.to_string();
    }
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", listener.address)
}

fn store(store: &StoreSettings) -> String {
    match store {
        StoreSettings::Sled { path, .. } => format!("sled in {}", path.display()),
        StoreSettings::Memory => "memory".to_owned(),
    }
}

fn upstream(upstream: &Upstream) -> Value {
    let scheme = match upstream.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    if let Some(path) = &upstream.socket {
        return json!({"name": upstream.name, "url": format!("unix:{}", path.display())});
    }
    let host = if upstream.host.contains(':') { format!("[{}]", upstream.host) } else { upstream.host.clone() };
    json!({"name": upstream.name, "url": format!("{scheme}://{host}:{}", upstream.port)})
}

fn route(route: &Route, settings: &Settings) -> Value {
    json!({
        "host": route.host,
        "path": route.path,
        "methods": route.methods.iter().map(|method| method.0.as_str()).collect::<Vec<_>>(),
        "public": route.public,
        "resource": route.resource.as_ref().map(ToString::to_string),
        "action": route.action.map(|action| action.name()),
        "upstream": settings.upstreams.get(route.upstream).map(|upstream| upstream.name.as_str()),
    })
}

const ROUTES: &[Column] = &[
    column("METHODS", |route| match route["methods"].as_array() {
        Some(methods) if methods.is_empty() => "any".to_owned(),
        _ => cell(&route["methods"]),
    }),
    column("HOST", |route| if route["host"].is_null() { "any".to_owned() } else { cell(&route["host"]) }),
    column("PATH", |route| cell(&route["path"])),
    column("RESOURCE", |route| if route["public"] == true { "(public)".to_owned() } else { cell(&route["resource"]) }),
    column("ACTION", |route| match &route["action"] {
        Value::Null if route["public"] == true => "-".to_owned(),
        Value::Null => "by method".to_owned(),
        action => cell(action),
    }),
    column("UPSTREAM", |route| cell(&route["upstream"])),
];

fn text(loaded: &Loaded, frame: Frame) -> String {
    let summary = summary(loaded);
    // Room for the indentation.
    let width = frame.width.map(|width| width.saturating_sub(2));
    let listeners = render::record(&summary["listeners"], &["public", "admin"], frame);
    let rows = |key: &str| summary[key].as_array().cloned().unwrap_or_default();
    let upstreams: Value = rows("upstreams")
        .into_iter()
        .map(|one| (cell(&one["name"]), one["url"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    format!(
        "{}: ok\n\nlisteners\n{}\nstore\n{}\nupstreams\n{}\nroutes\n{}",
        loaded.path.display(),
        indented(&listeners),
        indented(&format!("{}\n", cell(&summary["store"]))),
        indented(&render::record(&upstreams, &[], frame)),
        indented(&render::list(ROUTES, &rows("routes"), Frame { width, ..frame })),
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::super::args::ConfigArgs;
    use super::super::terminal::tests::Fake;
    use super::*;

    fn run(toml: &str, format: Format) -> (Result<Exit, Failure>, Fake) {
        let dir = tempfile::tempdir().unwrap();
        let pepper = dir.path().join("pepper");
        fs::write(&pepper, "p".repeat(40)).unwrap();
        fs::set_permissions(&pepper, fs::Permissions::from_mode(0o600)).unwrap();
        let path = dir.path().join("keygate.toml");
        fs::write(&path, toml).unwrap();
        let mut fake = Fake::script();
        let args = CheckArgs { config: ConfigArgs { config: Some(path) }, format };
        let outcome = check(&args, &Environment::new(), &mut fake.terminal());
        (outcome, fake)
    }

    const GOOD: &str = r#"
version = 1
[listen.public]
address = "127.0.0.1:8080"
[store]
kind = "memory"
[tokens]
pepper = { file = "pepper" }
[[upstream]]
name = "api"
url = "http://127.0.0.1:3000"
[[route]]
path = "/v1/devices/search"
methods = ["POST"]
resource = "devices"
action = "read"
upstream = "api"
[[route]]
path = "/health"
public = true
upstream = "api"
"#;

    #[test]
    fn a_good_one_is_summed_up_and_its_warnings_go_elsewhere() {
        let (outcome, fake) = run(GOOD, Format::Text);
        assert_eq!(outcome.unwrap(), Exit::Ok);
        let out = fake.out();
        assert!(out.contains("keygate.toml: ok\n"), "{out}");
        assert!(out.contains("  public  http://127.0.0.1:8080\n  admin   http://127.0.0.1:9901\n"), "{out}");
        assert!(out.contains("  api  http://127.0.0.1:3000\n"), "{out}");
        assert!(out.contains("  POST     any   /v1/devices/search  devices   read    api\n"), "{out}");
        assert!(out.contains("(public)"), "{out}");
        assert!(fake.err().starts_with("warning: "), "{}", fake.err());
    }

    #[test]
    fn programs_get_the_same_as_json() {
        let (_, fake) = run(GOOD, Format::Json);
        let json: Value = serde_json::from_str(&fake.out()).unwrap();
        assert_eq!(json["routes"][0]["resource"], "devices");
        assert_eq!((json["ok"].as_bool(), json["warnings"].as_array().map(Vec::len)), (Some(true), Some(1)));
    }

    #[test]
    fn a_bad_one_is_78_with_the_whole_report() {
        let (outcome, fake) = run(&GOOD.replace("upstream = \"api\"", "upstream = \"ap\""), Format::Text);
        let failure = outcome.unwrap_err();
        assert_eq!((failure.exit.code(), fake.out().as_str()), (78, ""));
        assert!(failure.text().contains("2 problems in "), "{}", failure.text());
    }
}
