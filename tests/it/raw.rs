//! Every file of `tests/raw`, alone and in front of a further request, over plain TCP and TLS, before an
//! upstream that records and before servers that nobody here wrote: what arrives is what was allowed, one
//! to one, and the answer is the expected one.

pub mod case;
mod exchange;
mod servers;

use std::collections::BTreeMap;
use std::path::Path;

use case::{After, Case, Expected};
use exchange::{Door, Heard};

use crate::support::tls::Authority;
use crate::support::{Builder, Gateway, Recorded, Upstream};

const MARKER: &str = "/v1/devices/marker";

fn cases() -> Vec<Case> {
    let cases = Case::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/raw"));
    assert!(cases.len() >= 500, "{} cases", cases.len());
    cases
}

/// A request that ends the connection, so that who reads to its end has read all.
fn marker(token: &str) -> Vec<u8> {
    format!("GET {MARKER} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// In front of `upstream`, with a route whose requests name an account, and one that takes WebSockets.
fn builder(upstream: &str) -> Builder {
    Builder::new(upstream).policies(
        "[[route]]\nname = \"selected\"\npath = \"/v1/selected/{*rest}\"\nresource = \"devices\"\nupstream = \"api\"\n\
         account = { header = \"X-Account\" }\n\
         [[route]]\nname = \"live\"\npath = \"/v1/live/{*rest}\"\nresource = \"devices\"\nupstream = \"api\"\n\
         websocket = \"recheck\"\n",
    )
}

/// What is wrong with what came back, in words.
fn check_answers(case: &Case, heard: &Heard) -> Result<(), String> {
    let count = heard.answers.len();
    if case.is_cut() {
        let refused = heard.answers.iter().all(|answer| answer.status >= 400);
        return if count <= 1 && refused { Ok(()) } else { Err("an answer as if it were whole".to_owned()) };
    }
    let Some(first) = heard.answers.first() else {
        return if case.is_flood() { Ok(()) } else { Err("no answer".to_owned()) };
    };
    let code_of_first = first.code();
    let is = |status: u16, code: &Option<String>| {
        let code_is = case.is_head() || code.is_none() || *code == code_of_first;
        if first.status == status && code_is { Ok(()) } else { Err(format!("{} {code_of_first:?}", first.status)) }
    };
    match &case.expected {
        Expected::Forward(_) if code_of_first.is_some() => return Err(format!("{} {code_of_first:?}", first.status)),
        Expected::Forward(_) | Expected::Cut => {}
        Expected::Answer { status, code } => is(*status, code)?,
        Expected::Refuse { status, code, .. } => {
            is(*status, code)?;
            if !first.closes() {
                return Err("it does not say that it closes".to_owned());
            }
        }
    }
    match (case.after, count) {
        (After::Answered, 2) | (After::Closed, 1) | (After::Either, 1 | 2) if heard.rest.is_empty() => Ok(()),
        _ => Err(format!("{count} answers, and {} bytes behind them", heard.rest.len())),
    }
}

/// The requests that may arrive: of the case, and of the marker where that was answered.
fn expected_arrivals(case: &Case, heard: &Heard) -> Vec<String> {
    let mut arrivals = Vec::new();
    if let Expected::Forward(line) = &case.expected {
        arrivals.push(line.clone());
    }
    if heard.answers.len() == 2 {
        arrivals.push(format!("GET {MARKER}"));
    }
    arrivals
}

fn check_arrivals(case: &Case, heard: &Heard, seen: &[Recorded], token: &str) -> Result<(), String> {
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.trim_end_matches(" HTTP/1.1")).collect();
    if lines != expected_arrivals(case, heard) {
        return Err(format!("arrived: {lines:?}"));
    }
    let (Expected::Forward(_), Some(first)) = (&case.expected, seen.first()) else { return Ok(()) };
    for (name, value) in &case.sees {
        let is_right = first.count(name) == 1 && (value.is_empty() || first.header(name) == Some(value));
        if !is_right {
            return Err(format!("{name} is {:?} and not {value:?}", first.header(name)));
        }
    }
    for lacking in &case.lacks {
        let arrived = match lacking.strip_prefix('=') {
            Some(text) => {
                let text = text.replace("<token>", token);
                first.headers.iter().any(|(name, value)| name.contains(&text) || value.contains(&text))
            }
            None => first.header(lacking).is_some(),
        };
        if arrived {
            return Err(format!("{lacking} arrived: {:?}", first.headers));
        }
    }
    match &case.body {
        Some(body) if *body != first.body => Err(format!("the body {:?}", String::from_utf8_lossy(&first.body))),
        _ => Ok(()),
    }
}

fn explain(case: &Case, how: &str, wrong: &str, heard: &Heard) -> String {
    let answers: Vec<String> =
        heard.answers.iter().map(|answer| answer.head.lines().next().unwrap_or_default().to_owned()).collect();
    format!("{} {how}: {wrong}; expected {:?} {:?}; answers {answers:?}", case.name, case.expected, case.after)
}

/// All cases through one door, before an upstream that records.
fn run(door: &Door, upstream: &Upstream, token: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases() {
        let (bytes, marker) = (case.bytes(token), marker(token));
        let mut judge = |how: &str, heard: Heard| {
            let seen = upstream.take_seen();
            let judged = check_answers(&case, &heard).and_then(|()| check_arrivals(&case, &heard, &seen, token));
            wrong.extend(judged.err().map(|words| explain(&case, how, &words, &heard)));
        };
        if case.is_cut() {
            judge("alone", door.cut(&bytes));
            continue;
        }
        judge("alone", door.in_turn(&bytes, &marker, case.is_head()));
        judge("pipelined", door.pipelined(&[&bytes[..], &marker].concat(), case.is_head()));
    }
    wrong
}

/// Each reason that a case expects was counted, and nothing was refused without one.
fn check_reasons(gateway: &Gateway) -> Vec<String> {
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for case in cases() {
        if let Expected::Refuse { reason: Some(reason), .. } = case.expected {
            *expected.entry(reason).or_default() += 2;
        }
    }
    let counted = |reason: &str| {
        let line = format!("keygate_rejected_requests_total{{reject_reason=\"{reason}\"}} ");
        gateway.admin.metric(&line).unwrap_or(0.0)
    };
    let too_few = |(reason, count): (&String, &u64)| {
        let have = counted(reason);
        (have < *count as f64).then(|| format!("{reason}: {have} of {count}"))
    };
    let mut wrong: Vec<String> = expected.iter().filter_map(too_few).collect();
    for never in ["unparsed", "out_of_step"] {
        if counted(never) != 0.0 {
            wrong.push(format!("{never}: {}", counted(never)));
        }
    }
    wrong
}

#[test]
fn slow_every_raw_case_comes_to_what_it_must_over_plain_tcp() {
    let upstream = Upstream::start();
    let gateway = builder(&upstream.url()).start();
    let token = gateway.token("full");
    let mut wrong = run(&Door::Plain(gateway.proxy), &upstream, &token);
    wrong.extend(check_reasons(&gateway));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn slow_every_raw_case_comes_to_what_it_must_over_tls() {
    let upstream = Upstream::start();
    let authority = Authority::new();
    let builder = builder(&upstream.url());
    let tls = authority.issue(&["127.0.0.1"]).write(builder.directory());
    let gateway = builder.public(&tls).start();
    let token = gateway.token("full");
    let wrong = run(&Door::Tls(gateway.proxy, Box::new(authority)), &upstream, &token);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_kind_of_attack_has_its_cases() {
    let cases = cases();
    let framing = (1..=23).filter(|row| *row != 22).map(|row| format!("F{row:02}"));
    let paths = (1..=11).filter(|row| *row != 8).map(|row| format!("P{row:02}"));
    let identity = (1..=9).map(|row| format!("I{row:02}"));
    let upgrades = (1..=3).map(|row| format!("U{row:02}"));
    for row in framing.chain(paths).chain(identity).chain(upgrades) {
        let count = cases.iter().filter(|case| case.row() == row).count();
        assert!(count >= 3, "{row} has {count} cases");
    }
}
