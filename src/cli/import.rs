//! `keygate import`: keys of another system, by their hash, out of a file of JSON lines.
//!
//! A line is a whole key or none. What is there already is left as it is, so that an import that was broken
//! off is gone on with by running it once more.

pub mod file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::progress::Progress;
use super::terminal::{Terminal, plain};
use file::{Line, Seen, Skipped};

/// The server takes bodies of 64 KiB and 250 keys.
const MOST_BYTES: usize = 48 << 10;
const MOST_KEYS: usize = 200;
/// Lines of keys that are there already are told one by one so far, and then in the summary alone.
const MOST_TOLD: u64 = 50;
/// Calls that come too often are tried again; who is told to wait longer is told so.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file, one JSON object a line; `-` for standard input
    file: PathBuf,
    /// Tries everything and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Whose tokens they become where a line does not say, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Also keys that were imported before and deleted since
    #[arg(long)]
    again: bool,
    #[arg(short, long, value_enum, default_value_t = Shape::Text)]
    output: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    Text,
    /// The counts
    Json,
    /// What became of each line, one a line
    Jsonl,
}

pub(super) const HELP: &str = "\
A line says what `POST /v1/tokens` takes for a new token, and the hash of the key that it is to have:
  {\"hash\": \"9f86d0…\", \"algorithm\": \"sha256\", \"encoding\": \"hex\", \"name\": \"ci\", \"grants\": {\"*\": \"read\"}}
algorithm: sha256, sha512 or blake3, of the key's text and nothing else (no salt); encoding: hex (default), base64
or base64url. Takes a token of the root account with the right to create tokens.

Running it again leaves alone what is there, and goes on with the rest. Exit code 1: some lines were refused; each is
told on standard error with its number and the reason.

Examples:
  keygate import keys.jsonl --dry-run
  keygate import keys.jsonl --account acc_…
  keygate import - --output jsonl <keys.jsonl";

#[derive(Debug, Default)]
struct Counts {
    created: u64,
    exists: u64,
    duplicates: u64,
    refused: u64,
}

pub(super) fn import(
    args: &ImportArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if args.file == Path::new("-") && admin.token_file.as_deref() == Some(Path::new("-")) {
        return Err(Failure::usage("standard input cannot be both the file and the token's"));
    }
    let client = Client::new(admin, environment, terminal)?;
    let contents = file::contents(&args.file, terminal)?;
    let lines: Vec<&[u8]> = contents.split(|&byte| byte == b'\n').collect();
    let progress = Progress::of(lines.len() as u64, "lines", terminal);
    let mut work = Work { args, client, progress, terminal, counts: Counts::default(), batch: Vec::new() };
    let mut seen = Seen::default();
    for (number, text) in (1u64..).zip(lines) {
        match file::line(number, text, args.account.as_deref(), &mut seen) {
            Ok(line) => work.add(line)?,
            Err(Skipped::Empty) => work.progress.forward(1),
            Err(Skipped::Twice(first)) => work.twice(number, first)?,
            Err(Skipped::Wrong(why)) => work.refuse(number, &why)?,
        }
    }
    work.send()?;
    work.end()
}

impl ImportArgs {
    pub(super) fn wants_json(&self) -> bool {
        self.output != Shape::Text
    }
}

/// An import that is under way.
struct Work<'a, 't> {
    args: &'a ImportArgs,
    client: Client,
    progress: Progress,
    terminal: &'a mut Terminal<'t>,
    counts: Counts,
    batch: Vec<Line>,
}

impl Work<'_, '_> {
    fn add(&mut self, line: Line) -> Result<(), Failure> {
        let bytes: usize = self.batch.iter().map(|line| line.bytes).sum();
        if self.batch.len() == MOST_KEYS || bytes + line.bytes > MOST_BYTES {
            self.send()?;
        }
        self.batch.push(line);
        Ok(())
    }

    fn twice(&mut self, number: u64, first: u64) -> Result<(), Failure> {
        self.counts.duplicates += 1;
        self.progress.forward(1);
        self.note(&format!("line {number}: the same key as line {first}\n"));
        self.tell(|| json!({"line": number, "status": "duplicate", "of": first}))
    }

    fn refuse(&mut self, number: u64, why: &str) -> Result<(), Failure> {
        self.counts.refused += 1;
        self.progress.forward(1);
        self.note(&format!("line {number}: {why}\n"));
        let errors = json!([{"field": "", "message": why}]);
        self.tell(|| json!({"line": number, "status": "refused", "id": null, "errors": errors}))
    }

    /// Sends what was gathered, and tells of each line that did not become a token.
    fn send(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let Some(first) = batch.first().map(|line| line.number) else { return Ok(()) };
        let records: Vec<_> = batch.iter().map(|line| &line.record).collect();
        let body = json!({"dry_run": self.args.dry_run, "again": self.args.again, "tokens": records});
        let answer = self.ask(&body).map_err(|failure| {
            let done = self.counts.created + self.counts.exists;
            failure
                .about(&format!("line {first} and those behind it were not imported"))
                .hint(format!("{done} keys before it are there; run it again to go on"))
        })?;
        let items = answer["items"].as_array().filter(|items| items.len() == batch.len()).ok_or_else(|| {
            Failure::failed("the admin API did not say what became of the keys")
                .hint("is this the admin API of a keygate of this version? see --admin-url")
        })?;
        for (line, item) in batch.iter().zip(items) {
            self.became(line.number, item)?;
        }
        Ok(())
    }

    /// The answer; who comes too often waits as long as the server says.
    fn ask(&self, body: &Value) -> Result<Value, Failure> {
        loop {
            let answer = self.client.send(Method::POST, "/v1/tokens/import", Some(body))?;
            match answer.wait().filter(|wait| answer.status == 429 && *wait <= PATIENCE) {
                Some(wait) => std::thread::sleep(wait),
                None => return self.client.document(&answer),
            }
        }
    }

    fn became(&mut self, number: u64, item: &Value) -> Result<(), Failure> {
        self.progress.forward(1);
        match item["status"].as_str() {
            Some("created") => self.counts.created += 1,
            Some("exists") => {
                self.counts.exists += 1;
                // Of an import that is gone on with there may be a hundred thousand.
                if self.counts.exists <= MOST_TOLD {
                    let id = item["id"].as_str().map(plain).unwrap_or_default();
                    self.note(&format!("line {number}: there already, as {id}\n"));
                }
            }
            _ => {
                self.counts.refused += 1;
                self.note(&format!("line {number}: {}\n", reasons(item)));
            }
        }
        self.tell(|| {
            let mut told = item.clone();
            told["line"] = number.into();
            told
        })
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text, self.terminal);
    }

    /// What became of a line, where that is asked for.
    fn tell(&mut self, told: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.args.output == Shape::Jsonl { self.terminal.print(&format!("{}\n", told())) } else { Ok(()) }
    }

    fn end(self) -> Result<Exit, Failure> {
        let Self { args, progress, terminal, counts, .. } = self;
        drop(progress);
        let Counts { created, exists, duplicates, refused } = counts;
        let verb = if args.dry_run { "would be imported" } else { "imported" };
        let text = format!(
            "{created} keys {verb}, {exists} there already, {duplicates} twice in the file, {refused} refused\n"
        );
        match args.output {
            Shape::Text => terminal.print(&text)?,
            Shape::Jsonl => terminal.note(&text),
            Shape::Json => terminal.print(&format!(
                "{}\n",
                json!({
                    "dry_run": args.dry_run, "created": created, "exists": exists, "duplicates": duplicates,
                    "refused": refused,
                })
            ))?,
        }
        Ok(if refused == 0 { Exit::Ok } else { Exit::Failed })
    }
}

fn reasons(item: &Value) -> String {
    let errors = item["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |error: &Value| {
        let text = |name: &str| error[name].as_str().map(plain).unwrap_or_default();
        match text("field") {
            field if field.is_empty() => text("message"),
            field => format!("{field}: {}", text("message")),
        }
    };
    let all = errors.iter().map(one).collect::<Vec<_>>().join("; ");
    if all.is_empty() { "refused without a reason".to_owned() } else { all }
}
