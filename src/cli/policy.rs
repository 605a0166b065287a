//! `keygate policy …`: which rules for tokens there are, and which hold in an account.

use clap::{Args, Subcommand};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{ListOutput, RecordOutput};
use super::render::{Column, cell, column};
use super::terminal::Terminal;
use crate::model::AccountId;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Lists the policies of the configuration
    #[command(after_help = "Examples:\n  keygate policy list")]
    List(ListArgs),
    /// Shows the policy that holds in an account
    #[command(after_help = "Examples:\n  keygate policy show acc_…")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The account's id, acc_…
    account: String,
    #[command(flatten)]
    output: RecordOutput,
}

impl PolicyCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            PolicyCommand::List(args) => args.output.wants_json(),
            PolicyCommand::Show(args) => args.output.wants_json(),
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
            args.output.print(policies, None, COLUMNS, terminal)
        }
        PolicyCommand::Show(args) => {
            let account: AccountId = args.account.parse().map_err(|error| {
                Failure::usage(format!("the argument is no account id: {error}"))
                    .hint("an account is named by its id, acc_…: `keygate account list` shows ids")
            })?;
            let client = Client::new(admin, environment, terminal)?;
            let record = client.get(&format!("/v1/accounts/{account}/policy"))?;
            args.output.print_fields(&record, &["name", "description"], terminal)
        }
    }
}

const COLUMNS: &[Column] = &[
    column("NAME", |policy| cell(&policy["name"])),
    column("KINDS", |policy| cell(&policy["kinds"])),
    column("MOST", |policy| cell(&policy["max_active"])),
    column("REVEAL", |policy| cell(&policy["reveal"])).if_room(2),
    column("DELETE", |policy| cell(&policy["delete_confirm"])).if_room(1),
    column("DESCRIPTION", |policy| cell(&policy["description"])),
];
