//! `keygate policy …`: which rules for tokens there are, and which hold in an account.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Environment;
use super::args::{AdminArgs, ListShape, Shape};
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::render::{self, Column, cell};
use super::terminal::Terminal;
use crate::model::AccountId;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Lists the policies of the configuration
    List(ListArgs),
    /// Shows the policy that holds in an account
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[arg(short, long, value_enum, default_value_t = ListShape::Table)]
    output: ListShape,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The account's id, acc_…
    account: String,
    #[arg(short, long, value_enum, default_value_t = Shape::Table)]
    output: Shape,
}

impl PolicyCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            PolicyCommand::List(args) => args.output != ListShape::Table,
            PolicyCommand::Show(args) => args.output == Shape::Json,
        }
    }
}

pub(super) fn policy(
    command: &PolicyCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::List(args) => {
            let page = Client::new(admin, environment, terminal)?.get("/v1/policies")?;
            let policies = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            terminal.print(&listed(policies, args.output, terminal.width)).map(|()| Exit::Ok)
        }
        PolicyCommand::Show(args) => {
            let account: AccountId = args.account.parse().map_err(|error| {
                Failure::usage(format!("the argument is no account id: {error}"))
                    .hint("an account is named by its id, acc_…: `keygate account list` shows ids")
            })?;
            let client = Client::new(admin, environment, terminal)?;
            let record = client.get(&format!("/v1/accounts/{account}/policy"))?;
            let text = match args.output {
                Shape::Table => render::record(&record, &["name", "description"], terminal.width),
                Shape::Json => format!("{record:#}\n"),
            };
            terminal.print(&text).map(|()| Exit::Ok)
        }
    }
}

const COLUMNS: &[Column] = &[
    ("NAME", |policy| cell(&policy["name"])),
    ("KINDS", |policy| cell(&policy["kinds"])),
    ("MOST", |policy| cell(&policy["max_active"])),
    ("REVEAL", |policy| cell(&policy["reveal"])),
    ("DELETE", |policy| cell(&policy["delete_confirm"])),
    ("DESCRIPTION", |policy| cell(&policy["description"])),
];

fn listed(policies: &[Value], shape: ListShape, width: Option<u16>) -> String {
    match shape {
        ListShape::Table => render::list(COLUMNS, policies, width),
        ListShape::Json => format!("{:#}\n", json!({"items": policies, "next": null})),
        ListShape::Jsonl => policies.iter().map(|policy| format!("{policy}\n")).collect(),
    }
}
