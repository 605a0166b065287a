//! `preflight = "answer"` and `cors = { origins = ["https://app.example.com"] }`: what browsers are told
//! whose pages are of another origin.

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::HeaderName;

use super::route::METHODS_WITH_ACTION;
use super::settings::{Carriers, Cors, MethodName, Preflight};
use super::table::{Field, Mistake, Reader};
use super::tree::{Node, Value};
use super::value::{self, DAY};

const PREFLIGHT: &[(&str, Preflight)] =
    &[("pass", Preflight::Pass), ("answer", Preflight::Answer), ("authenticate", Preflight::Authenticate)];
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(600);
const ANY: &str = "*";

/// What else the route says, as far as it is right.
pub(super) struct Beside<'route> {
    pub methods: Option<&'route BTreeSet<MethodName>>,
    pub carriers: Option<&'route Carriers>,
    pub public: bool,
}

/// `None`: reported.
pub(super) fn preflight(table: &mut Reader<'_>, beside: &Beside<'_>) -> Option<Preflight> {
    let preflight = table.field("preflight", value::choice(PREFLIGHT));
    if let Some(located) = preflight.as_good() {
        let findings = table.findings();
        if located.value == Preflight::Answer && !table.has("cors") {
            let help = "add `cors = { origins = [\"https://app.example.com\"] }`";
            findings.report_absence(&located.place, "`route.preflight` wants `cors`, which says what to answer", help);
        }
        if located.value == Preflight::Authenticate && beside.public {
            let help = "remove `preflight`, or remove `public` and name a `resource`";
            findings.report(
                &located.place,
                "`route.preflight` wants a token on a public route, which knows none",
                help,
            );
        }
    }
    preflight.or(Preflight::Pass)
}

/// `None`: reported; `Some(None)`: the route says nothing.
pub(super) fn cors(table: &mut Reader<'_>, beside: &Beside<'_>) -> Option<Option<Cors>> {
    let Some(node) = table.node("cors") else { return Some(None) };
    let mut inner = table.table_in("cors", node)?;
    let help = "write `origins = [\"https://app.example.com\"]`, or `[\"*\"]` for every page that there is";
    let origins = inner.required("origins", help, origins);
    let methods = inner.field("methods", |node| methods(node, beside.methods));
    let headers = inner.field("headers", header_names);
    let expose = inner.field("expose", header_names);
    let max_age = inner.field("max_age", value::duration(DAY)).or(DEFAULT_MAX_AGE);
    let credentials = inner.field("credentials", value::boolean).or(false);
    let findings = inner.findings();
    if credentials == Some(true) {
        let open = |names: &[String]| names.iter().any(|name| name == ANY);
        let in_origins = origins.as_ref().filter(|origins| open(&origins.value)).map(|it| ("origins", &it.place));
        let in_headers = headers.as_good().filter(|headers| open(&headers.value)).map(|it| ("headers", &it.place));
        let in_expose = expose.as_good().filter(|expose| open(&expose.value)).map(|it| ("expose", &it.place));
        for (key, place) in in_origins.into_iter().chain(in_headers).chain(in_expose) {
            let message = format!("`route.cors.{key}` may not be open to all where `credentials` are allowed");
            findings.report(place, message, "name each of them, or remove `credentials`");
        }
    }
    inner.finish();
    let usual = || usual_headers(beside.carriers);
    Some(Some(Cors {
        origins: origins?.value,
        methods: methods.or(all_methods(beside.methods))?,
        headers: match headers {
            Field::Absent => usual(),
            Field::Bad => return None,
            Field::Good(located) => located.value,
        },
        expose: expose.or(Vec::new())?,
        max_age: max_age?,
        credentials: credentials?,
    }))
}

/// What a page has to be allowed to send a token and a document.
fn usual_headers(carriers: Option<&Carriers>) -> Vec<String> {
    let key = carriers.and_then(|carriers| carriers.header.clone());
    ["authorization".to_owned(), "content-type".to_owned()].into_iter().chain(key).collect()
}

