//! `[[webhook]]`: who is told of events, and `[events]`: which of them time brings.

use std::collections::BTreeMap;
use std::time::Duration;

use super::problem::Place;
use super::secret::{self, Surroundings};
use super::settings::{Events, Webhook};
use super::suggest;
use super::table::{Mistake, Reader};
use super::tree::{Node, Value};
use super::upstream;
use super::value::{self, DAY};
use super::web_url;
use crate::model::{AccountId, EventKind, WebhookSecret};

const MOST_DISTANCES: usize = 10;
const LONGEST: Duration = DAY.saturating_mul(366);

/// `None`: some of them are wrong, and reported.
pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Vec<Webhook>> {
    let mut all = Some(Vec::new());
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    for mut table in root.tables("webhook") {
        let name = table.required("name", "write `name = \"chat\"`: by it the webhook is listed", upstream::name);
        let first = name.as_ref().and_then(|name| seen.insert(name.value.clone(), name.place.clone()));
        if let (Some(name), Some(first)) = (&name, first) {
            let first = table.findings().where_is(&first);
            let message = format!("there is another webhook named `{}` ({first})", name.value);
            table.findings().report(&name.place, message, "give each webhook a name of its own");
            all = None;
        }
        let webhook = one(&mut table, name.map(|name| name.value), around);
        table.finish();
        all = all.zip(webhook).map(|(mut all, webhook)| {
            all.push(webhook);
            all
        });
    }
    all
}

fn one(table: &mut Reader<'_>, name: Option<String>, around: &Surroundings<'_>) -> Option<Webhook> {
    let url = table.required("url", "write where the events go: `url = \"https://…\"`", web_url::url);
    let present = secret(table, "secret", around);
    let previous = match table.node("previous_secret") {
        None => Some(None),
        Some(_) => secret(table, "previous_secret", around).map(Some),
    };
    let events = table.field("events", kinds).or(Vec::new());
    let accounts = table.field("accounts", accounts).or(Vec::new());
    let url = url.map(|url| url.value);
    let trust = web_url::trust(table, url.as_ref(), "url", around);
    let queue = table.field("queue", value::count_usize(1..=100_000)).or(10_000);
    let attempts = table.field("attempts", value::count(1..=100)).or(16);
    let retry_after = table.field("retry_after", value::duration(DAY)).or(Duration::from_secs(5));
    let timeout = table.field("timeout", value::duration(Duration::from_secs(60))).or(Duration::from_secs(10));
    let (ca, allow_private) = trust?;
    Some(Webhook {
        name: name?,
        url: url?,
        secrets: [Some(present?), previous?].into_iter().flatten().collect(),
        events: events?,
        accounts: accounts?,
        allow_private,
        ca,
        queue: queue?,
        attempts: u32::try_from(attempts?).ok()?,
        retry_after: retry_after?,
        timeout: timeout?,
    })
}

fn secret(table: &mut Reader<'_>, key: &'static str, around: &Surroundings<'_>) -> Option<WebhookSecret> {
    let material = secret::read(table, key, around)?;
    match WebhookSecret::parse(&material.value) {
        Ok(secret) => Some(secret),
        Err(error) => {
            let help = "make one with `echo \"whsec_$(head -c 32 /dev/urandom | base64)\"`";
            table.findings().report(&material.place, format!("`{}`: it {error}", table.name_of(key)), help);
            None
        }
    }
}

/// Names of events, or `token.*` for all of tokens.
fn kinds(node: &Node) -> Result<Vec<EventKind>, Mistake> {
    let help = "write names of events, such as [\"token.revoked\", \"token.expiring\"], or [\"token.*\"]";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list of strings", help));
    };
    if items.is_empty() {
        return Err(Mistake::new("must not be empty: without it the webhook gets all events", help));
    }
    let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    let mut found = Vec::new();
    for item in items {
        let text =
            value::text(item).map_err(|mistake| Mistake::new(format!("has an item that {}", mistake.what), help))?;
        match (text.as_str(), EventKind::from_name(&text)) {
            ("token.*", _) => found.extend(EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Test)),
            // It is sent where somebody tries a webhook, and to no other.
            (_, Some(EventKind::Test)) => return Err(Mistake::new("has `webhook.test`, which no list needs", help)),
            (_, Some(kind)) => found.push(kind),
            (_, None) => {
                let help = suggest::help(&text, &known, "the events are");
                return Err(Mistake::new("has an item that is no event", help));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn accounts(node: &Node) -> Result<Vec<AccountId>, Mistake> {
    let help = "write ids of accounts, such as [\"acc_…\"]; `keygate account list` shows them";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list of strings", help));
    };
    if items.is_empty() {
        return Err(Mistake::new("must not be empty: without it the webhook gets the events of all accounts", help));
    }
    let account = |item: &Node| {
        value::text(item)?.parse::<AccountId>().map_err(|error| Mistake::new(format!("has an item: {error}"), help))
    };
    items.iter().map(account).collect()
}

pub(super) fn read_events(root: &mut Reader<'_>) -> Option<Events> {
    let mut table = root.section("events")?;
    let usual = [30, 7, 1].map(|days| DAY * days).to_vec();
    let expiring = table.field("expiring", distances).or(usual);
    table.finish();
    Some(Events { expiring: expiring? })
}

fn distances(node: &Node) -> Result<Vec<Duration>, Mistake> {
    let help = "write how long before its expiry a token is told of, such as [\"30d\", \"7d\", \"1d\"]";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list of durations", help));
    };
    if items.is_empty() || items.len() > MOST_DISTANCES {
        return Err(Mistake::new(format!("must have 1 to {MOST_DISTANCES} lengths"), help));
    }
    let distance = |item: &Node| {
        let length = value::duration(LONGEST)(item)
            .map_err(|mistake| Mistake::new(format!("has an item that {}", mistake.what), help))?;
        let is_told = length.as_secs() > 0 && length.subsec_nanos() == 0;
        if is_told { Ok(length) } else { Err(Mistake::new("has an item that is not a number of seconds", help)) }
    };
    items.iter().map(distance).collect()
}
