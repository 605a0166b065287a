//! `rate_limit = { quota = 100, window = "60s" }` or `"unlimited"`.

use std::time::Duration;

use super::settings::{LimitKey, RouteLimit};
use super::table::{Mistake, Reader};
use super::tree::Value;
use super::value;
use crate::model::{Quota, QuotaError};

const KEYS: &[(&str, LimitKey)] = &[("token", LimitKey::Token), ("route", LimitKey::Route)];

/// `None`: reported; `Some(None)`: no limit.
pub(super) fn quota(table: &mut Reader<'_>, key: &'static str) -> Option<Option<Quota>> {
    let Some(mut limit) = open(table, key)? else { return Some(None) };
    let quota = read_quota(&mut limit);
    limit.finish();
    quota.map(Some)
}

/// As [`quota`], where so many a minute are the limit that nobody wrote.
pub(super) fn quota_or(table: &mut Reader<'_>, key: &'static str, a_minute: u32) -> Option<Option<Quota>> {
    if table.table().entries.contains_key(key) {
        return quota(table, key);
    }
    // So that it is a known key.
    table.node(key);
    Some(Quota::new(a_minute, Duration::from_secs(60)).ok())
}

/// As [`quota`], with what it counts by.
pub(super) fn route_limit(table: &mut Reader<'_>, key: &'static str) -> Option<Option<RouteLimit>> {
    let Some(mut limit) = open(table, key)? else { return Some(None) };
    let quota = read_quota(&mut limit);
    let key = limit.field("key", value::choice(KEYS)).or(LimitKey::Token);
    limit.finish();
    Some(Some(RouteLimit { quota: quota?, key: key? }))
}

/// The limit's table; `Some(None)` where there is none, or where it says "unlimited".
fn open<'a>(table: &mut Reader<'a>, key: &'static str) -> Option<Option<Reader<'a>>> {
    let Some(node) = table.node(key) else { return Some(None) };
    if node.as_text() == Some("unlimited") {
        return Some(None);
    }
    if !matches!(node.value, Value::Table(_)) {
        let help = "write `{ quota = 100, window = \"60s\" }` or \"unlimited\"";
        table.mistake(key, node, Mistake::new("is no limit", help));
        return None;
    }
    table.table_in(key, node).map(Some)
}

fn read_quota(limit: &mut Reader<'_>) -> Option<Quota> {
    let requests =
        limit.required("quota", "write how many requests: `quota = 100`", value::count(1..=u64::from(u32::MAX)));
    let window =
        limit.required("window", "write in how long: `window = \"60s\"`", value::duration(value::DAY * 36_500));
    let (requests, window) = (requests?, window?);
    let number = u32::try_from(requests.value).unwrap_or(u32::MAX);
    match Quota::new(number, window.value) {
        Ok(quota) => Some(quota),
        Err(error) => {
            let (place, key) = match error {
                QuotaError::Window => (&window.place, "window"),
                QuotaError::NoRequests | QuotaError::TooFine => (&requests.place, "quota"),
            };
            limit.findings().report(
                place,
                format!("`{}`: {error}", limit.name_of(key)),
                "write a smaller quota or another window",
            );
            None
        }
    }
}