fn all_methods(methods: Option<&BTreeSet<MethodName>>) -> Vec<String> {
    match methods.filter(|methods| !methods.is_empty()) {
        Some(methods) => methods.iter().map(|method| method.0.clone()).collect(),
        None => METHODS_WITH_ACTION.iter().map(|&method| method.to_owned()).collect(),
    }
}

/// The texts of a list that is not empty, none of them twice.
fn texts(node: &Node, what: &str, help: &str) -> Result<Vec<String>, Mistake> {
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list", help));
    };
    let mut texts: Vec<String> = Vec::new();
    for item in items {
        let text =
            item.as_text().ok_or_else(|| Mistake::new(format!("holds {}, not {what}", item.type_name()), help))?;
        if texts.iter().any(|have| have.eq_ignore_ascii_case(text)) {
            return Err(Mistake::new(format!("holds `{text}` twice"), "remove one of the two"));
        }
        texts.push(text.to_owned());
    }
    if texts.is_empty() {
        return Err(Mistake::new("is empty", help));
    }
    Ok(texts)
}

fn origins(node: &Node) -> Result<Vec<String>, Mistake> {
    let help = "write each as browsers do: scheme, host in lower case, and the port unless it is the scheme's own, \
                such as \"https://app.example.com\"; or [\"*\"] alone";
    let origins = texts(node, "an origin", help)?;
    if origins.len() > 1 && origins.iter().any(|origin| origin == ANY) {
        return Err(Mistake::new("holds `*` beside others, which it includes", help));
    }
    if origins.iter().any(|origin| origin == "null") {
        let why = "holds `null`, which every sandboxed page can call itself";
        return Err(Mistake::new(why, "name the origins of the pages, or write [\"*\"]"));
    }
    match origins.iter().find(|origin| *origin != ANY && !is_origin(origin)) {
        Some(wrong) if wrong.contains(ANY) => {
            Err(Mistake::new(format!("holds `{wrong}`: there are no patterns of origins"), help))
        }
        Some(wrong) => Err(Mistake::new(format!("holds `{wrong}`, which is no origin"), help)),
        None => Ok(origins),
    }
}

/// RFC 6454 section 6.2.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => return is_scheme(scheme) && address.parse::<std::net::Ipv6Addr>().is_ok(),
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port.strip_prefix(':')),
        Some(_) => return false,
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => return is_scheme(scheme) && is_name(rest, small),
        },
    };
    let number = port.filter(|port| !port.starts_with('0')).and_then(|port| port.parse::<u16>().ok());
    let own = matches!((scheme, number), ("https", Some(443)) | ("http", Some(80)));
    is_scheme(scheme) && is_name(host, small) && number.is_some() && !own
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte))
}

fn is_name(host: &str, small: impl Fn(u8) -> bool) -> bool {
    !host.is_empty() && host.bytes().all(|byte| small(byte) || b"-._".contains(&byte))
}

fn methods(node: &Node, route: Option<&BTreeSet<MethodName>>) -> Result<Vec<String>, Mistake> {
    let known = all_methods(route);
    let help = format!("write some of {}, which the route takes; leave it out for all", known.join(", "));
    let methods = texts(node, "a method", &help)?;
    match methods.iter().find(|method| !known.contains(method)) {
        Some(wrong) => Err(Mistake::new(format!("holds `{wrong}`, which the route does not take"), help)),
        None => Ok(methods),
    }
}

fn header_names(node: &Node) -> Result<Vec<String>, Mistake> {
    let help = "write a list of header names, such as [\"Authorization\", \"Content-Type\"]; or [\"*\"] alone";
    let names = texts(node, "a header name", help)?;
    if names.len() > 1 && names.iter().any(|name| name == ANY) {
        return Err(Mistake::new("holds `*` beside others, which it includes", help));
    }
    match names.iter().find(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
        Some(wrong) => Err(Mistake::new(format!("holds `{wrong}`, which is no header name"), help)),
        None => Ok(names.iter().map(|name| name.to_ascii_lowercase()).collect()),
    }
}
