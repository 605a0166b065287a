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
    /// Also those of the accounts below
    #[arg(long)]
    below: bool,
    /// active, disabled, revoked, expired or not_yet_valid; several with commas between
    #[arg(long)]
    state: Option<String>,
    /// personal, service, shared or session; several with commas between
    #[arg(long)]
    kind: Option<String>,
    /// Of this user: usr_…, or me
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// That this token made, tok_…
    #[arg(long, value_name = "ID")]
    created_by: Option<String>,
    /// Neither made nor used for so long: 90d
    #[arg(long, value_name = "TIME")]
    unused_for: Option<String>,
    /// That expire within so long: 7d
    #[arg(long, value_name = "TIME")]
    expires_within: Option<String>,
    /// With this text in the name or the description
    #[arg(short, long = "search", value_name = "TEXT")]
    q: Option<String>,
    /// With these labels: `env=prod,team!=x`, `env in (a,b)`, `env`, `!env`; may be repeated
    #[arg(long = "label", value_name = "SELECTOR")]
    labels: Vec<String>,
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
    let labels = (!args.labels.is_empty()).then(|| args.labels.join(","));
    let parameters = [
        ("account", args.account.as_deref()),
        ("below", args.below.then_some("true")),
        ("state", args.state.as_deref()),
        ("kind", args.kind.as_deref()),
        ("owner", args.owner.as_deref()),
        ("created_by", args.created_by.as_deref()),
        ("unused_for", args.unused_for.as_deref()),
        ("expires_within", args.expires_within.as_deref()),
        ("q", args.q.as_deref()),
        ("label", labels.as_deref()),
        ("sort", args.sort.as_deref()),
    ];
    let listing = Listing {
        path: "/v1/tokens",
        parameters: &parameters,
        pages: &args.pages,
        output: &args.output,
        columns: COLUMNS,
    };
    listing.print(client, terminal)
}
