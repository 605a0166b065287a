//! `carriers = { bearer = true, token = true, basic = true, header = "X-API-Key", query = "access_token",
//! websocket = true }`: where a route's requests carry their credential.

use super::request_header;
use super::settings::{AccountSelector, Carriers, Filter};
use super::table::{Field, Mistake, Reader};
use super::tree::Node;
use super::value;

const LONGEST_NAME: usize = 64;

/// `None`: reported; `Some(None)`: the route says nothing, and takes `Authorization: Bearer` alone.
pub(super) fn carriers(
    table: &mut Reader<'_>,
    account: Option<&AccountSelector>,
    filter: Option<&Filter>,
) -> Option<Option<Carriers>> {
    let Some(node) = table.node("carriers") else { return Some(None) };
    let mut inner = table.table_in("carriers", node)?;
    let bearer = inner.field("bearer", value::boolean).or(true);
    let token = inner.field("token", value::boolean).or(false);
    let basic = inner.field("basic", value::boolean).or(false);
    let header = inner.field("header", |node| key_header(node, account, filter));
    let query = inner.field("query", |node| parameter(node, filter));
    let websocket = inner.field("websocket", value::boolean).or(false);
    let (findings, place) = (inner.findings(), inner.place().clone());
    let named = !matches!((&header, &query), (Field::Absent, Field::Absent));
    inner.finish();
    if ![bearer, token, basic, websocket].contains(&Some(true)) && !named {
        let help = "leave `bearer` out, or name another carrier, such as `header = \"X-API-Key\"`";
        findings.report(&place, "`route.carriers` leaves no way to present a token", help);
        return None;
    }
    Some(Some(Carriers {
        bearer: bearer?,
        token: token?,
        basic: basic?,
        header: header.optional()?,
        query: query.optional()?,
        websocket: websocket?,
    }))
}

fn key_header(node: &Node, account: Option<&AccountSelector>, filter: Option<&Filter>) -> Result<String, Mistake> {
    let help = "name a header that holds a token and nothing else, such as \"X-API-Key\"";
    let name = request_header::name(&value::text(node)?, help)?;
    if matches!(account, Some(AccountSelector::Header(other)) if request_header::same(other, &name)) {
        return Err(Mistake::new("is the header that names the account", help));
    }
    if matches!(filter, Some(Filter::Header(other)) if request_header::same(other, &name)) {
        return Err(Mistake::new("is the header of the route's `filter`, which only the gateway sends", help));
    }
    Ok(name)
}

fn parameter(node: &Node, filter: Option<&Filter>) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let help = "write a name of letters, digits, `_` and `-` that begins with a letter, such as \"access_token\"";
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !begins || text.len() > LONGEST_NAME || !text.bytes().all(lawful) {
        return Err(Mistake::new("is no name of a query parameter", help));
    }
    // With `{key}` in it, the filter's name is whatever a token says.
    let letters = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "").to_ascii_lowercase();
    if matches!(filter, Some(Filter::Query(name)) if letters(name) == letters(&text)) {
        return Err(Mistake::new("is the parameter of the route's `filter`, which only the gateway sends", help));
    }
    Ok(text)
}
