//! `filter = { query = "{key}" }` or `{ header = "X-Scope" }`: how an upstream is told what a token is
//! limited to.

use super::request_header;
use super::settings::{AccountSelector, Filter};
use super::table::{Field, Mistake, Reader};
use super::tree::Node;
use super::value;

const HELP: &str = "write `{ query = \"{key}\" }` or `{ header = \"X-Scope\" }`";
const KEY: &str = "{key}";
const LONGEST_NAME: usize = 64;

/// `None`: reported; `Some(None)`: the route says nothing.
pub(super) fn filter(table: &mut Reader<'_>, account: Option<&AccountSelector>) -> Option<Option<Filter>> {
    let Some(node) = table.node("filter") else { return Some(None) };
    let mut inner = table.table_in("filter", node)?;
    let query = inner.field("query", parameter);
    let header = inner.field("header", |node| header(node, account));
    let (written, place) = ((inner.has("query"), inner.has("header")), inner.place().clone());
    let findings = inner.findings();
    inner.finish();
    let problem = match written {
        (true, true) => "the filter is passed on in two ways",
        (false, false) => "the filter is passed on in no way",
        _ => {
            return match (query, header) {
                (Field::Good(query), _) => Some(Some(Filter::Query(query.value))),
                (_, Field::Good(header)) => Some(Some(Filter::Header(header.value))),
                _ => None,
            };
        }
    };
    findings.report_absence(&place, problem, HELP);
    None
}

/// Brackets and other signs are left out: servers differ on what they mean.
fn parameter(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let help = "write a name of letters, digits, `_`, `-` and `.` that begins with a letter, such as \"filter\"; or \
                one with `{key}` in it, which stands for the filter's key";
    let plain = text.replacen(KEY, "k", 1);
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let begins = plain.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins && plain.len() <= LONGEST_NAME && plain.bytes().all(lawful) {
        return Ok(text);
    }
    Err(Mistake::new("is no name of a query parameter", help))
}

fn header(node: &Node, account: Option<&AccountSelector>) -> Result<String, Mistake> {
    let help = "name a header that only the gateway sends, such as \"X-Scope\"";
    let name = request_header::name(&value::text(node)?, help)?;
    match account {
        Some(AccountSelector::Header(header)) if request_header::same(header, &name) => {
            Err(Mistake::new("is the header that names the account, which the client sends", help))
        }
        _ => Ok(name),
    }
}
