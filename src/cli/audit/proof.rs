//! `keygate audit verify` and `accept`: the log on the disk, with the configuration's pepper.

use std::path::Path;

use serde_json::json;

use super::{AcceptArgs, VerifyArgs};
use crate::app::{AuditError, AuditLog};
use crate::cli::args::Format;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::terminal::{Terminal, plain};
use crate::cli::{Environment, config_file, confirm};

pub(super) fn verify(
    args: &VerifyArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let config = config_file::find(&args.config, environment)?;
    let settings = config_file::load(&config, environment)?.settings;
    let log = AuditLog::new(&settings, args.dir.as_deref(), args.anchor.as_deref()).map_err(|error| failure(&error))?;
    let (path, verified) = match &args.file {
        Some(file) => (file.as_path(), log.verify_file(file)),
        None => (log.path(), log.verify()),
    };
    let found = verified.map_err(|error| failure(&error))?;
    let text = match args.output {
        Format::Json => {
            let record = json!({
                "path": path.display().to_string(), "first": found.first, "last": found.last,
                "dropped": found.dropped, "open": found.open,
            });
            format!("{record}\n")
        }
        Format::Text => {
            let dropped = match found.dropped {
                0 => String::new(),
                through => format!("; lines 1 to {through} were dropped by retention"),
            };
            let open = match found.open {
                0 => String::new(),
                count => format!("; {count} announced and not told yet"),
            };
            let (first, last) = (found.first, found.last);
            format!(
                "{}: whole and unchanged, lines {first} to {last}{dropped}{open}\n",
                plain(&path.display().to_string())
            )
        }
    };
    terminal.print(&text).map(|()| Exit::Ok)
}

pub(super) fn accept(
    args: &AcceptArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let config = config_file::find(&args.config, environment)?;
    let settings = config_file::load(&config, environment)?.settings;
    let log = AuditLog::new(&settings, None, None).map_err(|error| failure(&error))?;
    confirm::possible(args.yes, "accept", terminal)?;
    let finding = log.finding().map_err(|error| failure(&error))?;
    if !args.yes {
        terminal.note(&format!("found: {}\n", plain(&finding.to_string())));
        agree(log.path(), terminal)?;
    }
    let aside = log.accept(&finding).map_err(|error| failure(&error))?.display().to_string();
    let text = match args.output {
        Format::Json => format!("{}\n", json!({"aside": aside, "fault": finding.fault.name(), "found": finding.what})),
        Format::Text => format!("another log is begun; the one before lies in {}\n", plain(&aside)),
    };
    terminal.print(&text).map(|()| Exit::Ok)
}

/// Has the person type the log's path.
fn agree(path: &Path, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let path = path.display().to_string();
    let question = format!("This sets aside the log at {}. Type its path to go on: ", plain(&path));
    match terminal.ask(&question)?.as_deref() {
        Some(answer) if answer == path => Ok(()),
        _ => Err(Failure::failed("not confirmed, nothing was done")),
    }
}

fn failure(error: &AuditError) -> Failure {
    let exit = if error.is_data() { Exit::Data } else { Exit::Failed };
    let failure = Failure::new(exit, error.to_string());
    match error {
        error if error.is_data() => failure.hint(
            "compare it with an export or a copy elsewhere; while it is so, the gateway refuses changes. `keygate audit \
             accept` sets it aside and begins another",
        ),
        AuditError::Open(_) => failure.hint("stop the gateway first"),
        _ => failure,
    }
}
