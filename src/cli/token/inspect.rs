//! `keygate token inspect`: what a token's text is, told from the text alone.
//!
//! The text comes from standard input or from a file and never as an argument, which the process list shows.
//! It is not repeated in what is printed.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::credential;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::RecordOutput;
use super::super::terminal::Terminal;
use crate::model::{Inspection, TokenPrefix, TokenTextError, inspect_token};

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0 if it is a token with a right checksum, 1 if not. Whether such a token exists, and \
                        what it may do, only the gateway knows: `keygate token verify`."
)]
pub(in crate::cli) struct InspectArgs {
    /// The file with the token's text, `-` for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// The prefix that it must have [default: any]
    #[arg(long, value_name = "NAME")]
    prefix: Option<TokenPrefix>,
    #[command(flatten)]
    pub(super) output: RecordOutput,
}

/// The token's text out of a file, or from standard input (`-`).
pub(super) fn text(file: &Path, what: &str, terminal: &mut Terminal<'_>) -> Result<Zeroizing<String>, Failure> {
    let hint = "give the text by standard input or in a file, never as an argument, which others can see";
    // What was meant as the text itself is no file, and must not be repeated.
    if file != Path::new("-") && !file.exists() {
        return Err(Failure::usage("there is no such file").hint(hint));
    }
    credential::from_file(file, what, terminal).map_err(|failure| Failure { exit: Exit::Usage, ..failure }.hint(hint))
}

pub(super) fn inspect(args: &InspectArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let text = text(&args.file, "the token to inspect", terminal)?;
    let inspection = inspect_token(&text, args.prefix.as_ref());
    args.output.print_fields(&record(&inspection), &["verdict", "prefix", "kind", "checksum"], terminal)?;
    Ok(if inspection.verdict.is_ok() { Exit::Ok } else { Exit::Failed })
}

fn record(inspection: &Inspection) -> Value {
    let verdict = match inspection.verdict {
        Ok(_) => "it has the form of a token, and its checksum is right".to_owned(),
        Err(error) => format!("it is no token: it {error}"),
    };
    let checksum = match inspection.verdict {
        Ok(_) => "right",
        Err(TokenTextError::Checksum) => "wrong",
        Err(TokenTextError::Prefix | TokenTextError::Shape) => "not looked at",
    };
    json!({
        "valid": inspection.verdict.is_ok(),
        "verdict": verdict,
        "prefix": inspection.prefix.as_ref().map(TokenPrefix::as_str),
        "kind": inspection.kind.map(|kind| kind.name()),
        "checksum": checksum,
    })
}
