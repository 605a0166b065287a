//! `keygate token regex` and `keygate token inspect`: what scanners get, and what a text says of itself.

use std::path::PathBuf;
use std::process::Command;

use keygate::model::{Kind, TokenPrefix, TokenText};
use serde_json::Value;

use crate::support::binary::{done, handed_over, keygate};

fn prefix() -> TokenPrefix {
    "acme".parse().expect("a prefix")
}

fn rule(format: &str) -> String {
    done(keygate().args(["token", "regex", "--prefix", "acme", "--format", format])).ok()
}

/// The expression finds every kind of token in a line of code, and nothing in what is near.
fn finds_tokens_alone(expression: &str) {
    let expression = regex::Regex::new(expression).unwrap_or_else(|error| panic!("{error}"));
    for kind in Kind::ALL {
        let text = TokenText::generate(&prefix(), kind).expect("randomness");
        let line = format!("API_KEY=\"{}\" # prod", text.expose());
        assert_eq!(expression.find(&line).map(|found| found.as_str()), Some(text.expose()), "{expression}");
        assert!(!expression.is_match(&line.replace("acme_", "xacme_")), "{expression}");
        assert!(!expression.is_match(&line.replace("\" #", "0\" #")), "{expression}");
    }
}

#[test]
fn the_expression_finds_tokens_and_nothing_else() {
    finds_tokens_alone(rule("regex").trim_end());
}

#[test]
fn gitleaks_gets_a_rule_in_toml() {
    let text = rule("gitleaks");
    let parsed: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let rule = &parsed["rules"][0];
    assert_eq!(rule["id"].as_str(), Some("acme-token"));
    finds_tokens_alone(rule["regex"].as_str().expect("an expression"));
    let keywords: Vec<_> =
        rule["keywords"].as_array().expect("a list").iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(keywords, ["acme_pat_", "acme_svc_", "acme_shr_", "acme_ses_"]);
}

#[test]
fn trufflehog_gets_a_detector_in_yaml() {
    let python = PathBuf::from(handed_over("KEYGATE_TEST_VENV")).join("bin/python");
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))";
    let document: Value = done(Command::new(python).args(["-c", read, &rule("trufflehog")])).json();
    let detector = &document["detectors"][0];
    assert_eq!(detector["name"], "acme-token");
    assert_eq!(detector["keywords"].as_array().map(Vec::len), Some(4));
    finds_tokens_alone(detector["regex"]["token"].as_str().expect("an expression"));
}

#[test]
fn github_gets_the_fields_of_a_custom_pattern() {
    let text = rule("github");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
    };
    assert_eq!(field("Pattern name"), "acme token");
    let (before, secret, after) = (field("Before secret"), field("Secret format"), field("After secret"));
    let whole = regex::Regex::new(&format!("(?:{before})({secret})(?:{after})")).expect("an expression");
    let token = TokenText::generate(&prefix(), Kind::Service).expect("randomness");
    let found = |text: &str| whole.captures(text).map(|found| found[1].to_owned());
    assert_eq!(found(token.expose()).as_deref(), Some(token.expose()));
    assert_eq!(found(&format!("'{}'", token.expose())).as_deref(), Some(token.expose()));
    assert_eq!(found(&format!("x{}", token.expose())), None);
}

#[test]
fn the_prefix_comes_from_the_configuration_or_is_asked_for() {
    let install = crate::support::binary::Install::new("http://127.0.0.1:1");
    install.configure(|text| text.replace("prefix = \"kg\"", "prefix = \"acme\""));
    assert_eq!(done(&mut install.command(&["token", "regex"])).ok(), rule("regex"));
    let nowhere = tempfile::tempdir().expect("a temporary directory");
    let refused = done(keygate().current_dir(nowhere.path()).args(["token", "regex"]));
    refused.refused(78, &["no configuration", "--prefix"]);
    done(keygate().args(["token", "regex", "--prefix", "A"])).refused(2, &["is no token prefix"]);
}

/// The vectors of docs/leaks.md, put together from their parts.
#[test]
fn the_published_texts_are_told_apart() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/leaks.md")).expect("the page");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `kg` |"))
        .map(|line| line.split('`').skip(1).step_by(2).collect())
        .collect();
    assert!(rows.len() >= 5, "the sweep found {} vectors", rows.len());
    let directory = tempfile::tempdir().expect("a temporary directory");
    for row in rows {
        let [prefix, kind, random, checksum, verdict] = row.as_slice() else { panic!("{row:?}") };
        let file = directory.path().join("token");
        std::fs::write(&file, format!("{prefix}_{kind}_{random}{checksum}\n")).expect("a writable directory");
        let output = keygate().args(["token", "inspect", "-o", "json"]).arg(&file).output().expect("the program");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["valid"], *verdict == "right", "{row:?}: {told}");
        assert_eq!(output.status.code(), Some(i32::from(*verdict != "right")), "{row:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains(random), "the text is not repeated");
    }
}

#[test]
fn a_text_that_is_an_argument_is_refused_and_not_repeated() {
    let token = TokenText::generate(&prefix(), Kind::Service).expect("randomness");
    let output = keygate().args(["token", "inspect", token.expose()]).output().expect("the program");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("never as an argument") && !err.contains(token.expose()), "{err}");
}
