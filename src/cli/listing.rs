//! Lists that come in pages: one page, or all of them, printed in the shape that was asked for.

use clap::Args;

use super::client::{Client, Page, with_query};
use super::exit::Exit;
use super::failure::Failure;
use super::output::ListOutput;
use super::render::Column;
use super::terminal::{Terminal, plain};

/// Which part of a list.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PageArgs {
    /// How many at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Go on after the page that named this cursor
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Every page
    #[arg(long)]
    all: bool,
}

impl PageArgs {
    /// For lists that are short enough to be shown whole.
    pub(super) fn all() -> Self {
        Self { all: true, ..Self::default() }
    }
}

/// A list of the admin API, and how it is to be printed.
pub(super) struct Listing<'a> {
    pub path: &'a str,
    pub parameters: &'a [(&'a str, Option<&'a str>)],
    pub pages: &'a PageArgs,
    pub output: &'a ListOutput,
    pub columns: &'a [Column],
}

impl Listing<'_> {
    /// Asks for as many pages as are wanted, and prints them.
    pub(super) fn print(&self, client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
        let Self { path, parameters, pages, output, columns } = self;
        let limit = pages.limit.map(|limit| limit.to_string());
        let mut items = Vec::new();
        let mut cursor = pages.cursor.clone();
        loop {
            let place = [("limit", limit.as_deref()), ("cursor", cursor.as_deref())];
            let Page { items: found, next } = client.page(&with_query(path, &[*parameters, &place].concat()))?;
            if output.is_by_line() {
                output.print(&found, None, columns, terminal)?;
            } else {
                items.extend(found);
            }
            // A cursor that does not move would be asked for without end.
            let moves = next.is_some() && next != cursor;
            cursor = next;
            if !pages.all || !moves {
                break;
            }
        }
        if !output.is_by_line() {
            output.print(&items, cursor.as_deref(), columns, terminal)?;
        }
        if let Some(cursor) = cursor.filter(|_| !output.holds_the_cursor()) {
            terminal.note(&format!("There are more: add --all, or --cursor {}.\n", plain(&cursor)));
        }
        Ok(Exit::Ok)
    }
}
