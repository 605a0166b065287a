//! `keygate webhook …`: who is told of events, and what could not be delivered.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{ListOutput, RecordOutput};
use super::render::{Column, cell, column};
use super::terminal::Terminal;

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Lists the webhooks of the configuration, and how they are
    #[command(after_help = "Examples:\n  keygate webhook list\n  keygate webhook list --field last_error")]
    List(ListArgs),
    /// Sends a message that says nothing; exit code 1 if it was not taken
    #[command(after_help = "Examples:\n  keygate webhook test chat")]
    Test(TestArgs),
    /// Lists the messages that could not be delivered
    #[command(after_help = "Examples:\n  keygate webhook dead chat\n  keygate webhook dead chat -o jsonl")]
    Dead(DeadArgs),
    /// Shows a message that could not be delivered, with all that the receiver would have got
    #[command(
        after_help = "Examples:\n  keygate webhook show chat msg_…\n  keygate webhook show chat msg_… --field payload"
    )]
    Show(ShowArgs),
    /// Puts messages that could not be delivered into the line again: all of them, or those with --id
    #[command(after_help = "Examples:\n  keygate webhook redeliver chat\n  keygate webhook redeliver chat --id msg_…")]
    Redeliver(RedeliverArgs),
    /// Forgets messages that could not be delivered
    #[command(
        after_help = "Examples:\n  keygate webhook discard chat --id msg_…\n  keygate webhook discard chat --all"
    )]
    Discard(DiscardArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The webhook's name
    name: String,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct DeadArgs {
    /// The webhook's name
    name: String,
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The webhook's name
    name: String,
    /// The message's id, msg_…
    id: String,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct DiscardArgs {
    /// The webhook's name
    name: String,
    /// The message with this id, msg_…; may be given several times
    #[arg(long = "id", value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// Every message that could not be delivered
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct RedeliverArgs {
    /// The webhook's name
    name: String,
    /// Only the message with this id, msg_…; may be given several times
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    output: RecordOutput,
}

impl WebhookCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            WebhookCommand::List(args) => args.output.wants_json(),
            WebhookCommand::Dead(args) => args.output.wants_json(),
            WebhookCommand::Test(args) => args.output.wants_json(),
            WebhookCommand::Show(args) => args.output.wants_json(),
            WebhookCommand::Redeliver(args) => args.output.wants_json(),
            WebhookCommand::Discard(args) => args.output.wants_json(),
        }
    }
}

pub(super) fn webhook(
    command: &WebhookCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        WebhookCommand::List(args) => {
            let page = Client::new(admin, environment, terminal)?.page("/v1/webhooks")?;
            args.output.print(&page.items, None, COLUMNS, terminal)
        }
        WebhookCommand::Dead(args) => {
            let path = path(&args.name, "dead")?;
            let page = Client::new(admin, environment, terminal)?.page(&path)?;
            args.output.print(&page.items, None, DEAD_COLUMNS, terminal)
        }
        WebhookCommand::Test(args) => {
            let path = path(&args.name, "test")?;
            let record = Client::new(admin, environment, terminal)?.post(&path, None)?;
            args.output.print_fields(&record, &["delivered", "status", "error", "took_ms"], terminal)?;
            Ok(if record["delivered"] == Value::Bool(true) { Exit::Ok } else { Exit::Failed })
        }
        WebhookCommand::Redeliver(args) => {
            let path = path(&args.name, "redeliver")?;
            let body = if args.ids.is_empty() { json!({}) } else { json!({"ids": args.ids}) };
            let record = Client::new(admin, environment, terminal)?.post(&path, Some(&body))?;
            args.output.print_fields(&record, &["redelivered"], terminal)
        }
        WebhookCommand::Show(args) => {
            let path = format!("{}/{}", path(&args.name, "dead")?, message(&args.id)?);
            let record = Client::new(admin, environment, terminal)?.get(&path)?;
            args.output.print_fields(&record, &["id", "type", "at", "attempts", "reason"], terminal)
        }
        WebhookCommand::Discard(args) => {
            let path = path(&args.name, "discard")?;
            let body = if args.all { json!({"ids": "all"}) } else { json!({"ids": args.ids}) };
            let record = Client::new(admin, environment, terminal)?.post(&path, Some(&body))?;
            args.output.print_fields(&record, &["discarded"], terminal)
        }
    }
}

fn path(name: &str, call: &str) -> Result<String, Failure> {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let refused = || Failure::usage("the argument is no webhook's name").hint("`keygate webhook list` shows names");
    if is_name && !name.is_empty() { Ok(format!("/v1/webhooks/{name}/{call}")) } else { Err(refused()) }
}

fn message(id: &str) -> Result<&str, Failure> {
    let rest = id.strip_prefix("msg_").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let refused =
        || Failure::usage("the argument is no id of a message").hint("`keygate webhook dead NAME` shows ids, msg_…");
    rest.filter(|rest| !rest.is_empty()).map(|_| id).ok_or_else(refused)
}

const COLUMNS: &[Column] = &[
    column("NAME", |webhook| cell(&webhook["name"])),
    column("STATE", |webhook| cell(&webhook["state"])),
    column("PENDING", |webhook| cell(&webhook["pending"])),
    column("DEAD", |webhook| cell(&webhook["dead"])),
    column("DELIVERED", |webhook| cell(&webhook["delivered"])),
    column("URL", |webhook| cell(&webhook["url"])),
    column("LAST ERROR", |webhook| cell(&webhook["last_error"])),
];

const DEAD_COLUMNS: &[Column] = &[
    column("ID", |letter| cell(&letter["id"])),
    column("TYPE", |letter| cell(&letter["type"])),
    column("AT", |letter| cell(&letter["at"])),
    column("ATTEMPTS", |letter| cell(&letter["attempts"])),
    column("REASON", |letter| cell(&letter["reason"])),
];
