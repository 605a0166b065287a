//! `keygate role …`: which roles there are, and what each gives.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{ListOutput, RecordOutput};
use super::render::{Column, cell, column};
use super::terminal::{Terminal, plain};

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Lists the roles: those that are built in and those of the configuration
    #[command(after_help = "Examples:\n  keygate role list\n  keygate role list --field name")]
    List(ListArgs),
    /// Shows what a role gives
    #[command(after_help = "Examples:\n  keygate role show viewer")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The role's name
    name: String,
    #[command(flatten)]
    output: RecordOutput,
}

impl RoleCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            RoleCommand::List(args) => args.output.wants_json(),
            RoleCommand::Show(args) => args.output.wants_json(),
        }
    }
}

pub(super) fn role(
    command: &RoleCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    // They are as many as the configuration has: there are no pages.
    let roles = Client::new(admin, environment, terminal)?.page("/v1/roles")?.items;
    match command {
        RoleCommand::List(args) => args.output.print(&roles, None, COLUMNS, terminal),
        RoleCommand::Show(args) => {
            let found = roles.iter().find(|role| role["name"] == args.name.as_str());
            let role = found.ok_or_else(|| missing(&args.name, &roles))?;
            args.output.print_fields(role, &["name", "description", "grants"], terminal)
        }
    }
}

fn missing(name: &str, roles: &[Value]) -> Failure {
    let names: Vec<_> = roles.iter().filter_map(|role| role["name"].as_str()).map(plain).collect();
    Failure::new(Exit::NotFound, format!("there is no role `{}`", plain(name)))
        .hint(format!("there are: {}", names.join(", ")))
}

const COLUMNS: &[Column] = &[
    column("NAME", |role| cell(&role["name"])),
    column("GRANTS", |role| cell(&role["grants"])),
    column("DESCRIPTION", |role| cell(&role["description"])),
];
