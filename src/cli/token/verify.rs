//! `keygate token verify`: what a token is worth now, as RFC 7662 tells it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::args::AdminArgs;
use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::RecordOutput;
use super::super::render::{self, Frame};
use super::super::terminal::Terminal;
use super::inspect;

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The file that has the token's text; `-`: standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) output: RecordOutput,
}

impl VerifyArgs {
    /// The text to ask about; nothing has been sent yet.
    pub(super) fn text(&self, admin: &AdminArgs, terminal: &mut Terminal<'_>) -> Result<Zeroizing<String>, Failure> {
        let input = Path::new("-");
        if self.file == input && admin.token_file.as_deref() == Some(input) {
            return Err(Failure::usage("standard input cannot be both the token to verify and the admin token")
                .hint("name a file for one of the two"));
        }
        inspect::text(&self.file, "the token to verify", terminal)
    }
}

const FIELDS: &[&str] = &["active", "jti", "scope", "client_id", "sub", "username", "iat", "exp", "nbf"];

pub(super) fn verify(
    text: &str,
    output: &RecordOutput,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let answer = client.post_form("/v1/introspect", ("token", text))?;
    output.print(&answer, |frame| table(&answer, frame), terminal)?;
    Ok(if answer["active"] == true { Exit::Ok } else { Exit::Denied })
}

/// With times for people, and names without the part that makes them unique.
fn table(answer: &Value, frame: Frame) -> String {
    let shown = answer.as_object().into_iter().flatten().map(|(name, value)| {
        let at = value.as_i64().filter(|_| ["exp", "iat", "nbf"].contains(&name.as_str()));
        let at = at.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let name = name.strip_prefix("urn:keygate:").unwrap_or(name).to_owned();
        (name, at.map_or_else(|| value.clone(), |at| Value::String(at.to_string())))
    });
    render::record(&Value::Object(shown.collect()), FIELDS, frame)
}
