//! `keygate token list`.

use clap::Args;

use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::listing::{Listing, PageArgs};
use super::super::output::ListOutput;
use super::super::terminal::Terminal;
use super::COLUMNS;
use super::filter::FilterArgs;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// created, name, expires or last_used; with - before it in the other direction
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
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
    let filter = args.filter.parameters();
    let sort = ("sort", args.sort.as_deref());
    let parameters: Vec<_> = filter.iter().map(|(name, value)| (*name, value.as_deref())).chain([sort]).collect();
    let listing = Listing {
        path: "/v1/tokens",
        parameters: &parameters,
        pages: &args.pages,
        output: &args.output,
        columns: COLUMNS,
    };
    listing.print(client, terminal)
}
