//! `keygate session …`: the sessions of the user that is logged in, and those of others by their ids.

use clap::{Args, Subcommand};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::listing::{Listing, PageArgs};
use super::output::ListOutput;
use super::render::{Column, cell, column, minute};
use super::terminal::Terminal;
use crate::model::TokenId;

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// Lists the sessions of the user whose session's token is used
    #[command(after_help = "Examples:\n  keygate session list --all\n  keygate session list --sort -last_used")]
    List(ListArgs),
    /// Ends a session: one's own, or with the right keygate.sessions one of somebody else
    #[command(after_help = "Examples:\n  keygate session end tok_…")]
    End(EndArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// active, disabled, revoked, expired or not_yet_valid; several with commas between
    #[arg(long)]
    state: Option<String>,
    /// Neither begun nor used for so long: 7d
    #[arg(long, value_name = "TIME")]
    unused_for: Option<String>,
    /// That expire within so long: 7d
    #[arg(long, value_name = "TIME")]
    expires_within: Option<String>,
    /// created, expires or last_used; with - before it in the other direction
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct EndArgs {
    /// The session's id, tok_…
    id: String,
}

impl SessionCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            SessionCommand::List(args) => args.output.wants_json(),
            SessionCommand::End(_) => false,
        }
    }
}

pub(super) fn session(
    command: &SessionCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        SessionCommand::List(args) => {
            let client = Client::new(admin, environment, terminal)?;
            let (pages, output) = (&args.pages, &args.output);
            let parameters = [
                ("state", args.state.as_deref()),
                ("unused_for", args.unused_for.as_deref()),
                ("expires_within", args.expires_within.as_deref()),
                ("sort", args.sort.as_deref()),
            ];
            Listing { path: "/v1/sessions", parameters: &parameters, pages, output, columns: COLUMNS }
                .print(&client, terminal)
        }
        SessionCommand::End(args) => {
            let id: TokenId = args.id.parse().map_err(|error| {
                Failure::usage(format!("the argument is no session id: {error}"))
                    .hint("`keygate session list` shows ids, tok_…")
            })?;
            Client::new(admin, environment, terminal)?.delete(&format!("/v1/sessions/{id}"))?;
            terminal.print(&format!("{id} ended\n")).map(|()| Exit::Ok)
        }
    }
}

const COLUMNS: &[Column] = &[
    column("ID", |session| cell(&session["id"])),
    column("ACCOUNT", |session| cell(&session["account"])).if_room(1),
    column("STATE", |session| cell(&session["state"])),
    column("BEGUN", |session| minute(&session["created"])),
    column("EXPIRES", |session| minute(&session["expires"])),
    column("LAST USED", |session| minute(&session["last_used"])).if_room(2),
    column("REQUESTS", |session| cell(&session["requests"])).wide(),
    column("HINT", |session| cell(&session["hint"])).wide(),
];
