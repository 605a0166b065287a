//! What was done, in words and for programs; and what went wrong, with its exit code.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::app::{Fault, FileSummary, MaintenanceError};
use crate::cli::args::Format;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::{self, Frame};
use crate::cli::terminal::Terminal;

/// One result: a sentence, and its numbers.
pub(super) struct Told {
    sentence: String,
    fields: Map<String, Value>,
}

const ORDER: &[&str] = &["tokens", "accounts", "revision"];

impl Told {
    pub(super) fn new(sentence: impl Into<String>, tokens: u64, accounts: u64, revision: u64) -> Self {
        let mut told = Self { sentence: sentence.into(), fields: Map::new() };
        for (name, number) in ORDER.iter().zip([tokens, accounts, revision]) {
            told.fields.insert((*name).to_owned(), number.into());
        }
        told
    }

    /// A file that is complete.
    pub(super) fn file(path: &Path, file: &FileSummary) -> Self {
        Self::of_file(format!("{}: complete", path.display()), file).with("file", path.display().to_string())
    }

    pub(super) fn of_file(sentence: impl Into<String>, file: &FileSummary) -> Self {
        Self::new(sentence, file.tokens, file.accounts, file.revision.0)
            .with("created", file.created.to_string())
            .with("keygate", file.keygate.as_str())
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(super) fn with_path(self, name: &str, path: Option<&Path>) -> Self {
        let path = path.map(|path| path.display().to_string());
        if path.is_none() { self } else { self.with(name, path) }
    }

    pub(super) fn text(&self, format: Format, frame: Frame) -> String {
        match format {
            Format::Text => {
                let shown: Map<String, Value> = self
                    .fields
                    .iter()
                    .filter(|(name, _)| *name != "file")
                    .map(|(n, v)| (n.clone(), v.clone()))
                    .collect();
                format!("{}\n{}", self.sentence, render::record(&shown.into(), ORDER, frame))
            }
            Format::Json => format!("{}\n", json!(self.fields)),
        }
    }

    /// On standard output, unless that has the file itself.
    pub(super) fn tell(&self, format: Format, file: &Path, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
        let text = self.text(format, terminal.frame());
        if file == Path::new("-") {
            terminal.note(&text);
            return Ok(Exit::Ok);
        }
        terminal.print(&text).map(|()| Exit::Ok)
    }
}

/// A backup that did not arrive whole.
pub(super) fn incomplete(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Data, format!("the backup did not arrive whole, and nothing was kept of it: {error}"))
        .hint("try again; the gateway's log says more")
}

/// An operation that was not done.
pub(super) fn failure(error: &MaintenanceError, config: &Path) -> Failure {
    let exit = match error.fault() {
        Fault::Data => Exit::Data,
        Fault::Exists => Exit::Conflict,
        Fault::Held | Fault::Other => Exit::Failed,
    };
    let failure = Failure::new(exit, error.to_string());
    match (error.fault(), error) {
        (Fault::Held, _) => {
            failure.hint("stop that gateway first; `keygate store backup FILE` saves the store of one that runs")
        }
        (_, MaintenanceError::SecondRoot { .. }) => {
            failure.hint("import it into a store that is empty; or let both stand side by side with --second-root")
        }
        _ => failure.remedied(error.remedy(), config),
    }
}
