//! `keygate token usage`: what a token was used for, in tables.

use serde_json::Value;

use super::super::render::{self, Column, Frame, cell, column};

const FIELDS: &[&str] = &["id", "requests", "last_used", "in_use"];
const DAYS: &[Column] = &[column("DAY", |day| cell(&day["day"])), column("REQUESTS", |day| cell(&day["requests"]))];
const ROUTES: &[Column] = &[
    column("ROUTE", |seen| cell(&seen["route"])),
    column("REQUESTS", |seen| cell(&seen["requests"])),
    column("LAST USED", |seen| cell(&seen["last_used"])),
];
const PEERS: &[Column] = &[
    column("PEER", |seen| cell(&seen["peer"])),
    column("REQUESTS", |seen| cell(&seen["requests"])),
    column("LAST USED", |seen| cell(&seen["last_used"])),
];

/// The sums, and a table each of routes, peers and days where there are any.
pub(super) fn table(usage: &Value, frame: Frame) -> String {
    let mut sums = usage.clone();
    if let Some(fields) = sums.as_object_mut() {
        ["days", "routes", "peers"].into_iter().for_each(|list| drop(fields.remove(list)));
    }
    let mut text = render::record(&sums, FIELDS, frame);
    for (list, columns) in [("routes", ROUTES), ("peers", PEERS), ("days", DAYS)] {
        let items = usage[list].as_array().map(Vec::as_slice).unwrap_or_default();
        if !items.is_empty() {
            text.push('\n');
            text.push_str(&render::list(columns, items, frame));
        }
    }
    text
}
