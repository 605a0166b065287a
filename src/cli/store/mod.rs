//! `keygate store …`: backups of a running gateway's store, and what is done to a store that nobody has
//! open.

pub(super) mod file;
mod offline;
mod online;
mod told;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Environment;
use super::args::{AdminArgs, ConfigArgs, Format};
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::Terminal;

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Saves the store of the running gateway, over the admin API
    #[command(after_help = "Examples:\n  keygate store backup keygate.jsonl")]
    Backup(BackupArgs),
    /// Saves the store in its directory, while no gateway runs
    #[command(
        after_help = "Examples:\n  keygate store export keygate.jsonl\n  keygate store export - --config keygate.toml >keygate.jsonl"
    )]
    Export(ExportArgs),
    /// Proves that the store, or a backup, is complete and unchanged
    #[command(after_help = "Examples:\n  keygate store verify\n  keygate store verify --file keygate.jsonl")]
    Verify(VerifyArgs),
    /// Puts a backup in the store's place, with what the store's journal has since
    #[command(
        after_help = "Examples:\n  keygate store restore keygate.jsonl\n  keygate store restore keygate.jsonl --accept-loss --yes"
    )]
    Restore(RestoreArgs),
    /// Adds the records of a backup or an export to the store: all of them, or none
    #[command(
        after_help = "Examples:\n  keygate store import keygate.jsonl --dry-run\n  keygate store import keygate.jsonl"
    )]
    Import(ImportArgs),
    /// Takes what can be read of the store for the truth, where it cannot be proven
    #[command(after_help = "Examples:\n  keygate store accept\n  keygate store accept --config keygate.toml --yes")]
    Accept(AcceptArgs),
}

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to make; `-` for standard output
    file: PathBuf,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The file to make; `-` for standard output
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// A backup or an export to prove, in place of the store
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    /// Also where changes since the backup are lost, revocations among them
    #[arg(long)]
    accept_loss: bool,
    /// Without a question
    #[arg(long)]
    yes: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The backup or export
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    /// Tries everything and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Lets the file's root account stand beside the store's own: its tokens may do there what they could
    #[arg(long)]
    second_root: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
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

impl StoreCommand {
    pub(super) fn wants_json(&self) -> bool {
        let output = match self {
            StoreCommand::Backup(args) => args.output,
            StoreCommand::Export(args) => args.output,
            StoreCommand::Verify(args) => args.output,
            StoreCommand::Restore(args) => args.output,
            StoreCommand::Import(args) => args.output,
            StoreCommand::Accept(args) => args.output,
        };
        output == Format::Json
    }
}

pub(super) fn store(
    command: &StoreCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        StoreCommand::Backup(args) => online::backup(args, admin, environment, terminal),
        StoreCommand::Export(args) => offline::export(args, environment, terminal),
        StoreCommand::Verify(args) => offline::verify(args, environment, terminal),
        StoreCommand::Restore(args) => offline::restore(args, environment, terminal),
        StoreCommand::Import(args) => offline::import(args, environment, terminal),
        StoreCommand::Accept(args) => offline::accept(args, environment, terminal),
    }
}
