//! The list of all tokens, page by page, in every order and by filters.

use std::collections::BTreeSet;

use keygate::model::Clock;
use serde_json::Value;

use crate::Outcome;
use crate::creations::Made;
use crate::gateway::Gateway;
use crate::report::{Bar, Report};
use crate::samples::Samples;

/// Pages of one list that are timed. In orders other than that of creation each looks at all tokens.
const MOST: usize = 50;
/// What a page may take.
const BAR: Bar = Bar::AtMost(20.0);
const ORDERS: [&str; 8] = ["created", "-created", "name", "-name", "expires", "-expires", "last_used", "-last_used"];
const FILTERS: [&str; 11] = [
    "state=active",
    "state=revoked",
    "kind=service",
    "owner=usr_0000000000000000000000",
    "unused_for=1s",
    "expires_within=3d",
    "q=looked+for",
    "q=nothing+has+this",
    "label=env%3Dprod",
    "label=team%3Dt7,env%3Dtest&sort=-name",
    "below=true&sort=name",
];

/// Walks the lists, and times each page.
pub fn measure(gateway: &Gateway, there: &Made, report: &mut Report) -> Outcome<()> {
    for order in ORDERS {
        eprintln!("sorted by {order}");
        let (taken, ids) = walk(gateway, &format!("sort={order}"), MOST)?;
        if ids.len() != there.len().min(50 * MOST) {
            return Err(format!("{} tokens on {} pages in the order {order}", ids.len(), taken.count()).into());
        }
        tell(report, &format!("page of 50, sort={order}"), taken);
    }
    for filter in FILTERS {
        eprintln!("filtered by {filter}");
        let (taken, ids) = walk(gateway, filter, MOST)?;
        tell(report, &format!("page of 50, {filter} ({})", ids.len()), taken);
    }
    let mut samples = Samples::default();
    for _ in 0..20 {
        samples.join(timed(gateway, "/v1/tokens?limit=1&count=true")?.0);
    }
    report.add("count of all: p50", samples.quantile(0.5) / 1e3, "ms", Bar::None);
    Ok(())
}

fn tell(report: &mut Report, what: &str, mut taken: Samples) {
    report.add(&format!("{what}: p50"), taken.quantile(0.5) / 1e3, "ms", Bar::None);
    report.add(&format!("{what}: p99"), taken.quantile(0.99) / 1e3, "ms", BAR);
}

/// The ids of all tokens.
pub fn ids(gateway: &Gateway) -> Outcome<Made> {
    Ok(walk(gateway, "limit=200&fields=id", usize::MAX)?.1)
}

/// From the first page on, so many at most.
fn walk(gateway: &Gateway, query: &str, most: usize) -> Outcome<(Samples, BTreeSet<String>)> {
    let (mut taken, mut ids, mut cursor) = (Samples::default(), BTreeSet::new(), String::new());
    let mut client = gateway.management()?;
    let clock = Clock::system();
    loop {
        let begun = clock.mono();
        let answer = client.ask("GET", &format!("/v1/tokens?{query}{cursor}"), "")?;
        taken.add(clock.mono() - begun);
        let page = answer.json(200)?;
        for item in page["items"].as_array().ok_or("a page without items")? {
            let id = item["id"].as_str().ok_or("a token without an id")?.to_owned();
            if !ids.insert(id) {
                return Err(format!("{query}: a token stands on two pages").into());
            }
        }
        match &page["next"] {
            Value::String(next) if taken.count() < most => cursor = format!("&cursor={next}"),
            _ => return Ok((taken, ids)),
        }
    }
}

fn timed(gateway: &Gateway, target: &str) -> Outcome<(Samples, Value)> {
    let (mut client, mut samples, clock) = (gateway.management()?, Samples::default(), Clock::system());
    let begun = clock.mono();
    let answer = client.ask("GET", target, "")?;
    samples.add(clock.mono() - begun);
    Ok((samples, answer.json(200)?))
}
