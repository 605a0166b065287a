//! The page `docs/problems.md`, written from the codes.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{By, Code, SECTIONS, Section, Told, all};

const HEAD: &str = include_str!("catalogue/head.md");
const FOOT: &str = include_str!("catalogue/foot.md");

/// The whole page, in Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    index(&mut page);
    for section in SECTIONS {
        chapter(&mut page, section);
    }
    page.push_str(FOOT);
    page
}

/// One line a status, with every code that has it.
fn index(page: &mut String) {
    let mut by_status: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
    for code in all() {
        by_status.entry(code.status).or_default().push(code);
    }
    line(page, format_args!("| status | codes |\n|---|---|"));
    for (status, codes) in by_status {
        let links: Vec<_> = codes.iter().map(|code| format!("[`{0}`](#{0})", code.name)).collect();
        line(page, format_args!("| {status} | {} |", links.join(" ")));
    }
}

fn chapter(page: &mut String, section: &Section) {
    line(page, format_args!("\n## {}\n\n{}", section.title, section.text));
    for code in section.codes {
        let by = match code.by {
            By::Proxy => "proxy",
            By::Management => "management API",
            By::Both => "proxy and management API",
        };
        let challenge = match code.challenge {
            Told::Nothing => String::new(),
            Told::Challenge => " · challenge `Bearer`".to_owned(),
            Told::Error(error) => format!(" · challenge `Bearer … error=\"{error}\"`"),
        };
        line(page, format_args!("\n### `{}`\n\n**{} {}** · {by}{challenge}", code.name, code.status, code.title));
        line(page, format_args!("\n{}\n\n*What to do:* {}", code.meaning, code.remedy));
    }
}

fn line(page: &mut String, text: std::fmt::Arguments) {
    writeln!(page, "{text}").expect("a string takes any text");
}
