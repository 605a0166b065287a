//! `keygate audit …`: what was done over the admin API, and the proof that the log of it is whole.

mod online;
mod proof;
mod tail;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Environment;
use super::args::{AdminArgs, ConfigArgs, Format};
use super::exit::Exit;
use super::failure::Failure;
use super::listing::PageArgs;
use super::output::ListOutput;
use super::terminal::Terminal;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Shows the last entries, and with -f those that come
    #[command(after_help = "Examples:\n  keygate audit tail -n 50\n  keygate audit tail --follow --action 'token.*'")]
    Tail(TailArgs),
    /// Finds entries, the newest first
    #[command(
        after_help = "Examples:\n  keygate audit search --action token.revoke --since 7d\n  keygate audit search --object tok_… --all -o jsonl"
    )]
    Search(SearchArgs),
    /// Proves that nothing of the log was altered, removed, inserted or cut; exit code 65 if it was
    #[command(after_help = "Examples:\n  keygate audit verify\n  keygate audit verify --file audit.jsonl")]
    Verify(VerifyArgs),
    /// Saves all of the log of the running gateway as JSON Lines, which `verify --file` proves
    #[command(after_help = "Examples:\n  keygate audit export audit.jsonl")]
    Export(ExportArgs),
    /// Sets a log that is not what was written aside, and begins another that says so
    #[command(after_help = "Examples:\n  keygate audit accept\n  keygate audit accept --config keygate.toml --yes")]
    Accept(AcceptArgs),
}

/// Which entries.
#[derive(Debug, Default, Args)]
pub(super) struct FilterArgs {
    /// What was done: `token.revoke`, or `token.*`
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Who did it: a token's or a user's id, or `system`
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// What it was done to: an id
    #[arg(long, value_name = "ID")]
    object: Option<String>,
    /// Which account it concerns
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// How it ended: done, denied, refused, unknown; or begun, for the announcements
    #[arg(long, value_name = "WORD")]
    outcome: Option<String>,
    /// Words anywhere in it
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TailArgs {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    lines: u32,
    /// Goes on with what comes, until it is interrupted
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[arg(short, long, value_enum, default_value_t = TailShape::Text)]
    output: TailShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TailShape {
    Text,
    /// One entry a line
    Jsonl,
}

#[derive(Debug, Args)]
pub(super) struct SearchArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// From when on: a date, a time, or how long ago, such as `24h`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The log's directory, in place of the configuration's
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    dir: Option<PathBuf>,
    /// Its anchor, in place of the configuration's, or of the one beside --dir
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    anchor: Option<PathBuf>,
    /// An export to prove, in place of the log
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The file to make; `-` for standard output
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct AcceptArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Without a question
    #[arg(long)]
    yes: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

impl AuditCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            AuditCommand::Tail(args) => args.output == TailShape::Jsonl,
            AuditCommand::Search(args) => args.output.wants_json(),
            AuditCommand::Verify(args) => args.output == Format::Json,
            AuditCommand::Export(_) => false,
            AuditCommand::Accept(args) => args.output == Format::Json,
        }
    }
}

pub(super) fn audit(
    command: &AuditCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Tail(args) => tail::tail(args, admin, environment, terminal),
        AuditCommand::Search(args) => online::search(args, admin, environment, terminal),
        AuditCommand::Verify(args) => proof::verify(args, environment, terminal),
        AuditCommand::Export(args) => online::export(args, admin, environment, terminal),
        AuditCommand::Accept(args) => proof::accept(args, environment, terminal),
    }
}

impl FilterArgs {
    /// As parameters of a query.
    fn parameters(&self) -> [(&str, Option<&str>); 6] {
        [
            ("action", self.action.as_deref()),
            ("actor", self.actor.as_deref()),
            ("object", self.object.as_deref()),
            ("account", self.account.as_deref()),
            ("outcome", self.outcome.as_deref()),
            ("text", self.text.as_deref()),
        ]
    }
}
