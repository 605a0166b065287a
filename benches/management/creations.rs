//! Tokens that are made: as fast as can be, and so many a second beside requests.

use std::collections::BTreeSet;
use std::thread;

use keygate::model::Clock;
use serde_json::json;

use crate::Outcome;
use crate::client::Client;
use crate::gateway::Gateway;
use crate::options::Options;
use crate::paced::{Paced, paced};
use crate::pages;
use crate::report::{Bar, Report};
use crate::samples::Samples;

const CONNECTIONS: u64 = 16;
const REQUESTS_A_SECOND: f64 = 1_000.0;
const CREATIONS_A_SECOND: f64 = 10_000.0 / 60.0;
/// How long requests are measured alone.
const ALONE: u64 = 15;

/// The ids of what was acknowledged.
pub type Made = BTreeSet<String>;

/// Makes the account's tokens.
pub fn fill(gateway: &Gateway, options: &Options, report: &mut Report) -> Outcome<Made> {
    eprintln!("{} tokens", options.tokens);
    let clock = Clock::system();
    let begun = clock.mono();
    let makers: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            let (mut client, tokens) = (gateway.management()?, options.tokens);
            Ok(thread::spawn(move || {
                (first..tokens).step_by(CONNECTIONS as usize).map(|number| make(&mut client, number)).collect()
            }))
        })
        .collect::<Outcome<_>>()?;
    let mut made = Made::new();
    for maker in makers {
        let ids: Outcome<Vec<String>> = maker.join().map_err(|_| "a thread that makes tokens panicked")?;
        made.extend(ids?);
    }
    let rate = options.tokens as f64 / (clock.mono() - begun).as_secs_f64();
    report.add("creations, as fast as can be", rate, "/s", Bar::None);
    Ok(made)
}

/// One that others are like: names in another order than creations, three labels, every fourth one expires.
fn make(client: &mut Client, number: u64) -> Outcome<String> {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let env = if (scattered >> 8).is_multiple_of(2) { "prod" } else { "test" };
    let token = json!({
        "name": format!("{:08x} deploy", scattered >> 32),
        "description": if number.is_multiple_of(100) { "the one in a hundred that is looked for" } else { "rolls out" },
        "grants": {"devices": "read"},
        "labels": {"env": env, "team": format!("t{}", (scattered >> 16) % 50)},
        "expires": if number.is_multiple_of(4) { format!("{}h", 24 + (scattered >> 24) % 2_000) } else { "never".to_owned() },
    });
    let record = client.ask("POST", "/v1/tokens", &token.to_string())?.json(201)?;
    Ok(record["id"].as_str().ok_or("a token without an id")?.to_owned())
}

/// Requests alone; requests beside creations; and what is there after a kill.
pub fn beside_requests(gateway: &mut Gateway, mut made: Made, options: &Options, report: &mut Report) -> Outcome<Made> {
    eprintln!("requests alone, {ALONE} s");
    tell(report, "requests alone, 1,000 a second", requests(gateway, ALONE)?.wait()?, Bar::None);
    eprintln!("requests beside creations, {} s", options.seconds);
    let requests = requests(gateway, options.seconds)?;
    let mut number = options.tokens;
    let makers = paced(
        CREATIONS_A_SECOND,
        options.seconds,
        4,
        |_| gateway.management(),
        move |client, of| {
            number += 1;
            make(client, number + of * 1_000_000)
        },
    )?;
    let (taken, ids) = makers.wait_with_results()?;
    let of_requests = requests.wait()?;
    gateway.kill()?;
    report.add(
        "creations acknowledged",
        ids.len() as f64,
        "",
        Bar::AtLeast(CREATIONS_A_SECOND.floor() * options.seconds as f64),
    );
    tell(report, "creations, 10,000 a minute", taken, Bar::None);
    tell(report, "requests beside them, 1,000 a second", of_requests, Bar::None);
    made.extend(ids);
    gateway.start_again()?;
    let there = pages::ids(gateway)?;
    report.add("acknowledged and not there after a kill", made.difference(&there).count() as f64, "", Bar::AtMost(0.0));
    Ok(there)
}

fn requests(gateway: &Gateway, seconds: u64) -> Outcome<Paced<()>> {
    let token = json!({"name": "load", "grants": {"devices": "read"}}).to_string();
    let token = gateway.management()?.ask("POST", "/v1/tokens", &token)?.json(201)?;
    let token = token["token"].as_str().ok_or("a token without its text")?.to_owned();
    let port = gateway.port;
    paced(
        REQUESTS_A_SECOND,
        seconds,
        8,
        |_| Client::connect(port, &token),
        |client, _| match client.ask("GET", "/v1/devices/7", "")?.status {
            200 => Ok(()),
            other => Err(format!("a request was answered with {other}").into()),
        },
    )
}

fn tell(report: &mut Report, what: &str, mut taken: Samples, bar: Bar) {
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("most", 1.0)] {
        report.add(&format!("{what}: {name}"), taken.quantile(share) / 1e3, "ms", bar);
    }
}
