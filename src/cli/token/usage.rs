//! `keygate token usage`: what a token was used for, in tables.

use serde_json::Value;

use super::super::render::{self, Column, cell};

const FIELDS: &[&str] = &["id", "requests", "last_used", "in_use"];
const DAYS: &[Column] = &[("DAY", |day| cell(&day["day"])), ("REQUESTS", |day| cell(&day["requests"]))];
const ROUTES: &[Column] = &[
    ("ROUTE", |seen| cell(&seen["route"])),
    ("REQUESTS", |seen| cell(&seen["requests"])),
    ("LAST USED", |seen| cell(&seen["last_used"])),
];
const PEERS: &[Column] = &[
    ("PEER", |seen| cell(&seen["peer"])),
    ("REQUESTS", |seen| cell(&seen["requests"])),
    ("LAST USED", |seen| cell(&seen["last_used"])),
];

/// The sums, and a table each of routes, peers and days where there are any.
pub(super) fn table(usage: &Value, width: Option<u16>) -> String {
    let mut sums = usage.clone();
    if let Some(fields) = sums.as_object_mut() {
        ["days", "routes", "peers"].into_iter().for_each(|list| drop(fields.remove(list)));
    }
    let mut text = render::record(&sums, FIELDS, width);
    for (list, columns) in [("routes", ROUTES), ("peers", PEERS), ("days", DAYS)] {
        let items = usage[list].as_array().map(Vec::as_slice).unwrap_or_default();
        if !items.is_empty() {
            text.push('\n');
            text.push_str(&render::list(columns, items, width));
        }
    }
    text
}
