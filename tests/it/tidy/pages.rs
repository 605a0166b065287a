//! Pages that are written from the code, and are to be what it gives.

use std::collections::BTreeSet;
use std::path::Path;

use keygate::problem::code::{self, By, Code};

/// Set to anything, it makes these tests write the pages anew in place of comparing them.
const WRITE: &str = "KEYGATE_WRITE_DOCS";

/// Compares a page with what the code gives.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "whether pages are to be written is told from outside")]
fn is_as_written(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, text).expect("a writable page");
        return;
    }
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    let line = present.lines().zip(text.lines()).position(|(old, new)| old != new);
    let line = line.unwrap_or(present.lines().count().min(text.lines().count())) + 1;
    let again = format!("{WRITE}=1 cargo test --test it tidy::pages");
    assert!(present == text, "{page} differs from the code from line {line} on; `{again}` writes it anew");
}

#[test]
fn the_problem_codes_are_documented() {
    is_as_written("docs/problems.md", &code::page());
}

#[test]
fn the_description_of_the_api_is_at_hand() {
    is_as_written("docs/openapi.json", keygate::admin::description());
}

/// The codes that a file names, as `code::NAME`.
fn named(file: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).expect("a source file");
    let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let names = text.split("code::").skip(1).filter_map(|rest| rest.split(|c| !is_of_name(c)).next());
    names.filter(|name| !name.is_empty()).map(str::to_lowercase).collect()
}

#[test]
fn each_listener_answers_the_codes_that_are_said_to_be_its_own() {
    let of_proxy = ["src/proxy/bad_request.rs", "src/proxy/reject.rs", "src/proxy/reject/holder.rs"];
    for (files, other) in [(&of_proxy[..], By::Management), (&["src/admin/refusal.rs"], By::Proxy)] {
        let own = |code: &&'static Code| code.by != other;
        let documented: BTreeSet<String> = code::all().filter(own).map(|code| code.name.to_owned()).collect();
        let used: BTreeSet<String> = files.iter().flat_map(|file| named(file)).collect();
        assert!(used.len() > 20, "the sweep of {files:?} found {} codes", used.len());
        assert_eq!(
            used, documented,
            "on the left what {files:?} answer, on the right what src/problem/code/ has of it"
        );
    }
}
