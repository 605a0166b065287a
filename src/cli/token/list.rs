//! `keygate token list`.

use clap::Args;

use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::listing::{Listing, PageArgs};
use super::super::output::ListOutput;
use super::super::terminal::Terminal;
use super::COLUMNS;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Whose tokens, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// active, disabled, revoked, expired or not_yet_valid
    #[arg(long)]
    state: Option<String>,
    /// personal, service, shared or session
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    output: ListOutput,
}

impl ListArgs {
    pub(super) fn wants_json(&self) -> bool {
        self.output.wants_json()
    }
}

pub(super) fn list(args: &ListArgs, client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let parameters =
        [("account", args.account.as_deref()), ("state", args.state.as_deref()), ("kind", args.kind.as_deref())];
    let listing = Listing {
        path: "/v1/tokens",
        parameters: &parameters,
        pages: &args.pages,
        output: &args.output,
        columns: COLUMNS,
    };
    listing.print(client, terminal)
}
