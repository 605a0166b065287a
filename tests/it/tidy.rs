//! What the code promises of itself and no compiler checks.

mod pages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Who may use whom: each module, and the modules of this crate that its files may name.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("model", &[]),
    ("problem", &[]),
    ("server", &[]),
    ("limit", &["model"]),
    ("route", &["model"]),
    ("store", &["model"]),
    ("audit", &["model"]),
    ("telemetry", &["model"]),
    ("config", &["model"]),
    ("auth", &["model", "store", "limit"]),
    ("proxy", &["model", "limit", "route", "server", "telemetry", "problem", "auth"]),
    ("outbound", &["server"]),
    ("event", &["model", "store", "auth", "outbound"]),
    ("leak", &["model", "telemetry", "audit", "auth", "event", "outbound"]),
    ("admin", &["model", "store", "audit", "limit", "problem", "route", "auth", "event", "leak"]),
    (
        "app",
        &[
            "model",
            "store",
            "audit",
            "limit",
            "route",
            "server",
            "telemetry",
            "auth",
            "proxy",
            "outbound",
            "event",
            "leak",
            "admin",
            "config",
        ],
    ),
    ("cli", &["model", "auth", "config", "app"]),
];

/// More lines than this, and two nouns would live better in two files.
const MAX_LINES: usize = 400;

/// Every Rust file below a directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("a directory of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            found.insert(path, text);
        }
    }
    found
}

fn sources() -> BTreeMap<PathBuf, String> {
    let found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(found.len() > 100, "the sweep swept {} files", found.len());
    found
}

/// The top-level module that a file belongs to.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("below src");
    let first = inside.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file without its tests, which may use what they like.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let own = module(&path);
        if path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs") {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == own) else {
            assert!(["lib", "main"].contains(&own.as_str()), "{own} is not in the table");
            continue;
        };
        for (number, line) in code(&text).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for used in line
                .split("crate::")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            {
                let known = MAY_USE.iter().any(|(name, _)| *name == used);
                if known && used != own && !allowed.contains(&used) {
                    wrong.push(format!("{}:{}: {own} uses {used}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_file_says_what_it_is_and_stays_readable() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let path = path.display();
        if !text.starts_with("//!") {
            wrong.push(format!("{path}: no head that says what it owns"));
        }
        if text.lines().count() > MAX_LINES {
            wrong.push(format!("{path}: {} lines", text.lines().count()));
        }
        for unfinished in ["TODO", "FIXME", "```ignore", "unimplemented!"] {
            if text.contains(unfinished) {
                wrong.push(format!("{path}: {unfinished}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_lifecycle_commits() {
    let committing = sources()
        .into_iter()
        .filter(|(_, text)| code(text).contains(".commit(vec!") || code(text).contains("store.commit("));
    let files: Vec<String> = committing.map(|(path, _)| path.display().to_string()).collect();
    assert!(files.iter().all(|file| file.contains("auth/lifecycle/")), "{files:?}");
    assert!(!files.is_empty(), "the sweep found the lifecycle");
}

/// Words between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_files_and_tests_that_the_pages_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page: String = ["ARCHITECTURE.md", "docs/attacks.md", "docs/threat-model.md"]
        .iter()
        .map(|page| std::fs::read_to_string(root.join(page)).expect("the page"))
        .collect();
    let tests: String =
        ["src", "tests"].iter().flat_map(|directory| files(&root.join(directory)).into_values()).collect();
    let mut wrong = Vec::new();
    let (mut named_files, mut named_tests) = (0, 0);
    for name in quoted(&page) {
        let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if name.ends_with(".rs") || name.ends_with(".toml") || name.ends_with('/') {
            named_files += 1;
            let is_there = ["", "src"].iter().any(|directory| root.join(directory).join(name).exists());
            let is_of_the_store = ["keygate.toml", "tokens/", "usage/"].contains(&name);
            if !is_there && !is_of_the_store {
                wrong.push(format!("there is no file {name}"));
            }
        } else if is_word && name.matches('_').count() >= 3 {
            named_tests += 1;
            if !tests.contains(&format!("fn {name}(")) {
                wrong.push(format!("there is no test {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named_files > 40 && named_tests > 15, "the sweep found {named_files} files and {named_tests} tests");
}
