//! `keygate route test`: where a request would lead, and whether a token may go there.

use clap::{Args, Subcommand};
use http::{Method, Uri};
use serde_json::{Value, json};

use super::Environment;
use super::args::{AdminArgs, ConfigArgs};
use super::client::Client;
use super::config_file;
use super::exit::Exit;
use super::explain::story;
use super::failure::Failure;
use super::output::RecordOutput;
use super::render;
use super::terminal::Terminal;
use crate::app::{self, Lead};

#[derive(Debug, Subcommand)]
pub(super) enum RouteCommand {
    /// Says where a request would lead, and whether the token may go there; exit code 5 if it is refused
    #[command(
        after_help = "The token is the one of --token-file, or of the environment; with --token it is another one, \
        by its id. With --config no gateway is asked, and no token is looked at: the file says where it leads.\n\n\
        Examples:\n  keygate route test GET https://api.example.org/v1/devices/7 --token tok_…\n  \
        keygate route test DELETE /v1/devices/7 -c keygate.toml"
    )]
    Test(TestArgs),
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The method of the request: GET, POST, …
    method: String,
    /// The request's URL, or its path where no route looks at the host
    url: String,
    /// A token's id, tok_… [default: the admin token itself]
    #[arg(long, value_name = "ID", conflicts_with = "config")]
    token: Option<String>,
    /// The account that the request would name, acc_…
    #[arg(long, value_name = "ID", conflicts_with = "config")]
    account: Option<String>,
    /// Asks this configuration and no gateway
    #[arg(short, long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    #[command(flatten)]
    output: RecordOutput,
}

impl RouteCommand {
    pub(super) fn wants_json(&self) -> bool {
        let RouteCommand::Test(args) = self;
        args.output.wants_json()
    }
}

pub(super) fn route(
    command: &RouteCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let RouteCommand::Test(args) = command;
    let (method, host, path) = args.request()?;
    if let Some(config) = &args.config {
        let config = ConfigArgs { config: Some(config.clone()) };
        let path_of_file = config_file::find(&config, environment)?;
        let settings = config_file::load(&path_of_file, environment)?.settings;
        let lead = app::lead(&settings, &host, &path, &method).map_err(Failure::configuration)?;
        return told(&lead, args, terminal);
    }
    let mut body = json!({"method": method.as_str(), "path": path});
    for (key, text) in [
        ("host", Some(&host).filter(|host| !host.is_empty())),
        ("token", args.token.as_ref()),
        ("account", args.account.as_ref()),
    ] {
        if let Some(text) = text {
            body[key] = text.as_str().into();
        }
    }
    let answer = Client::new(admin, environment, terminal)?.post("/v1/explain", Some(&body))?;
    args.output.print(&answer, |_| story(&answer), terminal)?;
    Ok(if answer["allowed"] == true { Exit::Ok } else { Exit::Denied })
}

impl TestArgs {
    /// Method, host and path; the host is empty where only a path is given.
    fn request(&self) -> Result<(Method, String, String), Failure> {
        let method = self.method.to_ascii_uppercase();
        let method =
            method.parse().map_err(|_| Failure::usage("the first argument is no HTTP method").hint("such as GET"))?;
        if self.url.starts_with('/') {
            let path = self.url.split(['?', '#']).next().unwrap_or_default();
            return Ok((method, String::new(), path.to_owned()));
        }
        let refused =
            || Failure::usage("the second argument is neither a path nor an http URL").hint("such as /v1/devices/7");
        let url: Uri = self.url.split('#').next().unwrap_or_default().parse().map_err(|_| refused())?;
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        match url.authority().filter(|authority| is_http && !authority.as_str().contains('@')) {
            Some(authority) => Ok((method, authority.to_string(), url.path().to_owned())),
            None => Err(refused()),
        }
    }
}

/// What a configuration alone says.
fn told(lead: &Lead, args: &TestArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let (record, exit) = match lead {
        Lead::Public { route, upstream } => {
            (record(true, &json!({"route": route, "upstream": upstream, "needs": "nothing: it is public"})), Exit::Ok)
        }
        Lead::Protected { route, upstream, resource, action } => (
            record(true, &json!({"route": route, "upstream": upstream, "needs": format!("{action} on {resource}")})),
            Exit::Ok,
        ),
        Lead::Refused { status, because } => {
            (record(false, &json!({"status": status, "because": because})), Exit::Denied)
        }
    };
    args.output.print(
        &record,
        |frame| render::record(&record, &["leads", "route", "needs", "upstream", "status"], frame),
        terminal,
    )?;
    Ok(exit)
}

fn record(leads: bool, fields: &Value) -> Value {
    let mut record = fields.clone();
    record["leads"] = leads.into();
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str) -> Result<(String, String, String), Failure> {
        let args = TestArgs {
            method: method.into(),
            url: url.into(),
            token: None,
            account: None,
            config: None,
            output: RecordOutput::default(),
        };
        args.request().map(|(method, host, path)| (method.to_string(), host, path))
    }

    #[test]
    fn urls_and_paths_are_taken_apart() {
        let of = |method, url| request(method, url).unwrap();
        let parts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(of("get", "/a/b?c=1#d"), parts("GET", "", "/a/b"));
        assert_eq!(of("GET", "https://h.example:8443/a?c"), parts("GET", "h.example:8443", "/a"));
        assert_eq!(of("GET", "http://h.example"), parts("GET", "h.example", "/"));
    }

    #[test]
    fn what_is_neither_is_wrong_usage() {
        for (method, url) in
            [("G T", "/"), ("GET", "h.example/a"), ("GET", "ftp://h/a"), ("GET", "http://u:p@h/a"), ("GET", "")]
        {
            assert_eq!(request(method, url).unwrap_err().exit, Exit::Usage, "{method} {url}");
        }
    }
}
