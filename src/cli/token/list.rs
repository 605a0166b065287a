//! `keygate token list`.

use clap::Args;
use serde_json::json;

use super::super::args::ListShape;
use super::super::client::{Client, Page, with_query};
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::render;
use super::super::terminal::{Terminal, plain};
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
    /// How many at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Go on after the page that named this cursor
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Every page
    #[arg(long)]
    all: bool,
    #[arg(short, long, value_enum, default_value_t = ListShape::Table)]
    output: ListShape,
}

impl ListArgs {
    pub(super) fn wants_json(&self) -> bool {
        self.output != ListShape::Table
    }

    pub(super) fn path(&self, cursor: Option<&str>) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        let parameters = [
            ("account", self.account.as_deref()),
            ("state", self.state.as_deref()),
            ("kind", self.kind.as_deref()),
            ("limit", limit.as_deref()),
            ("cursor", cursor),
        ];
        with_query("/v1/tokens", &parameters)
    }
}

pub(super) fn list(args: &ListArgs, client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let mut items = Vec::new();
    let mut cursor = args.cursor.clone();
    loop {
        let Page { items: found, next } = client.page(&args.path(cursor.as_deref()))?;
        if args.output == ListShape::Jsonl {
            terminal.print(&found.iter().map(|item| format!("{item}\n")).collect::<String>())?;
        } else {
            items.extend(found);
        }
        // A cursor that does not move would be asked for without end.
        let moves = next.is_some() && next != cursor;
        cursor = next;
        if !args.all || !moves {
            break;
        }
    }
    match args.output {
        ListShape::Table => terminal.print(&render::list(COLUMNS, &items, terminal.width))?,
        ListShape::Json => terminal.print(&format!("{:#}\n", json!({"items": items, "next": cursor})))?,
        ListShape::Jsonl => {}
    }
    if let Some(cursor) = cursor.filter(|_| args.output != ListShape::Json) {
        terminal.note(&format!("There are more: add --all, or --cursor {}.\n", plain(&cursor)));
    }
    Ok(Exit::Ok)
}
