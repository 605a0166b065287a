//! The commented `keygate.toml` that `keygate init` writes.

use std::path::Path;

/// What is filled in.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// Where clients connect: `0.0.0.0:8080`.
    pub public_address: &'a str,
    /// Where the admin API listens: `127.0.0.1:9901`.
    pub admin_address: &'a str,
    /// What is protected: `http://127.0.0.1:3000`.
    pub upstream_url: &'a str,
    pub store_path: &'a Path,
    pub pepper_path: &'a Path,
    /// The first part of every token: `kg`.
    pub token_prefix: &'a str,
    /// The name of the preset that the rules for tokens are.
    pub preset: Option<&'a str>,
    /// The key of copies of tokens, where the preset keeps some.
    pub reveal_key_path: Option<&'a Path>,
}

/// The text of a configuration file. Relative paths in it start at the directory of the file.
pub fn template(fill: &Template<'_>) -> String {
    let pairs = [
        ("@PUBLIC@", quote(fill.public_address)),
        ("@ADMIN@", quote(fill.admin_address)),
        ("@UPSTREAM@", quote(fill.upstream_url)),
        ("@STORE@", quote(&fill.store_path.to_string_lossy())),
        ("@PEPPER@", quote(&fill.pepper_path.to_string_lossy())),
        ("@PREFIX@", quote(fill.token_prefix)),
        ("@REVEAL@", reveal(fill)),
        ("@POLICY@", policy(fill)),
    ];
    // Piece by piece, so that a value that looks like a mark is not replaced in its turn.
    let mut text = String::with_capacity(TEXT.len());
    let mut rest = TEXT;
    while let Some((at, mark, value)) =
        pairs.iter().filter_map(|(mark, value)| rest.find(mark).map(|at| (at, mark, value))).min_by_key(|found| found.0)
    {
        text.push_str(&rest[..at]);
        text.push_str(value);
        rest = &rest[at + mark.len()..];
    }
    text.push_str(rest);
    text
}

fn reveal(fill: &Template<'_>) -> String {
    match fill.reveal_key_path {
        Some(path) => format!("reveal_key = {{ file = {} }}", quote(&path.to_string_lossy())),
        None => "# reveal_key = { file = \"reveal.key\" }".to_owned(),
    }
}

fn policy(fill: &Template<'_>) -> String {
    match fill.preset {
        Some(preset) => format!("[policy.default]\npreset = {}", quote(preset)),
        None => "# [policy.default]\n# preset = \"apono\"".to_owned(),
    }
}

/// As a basic string of TOML.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

const TEXT: &str = include_str!("template.toml");
