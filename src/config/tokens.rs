//! `[tokens]` and `[cache]`: what tokens look like and how long they live, and what is remembered of them.

use std::time::Duration;

use super::header;
use super::limit;
use super::secret::{self, Surroundings};
use super::settings::{Cache, ExpiresHeader, Tokens};
use super::table::{Field, Mistake, Reader};
use super::tree::Node;
use super::value::{self, DAY};
use crate::model::{Pepper, TokenPrefix};

/// A hundred years: longer than any token's use, short enough for every sum of dates.
const LONGEST: Duration = DAY.saturating_mul(36_500);

const MOST_CACHED: u64 = 100_000_000;

pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Tokens> {
    if root.node("tokens").is_none() {
        let help = "write `[tokens]` and below it `pepper = { file = \"…\" }`; `keygate init` makes such a file";
        root.findings().report_absence(root.place(), "`[tokens]` is missing", help);
        return None;
    }
    let mut table = root.section("tokens")?;
    let prefix = table.field("prefix", prefix).or(TokenPrefix::default());
    let pepper = key(&mut table, "pepper", around);
    let reveal_key = match table.node("reveal_key") {
        None => Some(None),
        Some(_) => key(&mut table, "reveal_key", around).map(Some),
    };
    let expiry = expiry(&mut table);
    let rate_limit = limit::quota(&mut table, "rate_limit");
    let expires_header = expires_header(&mut table);
    table.finish();
    let (default_expiry, max_expiry) = expiry?;
    Some(Tokens {
        prefix: prefix?,
        pepper: pepper?,
        reveal_key: reveal_key?,
        default_expiry,
        max_expiry,
        rate_limit: rate_limit?,
        expires_header: expires_header?,
    })
}

/// `None`: reported; `Some(None)`: off.
fn expires_header(table: &mut Reader<'_>) -> Option<Option<ExpiresHeader>> {
    let usual = || Some("keygate-token-expires".to_owned());
    let name = table.field("expires_header", value::or_word("off", header::name)).or(usual());
    let within = table.field("expires_header_within", value::duration(LONGEST)).or(7 * DAY);
    let (name, within) = (name?, within?);
    Some(name.map(|name| ExpiresHeader { name, within }))
}

fn prefix(node: &Node) -> Result<TokenPrefix, Mistake> {
    let help = format!("write {}", TokenPrefix::RULE);
    value::text(node)?.parse().map_err(|_| Mistake::new("is no token prefix", help))
}

fn key(table: &mut Reader<'_>, name: &'static str, around: &Surroundings<'_>) -> Option<Pepper> {
    let material = secret::read(table, name, around)?;
    match Pepper::from_material(&material.value) {
        Ok(pepper) => Some(pepper),
        Err(error) => {
            let help = format!("make one with `head -c {} /dev/urandom | base64`", Pepper::MIN_BYTES);
            table.findings().report(&material.place, format!("`{}`: {error}", table.name_of(name)), help);
            None
        }
    }
}

/// `(default, max)`, the default within the maximum.
fn expiry(table: &mut Reader<'_>) -> Option<(Option<Duration>, Option<Duration>)> {
    let default = table.field("default_expiry", value::or_word("never", value::duration(LONGEST)));
    let max = table.field("max_expiry", value::or_word("unlimited", value::duration(LONGEST))).or(None);
    let max = max?;
    let default = match default {
        Field::Bad => return None,
        Field::Absent => {
            let usual = 90 * DAY;
            return Some((Some(max.map_or(usual, |max| usual.min(max))), max));
        }
        Field::Good(located) => located,
    };
    if max.is_some_and(|max| default.value.is_none_or(|default| default > max)) {
        let help = "lower `default_expiry`, or raise `max_expiry`, or write `max_expiry = \"unlimited\"`";
        table.findings().report(&default.place, "`tokens.default_expiry` is longer than `tokens.max_expiry`", help);
        return None;
    }
    if default.value.is_none() {
        table.findings().warn("`tokens.default_expiry` is \"never\": a token whose expiry nobody names works for ever");
    }
    Some((default.value, max))
}

pub(super) fn read_cache(root: &mut Reader<'_>) -> Option<Cache> {
    let mut table = root.section("cache")?;
    let tokens = table.field("tokens", value::count(1..=MOST_CACHED)).or(100_000);
    let unknown = table.field("unknown", value::count(1..=MOST_CACHED)).or(100_000);
    let unknown_ttl = table.field("unknown_ttl", value::duration(DAY)).or(Duration::from_secs(30));
    table.finish();
    Some(Cache { tokens: tokens?, unknown: unknown?, unknown_ttl: unknown_ttl? })
}
