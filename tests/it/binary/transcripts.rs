//! What a user sees of each command, word for word: `tests/it/fixtures/transcripts/` has what was typed, behind
//! `$ `, and what came of it. Ids, dates and secrets are written as their kinds alone.
//!
//! `SNAPSHOTS=overwrite cargo test --test it transcripts` writes down what the program says now.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use snapbox::Data;

use crate::support::binary::{Install, Served, done};

/// What differs from run to run.
const VOLATILE: [(&str, &str); 6] = [
    (r"\b(tok|acc|usr)_[0-9A-Za-z]{22}\b", "${1}_…"),
    (r"\bkg_([a-z]{3})_[0-9A-Za-z]{36}\b", "kg_${1}_…"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d\b", "<minute>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<request>"),
    (r"http://127\.0\.0\.1:\d+", "http://<address>"),
];
/// Of a token's last characters.
const HINT: (&str, &str) = (r"(?m)^(hint +)[0-9A-Za-z]{4}$", "${1}<hint>");
/// Columns are as wide as what stands in them, which is of one width again once it is replaced.
const BLANKS: (&str, &str) = (r"  +", "  ");

fn redacted(text: &str) -> String {
    let all = VOLATILE.iter().chain([&HINT, &BLANKS]);
    all.fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *with).into_owned()
    })
}

/// The line in a shell, in the installation's directory.
fn typed(line: &str, install: &Install, served: &Served) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_keygate")).parent().expect("a place");
    let mut shell = Command::new("sh");
    shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", program.display())).stdin(Stdio::null());
    shell.env("HOME", install.path("home")).current_dir(&install.directory);
    shell.env("KEYGATE_ADMIN_URL", served.admin_url()).env("KEYGATE_ADMIN_TOKEN", &install.admin_token);
    shell.args(["-c", line]);
    shell
}

fn transcript(path: &Path) -> String {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    let text = std::fs::read_to_string(path).expect("a transcript");
    let mut all = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let outcome = done(&mut typed(line, &install, &served));
        all.push_str(&format!("$ {line}\n{}{}", redacted(&outcome.out), redacted(&outcome.err)));
        if outcome.code != 0 {
            all.push_str(&format!("[exit code {}]\n", outcome.code));
        }
        all.push('\n');
    }
    all
}

#[test]
fn slow_each_transcript_is_what_the_program_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/transcripts");
    let entries = std::fs::read_dir(directory).expect("the directory");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(paths.len() >= 3, "the sweep found {paths:?}");
    for path in paths {
        snapbox::Assert::new().action_env("SNAPSHOTS").eq(transcript(&path), Data::read_from(&path, None));
    }
}
