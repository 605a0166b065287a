//! `keygate explain`: why a token may or may not do something.

use clap::Args;
use serde_json::{Map, Value};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::output::RecordOutput;
use super::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The method of the request: GET, POST, …
    method: String,
    /// The path of the request
    path: String,
    /// The token's id, tok_… [default: the admin token itself]
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// The account that the request would name, acc_…
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The host of the request, where routes look at it
    #[arg(long)]
    host: Option<String>,
    #[command(flatten)]
    pub output: RecordOutput,
}

/// Ends with the code for "denied" where the request would be refused.
pub(super) fn explain(
    args: &ExplainArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let answer = Client::new(admin, environment, terminal)?.post("/v1/explain", Some(&args.body()))?;
    args.output.print(&answer, |_| story(&answer), terminal)?;
    Ok(if answer["allowed"] == true { Exit::Ok } else { Exit::Denied })
}

impl ExplainArgs {
    fn body(&self) -> Value {
        let (method, path) = (Some(self.method.to_ascii_uppercase()), Some(self.path.clone()));
        let fields = [
            ("method", &method),
            ("path", &path),
            ("token", &self.token),
            ("account", &self.account),
            ("host", &self.host),
        ];
        let given = fields.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.as_deref()?.into())));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

/// The verdict on the first line, and each rule on one of its own.
pub(super) fn story(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verdict =
        if answer["allowed"] == true { "allowed".to_owned() } else { format!("refused, {}", answer["status"]) };
    let mut story = format!("{verdict} ({}): {}\n", text(&answer["code"]), text(&answer["because"]));
    if let Some(route) = answer["route"].as_object() {
        let needs = match (route["action"].as_str(), route["resource"].as_str()) {
            (Some(action), Some(resource)) => format!("needs {action} on {resource}"),
            _ => "is public".to_owned(),
        };
        story.push_str(&format!("route {} {needs}\n", text(&route["name"])));
    }
    for step in answer["steps"].as_array().into_iter().flatten() {
        let mark = if step["passed"] == true { "ok" } else { "no" };
        story.push_str(&format!("  {mark}  {:<8} {}\n", text(&step["rule"]), text(&step["words"])));
    }
    story
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_verdict_comes_first() {
        let answer = json!({
            "allowed": false, "status": 403, "code": "insufficient_scope", "because": "its grants give `read`",
            "route": {"name": "devices", "resource": "devices", "action": "delete"},
            "steps": [{"rule": "token", "passed": true, "words": "the token is active"},
                      {"rule": "grants", "passed": false, "words": "its grants give `read`"}],
        });
        assert_eq!(
            story(&answer),
            "refused, 403 (insufficient_scope): its grants give `read`\nroute devices needs delete on devices\n  \
             ok  token    the token is active\n  no  grants   its grants give `read`\n"
        );
    }
}
