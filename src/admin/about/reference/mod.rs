//! The description as a page for people: plain HTML, written once, without scripts and without anything from
//! elsewhere.
//!
//! It is made of the same document that programs get, so that the two cannot differ.

mod curl;
mod html;
mod operation;
mod schema;

use std::fmt::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use self::html::{escape, prose};
use super::openapi::describe;
use crate::admin::endpoint::{ENDPOINTS, Endpoint};
use crate::problem::code::{self, By, Code};

/// A page, and the policy under which a browser shows it: its own style, and nothing else.
pub(in crate::admin) struct Reference {
    pub(in crate::admin) page: String,
    pub(in crate::admin) policy: String,
}

const STYLE: &str = include_str!("style.css");

pub(in crate::admin) fn reference() -> &'static Reference {
    static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
        let description = serde_json::to_value(describe()).expect("a description is texts and numbers");
        Reference { page: page(&description), policy: policy() }
    });
    &REFERENCE
}

fn policy() -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn page(description: &Value) -> String {
    let info = &description["info"];
    let (title, version) = (html::text(&info["title"]), html::text(&info["version"]));
    let mut page = String::new();
    put(&mut page, format_args!("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"));
    put(&mut page, format_args!("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"));
    put(&mut page, format_args!("<meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>"));
    // Without a line end of its own: its hash is what the browser lets it in by.
    put(&mut page, format_args!("<style>{STYLE}</style>\n</head>\n<body>"));
    put(&mut page, format_args!("<a class=\"skip\" href=\"#calls\">To the calls</a>"));
    put(&mut page, format_args!("<header>\n<h1>{title}</h1>"));
    put(
        &mut page,
        format_args!("<p>Version {version} · for programs: <a href=\"openapi.json\">OpenAPI 3.1</a></p>\n</header>"),
    );
    let groups = groups(description);
    navigation(&mut page, &groups);
    put(
        &mut page,
        format_args!(
            "<main id=\"calls\">\n<section id=\"about\" class=\"about\">\n{}</section>",
            prose(&info["description"])
        ),
    );
    for group in &groups {
        let (name, text) = (html::text(&group.tag["name"]), prose(&group.tag["description"]));
        put(&mut page, format_args!("<section id=\"{name}\">\n<h2>{name}</h2>\n{text}"));
        for call in &group.calls {
            page.push_str(&operation::article(description, call));
        }
        put(&mut page, format_args!("</section>"));
    }
    page.push_str(&schema::section(description));
    problems(&mut page);
    put(&mut page, format_args!("</main>\n</body>\n</html>"));
    page
}

/// An operation, and where it is.
struct Call<'a> {
    path: &'a str,
    method: String,
    about: &'a Value,
}

/// What belongs together.
struct Group<'a> {
    tag: &'a Value,
    calls: Vec<Call<'a>>,
}

fn groups(description: &Value) -> Vec<Group<'_>> {
    let tags = description["tags"].as_array().into_iter().flatten();
    let calls_of = |tag: &Value| {
        let calls = ENDPOINTS.iter().map(|Endpoint { path, method, .. }| {
            let about = &description["paths"][*path][method.as_str().to_lowercase()];
            Call { path, method: method.to_string(), about }
        });
        calls.filter(|call| call.about["tags"][0] == tag["name"]).collect()
    };
    tags.map(|tag| Group { tag, calls: calls_of(tag) }).collect()
}

fn navigation(page: &mut String, groups: &[Group<'_>]) {
    put(page, format_args!("<nav aria-label=\"Calls\">"));
    for group in groups {
        let name = html::text(&group.tag["name"]);
        put(page, format_args!("<details>\n<summary>{name}</summary>\n<ul>"));
        for call in &group.calls {
            let (id, summary) = (html::text(&call.about["operationId"]), html::text(&call.about["summary"]));
            put(page, format_args!("<li><a href=\"#{id}\">{summary}</a></li>"));
        }
        put(page, format_args!("</ul>\n</details>"));
    }
    put(
        page,
        format_args!("<p><a href=\"#objects\">Objects</a></p>\n<p><a href=\"#problems\">Problems</a></p>\n</nav>"),
    );
}

/// Every code that this listener answers.
fn problems(page: &mut String) {
    put(page, format_args!("<section id=\"problems\">\n<h2>problems</h2>"));
    put(page, format_args!("<p>Why a call is refused: the <code>code</code> of a problem document.</p>\n<dl>"));
    for Code { name, status, title, meaning, remedy, .. } in code::all().filter(|code| code.by != By::Proxy) {
        let (meaning, remedy) = (html::inline(meaning), html::inline(remedy));
        put(
            page,
            format_args!(
                "<dt id=\"problem-{name}\"><code>{name}</code> <span class=\"status\">{status} {}</span></dt>",
                escape(title)
            ),
        );
        put(page, format_args!("<dd><p>{meaning}</p>\n<p>{remedy}</p></dd>"));
    }
    put(page, format_args!("</dl>\n</section>"));
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes any text");
}
