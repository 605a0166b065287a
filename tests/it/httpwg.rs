//! HTTP/2 as a public suite of cases sees it: [httpwg-cli](https://crates.io/crates/httpwg-cli) against the
//! assembled gateway. `httpwg/exceptions.txt` has the cases that fail, each with the reason why that is as it
//! should be; any other that fails is a fault, and so is a listed one that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::binary::handed_over;
use crate::support::{Builder, Upstream};

const EXCEPTIONS: &str = include_str!("httpwg/exceptions.txt");

const ROUTES: &str = "[[route]]\npath = \"/\"\npublic = true\nupstream = \"api\"\n\
                      [[route]]\npath = \"/{*rest}\"\npublic = true\nupstream = \"api\"\n";

/// For an answer, in milliseconds. Some cases that fail wait for all of it.
const PATIENCE: &str = "3000";

/// A case that may fail.
#[derive(Default)]
struct Exception {
    why: String,
    may_pass: bool,
}

/// A line with a case's name, then lines that begin with blanks and say why.
fn exceptions() -> BTreeMap<&'static str, Exception> {
    let mut all: BTreeMap<&str, Exception> = BTreeMap::new();
    let mut last = "";
    for line in EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(' ') {
            all.get_mut(last).expect("a reason stands below a name").why.push_str(line);
        } else {
            last = line.trim_start_matches("~ ");
            let exception = Exception { may_pass: line != last, ..Exception::default() };
            assert!(all.insert(last, exception).is_none(), "{line} stands twice");
        }
    }
    all
}

/// The names behind `mark` in what the suite says.
fn named<'a>(said: &'a str, mark: &str) -> BTreeSet<&'a str> {
    said.lines().filter_map(|line| Some(line.split_once(mark)?.1.trim())).collect()
}

#[test]
fn slow_the_cases_of_a_public_suite_pass() {
    let suite = handed_over("KEYGATE_TEST_HTTPWG");
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
    let mut command = Command::new(&suite);
    command.args(["--address", &gateway.proxy.to_string(), "--verbose"]);
    command.args(["--connect-timeout", PATIENCE, "--frame-timeout", PATIENCE]);
    // One after the other: what is sooner, an answer or the next frame, is then the same each time, mostly.
    let output = command.env("RUST_LOG", "off").env("SEQUENTIAL", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{suite}: {error}; ./test builds it"));
    let said = String::from_utf8_lossy(&output.stderr);
    // One that ends in a panic of its own has not passed.
    let (run, passed) = (named(&said, "Running test: "), named(&said, "Test passed: "));
    let failed = &run - &passed;
    assert!(run.len() >= 100, "{} cases were run:\n{said}", run.len());

    let exceptions = exceptions();
    let is_odd = |name: &&&str| !run.contains(**name) || exceptions[**name].why.is_empty();
    let odd: Vec<_> = exceptions.keys().filter(is_odd).collect();
    assert!(odd.is_empty(), "no such cases, or no reasons: {odd:#?}");
    let unlisted: Vec<_> = failed.iter().filter(|name| !exceptions.contains_key(*name)).collect();
    let needed = |name: &str, exception: &Exception| exception.may_pass || failed.contains(name);
    let unneeded: Vec<_> =
        exceptions.iter().filter(|(name, exception)| !needed(name, exception)).map(|(name, _)| name).collect();
    assert!(unlisted.is_empty(), "{} cases fail: {unlisted:#?}\n{said}", unlisted.len());
    assert!(unneeded.is_empty(), "these do not fail: {unneeded:#?}");
}
