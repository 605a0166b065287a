//! `keygate token revoke`: tokens by their ids, all that a filter is true for, or the very one that makes the call.

use clap::Args;
use serde_json::Value;

use super::super::client::Client;
use super::super::confirm;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::Shape;
use super::super::terminal::Terminal;
use super::bulk::{self, BulkArgs};
use super::change::{Connect, EndArgs, Verb, end};

#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArgs {
    /// The tokens' ids, tok_…
    #[arg(required_unless_present_any = ["own", "filter", "every"], value_name = "ID", conflicts_with = "filter")]
    ids: Vec<String>,
    /// The token that is used for the call itself, which needs no right: the way to give up a leaked one
    #[arg(long = "self", id = "own", conflicts_with_all = ["ids", "filter"])]
    own: bool,
    #[command(flatten)]
    bulk: BulkArgs,
    /// Do not ask; with a filter, --expect says so
    #[arg(short, long)]
    yes: bool,
    /// json: one line a token
    #[arg(short, long, value_enum, default_value_t = Shape::Table)]
    pub(in crate::cli) output: Shape,
}

pub(super) fn revoke(args: &RevokeArgs, connect: Connect<'_>, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    if args.ids.is_empty() && !args.own {
        if args.yes {
            return Err(Failure::usage("--yes does not say how many tokens are meant")
                .hint("see with --dry-run how many they are, and say so with --expect N"));
        }
        return bulk::revoke(&args.bulk, args.output, connect, terminal);
    }
    if !args.own {
        return end(Verb::Revoke, &EndArgs::of(args.ids.clone(), args.output, args.yes), connect, terminal);
    }
    confirm::possible(args.yes, "revoke", terminal)?;
    let client = connect(terminal)?;
    if !args.yes {
        ask(&client, terminal)?;
    }
    let record = client.post("/v1/tokens/current/revoke", None)?;
    let id = record["id"].as_str().unwrap_or("the token");
    // By a text that another one replaced, that text alone is given up.
    let done = if record["state"] == "revoked" { "revoked" } else { "goes on with its present text" };
    terminal.print(&match args.output {
        Shape::Table => format!("{id} {done}\n"),
        Shape::Json | Shape::Jsonl => format!("{record}\n"),
    })?;
    Ok(Exit::Ok)
}

fn ask(client: &Client, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let own: Value = client.get("/v1/whoami")?;
    let text = |name: &str| own["token"][name].as_str().unwrap_or_default();
    confirm::confirm("revoke", text("id"), text("name"), terminal)
}
