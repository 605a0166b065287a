//! `keygate audit tail`: the last entries, oldest first, and those that come.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{TailArgs, TailShape};
use crate::cli::Environment;
use crate::cli::args::AdminArgs;
use crate::cli::client::{Client, with_query};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::cell;
use crate::cli::terminal::{Terminal, plain};

/// How often it is asked what has come.
const PERIOD: Duration = Duration::from_secs(1);
const MOST: &str = "200";

pub(super) fn tail(
    args: &TailArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let client = Client::new(admin, environment, terminal)?;
    let lines = args.lines.to_string();
    let mut found = client.page(&query(args, &lines, None))?.items;
    found.reverse();
    print(args, &found, terminal)?;
    let mut last = found.last().map_or(0, seq);
    if !args.follow {
        return Ok(Exit::Ok);
    }
    loop {
        sleep(PERIOD);
        let found = since(&client, args, last)?;
        print(args, &found, terminal)?;
        last = found.last().map_or(last, seq);
    }
}

/// What came after an entry, oldest first.
fn since(client: &Client, args: &TailArgs, last: u64) -> Result<Vec<Value>, Failure> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.page(&query(args, MOST, cursor.as_deref()))?;
        let is_known = page.items.iter().any(|entry| seq(entry) <= last);
        found.extend(page.items.into_iter().filter(|entry| seq(entry) > last));
        cursor = page.next;
        if is_known || cursor.is_none() {
            found.reverse();
            return Ok(found);
        }
    }
}

fn query(args: &TailArgs, limit: &str, cursor: Option<&str>) -> String {
    let place = [("limit", Some(limit)), ("cursor", cursor)];
    with_query("/v1/audit", &[&args.filter.parameters()[..], &place].concat())
}

fn seq(entry: &Value) -> u64 {
    entry["seq"].as_u64().unwrap_or_default()
}

fn print(args: &TailArgs, entries: &[Value], terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let text: String = entries
        .iter()
        .map(|entry| match args.output {
            TailShape::Text => format!("{}\n", line(entry)),
            TailShape::Jsonl => format!("{entry}\n"),
        })
        .collect();
    terminal.print(&text)
}

/// `2026-11-25T04:00:00Z token.revoke done tok_… by tok_… from 192.0.2.7`.
fn line(entry: &Value) -> String {
    let outcome = match entry["code"].as_str() {
        Some(code) => format!("{} ({})", cell(&entry["outcome"]), plain(code)),
        None => cell(&entry["outcome"]),
    };
    let from = match entry["source"].as_str() {
        Some(source) if !source.is_empty() => format!(" from {}", plain(source)),
        _ => String::new(),
    };
    let object = cell(&entry["object"]["id"]);
    let (time, action, actor) = (cell(&entry["time"]), cell(&entry["action"]), actor(entry));
    format!("{time} {action} {outcome} {object} by {actor}{from}")
}

/// The token, the user, or what else is known.
pub(super) fn actor(entry: &Value) -> String {
    let actor = &entry["actor"];
    let ids = [&actor["user"], &actor["token"], &actor["kind"]];
    ids.into_iter().find(|id| id.is_string()).map(cell).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_says_what_happened_and_steers_no_terminal() {
        let entry = json!({
            "time": "2026-11-25T04:00:00.000Z", "action": "token.delete", "outcome": "denied", "code": "root_only",
            "object": {"id": "tok_1"}, "source": "192.0.2.7\u{1b}[2J",
            "actor": {"kind": "token", "token": "tok_2", "user": null}
        });
        let text = line(&entry);
        assert!(text.starts_with("2026-11-25T04:00:00Z token.delete denied (root_only) tok_1 by tok_2 from 192.0.2.7"));
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let system = json!({"actor": {"kind": "system", "token": null, "user": null}, "source": ""});
        assert!(line(&system).ends_with("by system"));
    }
}
