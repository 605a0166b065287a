//! `keygate audit search` and `export`: entries from the running gateway.

use std::io;

use super::{ExportArgs, SearchArgs};
use crate::cli::Environment;
use crate::cli::args::AdminArgs;
use crate::cli::client::Client;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::listing::Listing;
use crate::cli::render::{Column, cell, column};
use crate::cli::store::file::Target;
use crate::cli::terminal::Terminal;

pub(super) fn search(
    args: &SearchArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let client = Client::new(admin, environment, terminal)?;
    let dates = [("since", args.since.as_deref()), ("until", args.until.as_deref())];
    let parameters = [&args.filter.parameters()[..], &dates].concat();
    let (pages, output) = (&args.pages, &args.output);
    Listing { path: "/v1/audit", parameters: &parameters, pages, output, columns: COLUMNS }.print(&client, terminal)
}

const COLUMNS: &[Column] = &[
    column("TIME", |entry| cell(&entry["time"])),
    column("ACTION", |entry| cell(&entry["action"])),
    column("OUTCOME", |entry| cell(&entry["outcome"])),
    column("ACTOR", super::tail::actor),
    column("OBJECT", |entry| cell(&entry["object"]["id"])),
    column("SOURCE", |entry| cell(&entry["source"])).if_room(2),
    column("SEQ", |entry| cell(&entry["seq"])).if_room(1),
];

pub(super) fn export(
    args: &ExportArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let client = Client::new(admin, environment, terminal)?;
    let mut target = Target::open(&args.file, terminal.out)?;
    let mut from = client.download("/v1/audit/export")?;
    io::copy(&mut from, &mut target).map_err(|error| Failure::failed(format!("the export broke off: {error}")))?;
    target.keep()?;
    Ok(Exit::Ok)
}
