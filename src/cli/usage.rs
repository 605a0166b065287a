//! `keygate usage`: which tokens of an account are used how much, and which are not.

use clap::Args;
use serde_json::Value;

use super::Environment;
use super::args::AdminArgs;
use super::client::{Client, with_query};
use super::exit::Exit;
use super::failure::Failure;
use super::output::ListOutput;
use super::render::{Column, cell, column, minute};
use super::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct UsageArgs {
    /// Of which account, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only tokens that were never used
    #[arg(long)]
    never: bool,
    /// At most so many, those that are used most first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    #[command(flatten)]
    pub output: ListOutput,
}

pub(super) fn usage(
    args: &UsageArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let client = Client::new(admin, environment, terminal)?;
    let mut tokens = all(args.account.as_deref(), &client)?;
    let total: u64 = tokens.iter().map(requests).sum();
    tokens.retain(|token| !args.never || token["last_used"].is_null());
    tokens.sort_by_key(|token| std::cmp::Reverse(requests(token)));
    tokens.truncate(args.top.and_then(|top| usize::try_from(top).ok()).unwrap_or(usize::MAX));
    args.output.print(&tokens, None, COLUMNS, terminal)?;
    if !args.output.is_by_line() && !args.output.holds_the_cursor() {
        terminal.note(&format!("{total} requests by all tokens of the account; `keygate token usage ID` shows one.\n"));
    }
    Ok(Exit::Ok)
}

fn all(account: Option<&str>, client: &Client) -> Result<Vec<Value>, Failure> {
    let (mut tokens, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let parameters = [("account", account), ("limit", Some("200")), ("cursor", cursor.as_deref())];
        let page = client.page(&with_query("/v1/tokens", &parameters))?;
        tokens.extend(page.items);
        // A cursor that does not move would be asked for without end.
        if page.next.is_none() || page.next == cursor {
            return Ok(tokens);
        }
        cursor = page.next;
    }
}

fn requests(token: &Value) -> u64 {
    token["requests"].as_u64().unwrap_or_default()
}

const COLUMNS: &[Column] = &[
    column("ID", |token| cell(&token["id"])),
    column("NAME", |token| cell(&token["name"])),
    column("STATE", |token| cell(&token["state"])).if_room(2),
    column("REQUESTS", |token| cell(&token["requests"])),
    column("LAST USED", |token| minute(&token["last_used"])),
    column("CREATED", |token| minute(&token["created"])).if_room(1),
    column("KIND", |token| cell(&token["kind"])).wide(),
    column("GRANTS", |token| cell(&token["grants"])).wide(),
];
