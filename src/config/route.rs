//! `[[route]]`: which requests go where, and what they need.

use std::collections::{BTreeMap, BTreeSet};

use http::header::{self, HeaderName};

use super::carriers;
use super::conflict::{self, Conflicts};
use super::cors;
use super::filter;
use super::limit;
use super::pattern;
use super::problem::Place;
use super::settings::{AccountSelector, Carriers, MethodName, Route, Upstream, UpstreamVersion, WebSocket};
use super::suggest;
use super::table::{Field, Located, Mistake, Reader};
use super::tree::{Node, Value};
use super::upstream::{self, Upstreams};
use super::value::{self, DAY};
use crate::model::{Action, ResourceName};

const DEFAULT_MAX_BODY: u64 = 10 << 20;

const ACTIONS: &[(&str, Action)] =
    &[("read", Action::Read), ("create", Action::Create), ("update", Action::Update), ("delete", Action::Delete)];

const WEBSOCKET: &[(&str, WebSocket)] =
    &[("off", WebSocket::Off), ("recheck", WebSocket::Recheck), ("last", WebSocket::Last)];

/// Those with a meaning of their own here; any other method needs an `action`.
pub(super) const METHODS_WITH_ACTION: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn read(root: &mut Reader<'_>, upstreams: &Upstreams) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut conflicts = Conflicts::default();
    let mut names: BTreeMap<String, Place> = BTreeMap::new();
    let written = root.node("route").is_some();
    for mut table in root.tables("route") {
        let route = one(&mut table, upstreams, &mut conflicts, &mut names);
        table.finish();
        routes.extend(route);
    }
    let empty = root.node("route").is_some_and(|node| matches!(&node.value, Value::Array(items) if items.is_empty()));
    if !written || empty {
        let help = "write `[[route]]` and below it `path`, `resource` and `upstream`; what no route names is refused";
        root.findings().report_absence(
            root.place(),
            "there is no `[[route]]`, so that no request would be forwarded",
            help,
        );
    }
    routes
}

fn one(
    table: &mut Reader<'_>,
    upstreams: &Upstreams,
    conflicts: &mut Conflicts,
    names: &mut BTreeMap<String, Place>,
) -> Option<Route> {
    let name = table.field("name", upstream::name);
    if let Some(name) = name.as_good() {
        unique(table, name, names);
    }
    let host = table.field("host", pattern::host).optional();
    let path = table.required("path", "write `path = \"/v1/devices/{*rest}\"`", pattern::path);
    let methods = table.field("methods", methods);
    if let (Some(host), Some(path), Some(methods)) = (&host, &path, or_all(&methods)) {
        let claim = conflict::Claim { host: host.as_deref(), path, methods };
        conflicts.claim(&claim, table.findings());
    }
    let access = access(table);
    let action = table.field("action", value::choice(ACTIONS));
    check_methods(table, &methods, &action);
    let upstream = upstream_index(table, upstreams);
    let account = account(table, path.as_ref().map(|path| path.value.as_str()));
    let filter = filter::filter(table, account.as_ref().and_then(Option::as_ref));
    let carriers =
        carriers::carriers(table, account.as_ref().and_then(Option::as_ref), filter.as_ref().and_then(Option::as_ref));
    let beside = cors::Beside {
        methods: methods.as_good().map(|methods| &methods.value),
        carriers: carriers.as_ref().and_then(Option::as_ref),
        public: matches!(access, Some((true, _))),
    };
    let (preflight, cors) = (cors::preflight(table, &beside), cors::cors(table, &beside));
    let max_body = table.field("max_body", value::or_word("unlimited", value::size)).or(Some(DEFAULT_MAX_BODY));
    let timeout = table.field("timeout", value::duration(DAY)).optional();
    let websocket = table.field("websocket", value::choice(WEBSOCKET));
    check_websocket(table, &websocket, upstream.and_then(|at| upstreams.good.get(at)));
    check_protocols(table, &websocket, carriers.as_ref().and_then(Option::as_ref));
    let stream_idle_timeout =
        table.field("stream_idle_timeout", value::or_word("unlimited", value::duration(DAY))).optional();
    let rate_limit = limit::route_limit(table, "rate_limit");
    let (public, resource) = access?;
    if public {
        refuse_on_public(table);
    }
    let path = path?.value;
    Some(Route {
        name: name.or(path.clone())?,
        host: host?,
        path,
        methods: methods.or(BTreeSet::new())?,
        resource,
        action: action.optional()?,
        upstream: upstream?,
        public,
        account: account?,
        carriers: carriers?,
        preflight: preflight?,
        cors: cors?,
        filter: filter?,
        max_body: max_body?,
        timeout: timeout?,
        websocket: websocket.or(WebSocket::Off)?,
        stream_idle_timeout: stream_idle_timeout?,
        rate_limit: rate_limit?,
    })
}

fn unique(table: &Reader<'_>, name: &Located<String>, names: &mut BTreeMap<String, Place>) {
    if let Some(first) = names.get(&name.value) {
        let message = format!("there is another route named `{}` ({})", name.value, table.findings().where_is(first));
        table.findings().report(&name.place, message, "give each route a name of its own, or leave `name` out");
    } else {
        names.insert(name.value.clone(), name.place.clone());
    }
}

/// `(public, resource)`: exactly one of the two is given.
fn access(table: &mut Reader<'_>) -> Option<(bool, Option<ResourceName>)> {
    let public = table.field("public", value::boolean);
    let resource = table.field("resource", resource).optional();
    let resource_written = table.has("resource");
    let public_place = public.as_good().map(|public| public.place.clone());
    let public = public.or(false)?;
    let findings = table.findings();
    match (public, resource_written) {
        (true, true) => {
            let help = "remove `public` to ask for a token, or remove `resource` to let everybody in";
            let place = public_place.unwrap_or(Place::File);
            findings.report(&place, "a route is either public or has a resource, not both", help);
            None
        }
        (false, false) => {
            let help =
                "write `resource = \"…\"`, which tokens are granted access to, or `public = true` to ask for no token";
            findings.report_absence(table.place(), "the route has neither a `resource` nor `public = true`", help);
            None
        }
        _ => resource.map(|resource| (public, resource)),
    }
}

/// What speaks of the token has no meaning where there is none.
fn refuse_on_public(table: &mut Reader<'_>) {
    for key in ["action", "account", "carriers", "filter"] {
        if let Some(node) = table.node(key) {
            let help = format!("remove `{key}`, or remove `public` and name a `resource`");
            table.mistake(key, node, Mistake::new("means nothing on a public route, which knows no token", help));
        }
    }
}

fn resource(node: &Node) -> Result<ResourceName, Mistake> {
    let text = value::text(node)?;
    if text == "*" || text == "keygate" || text.starts_with("keygate.") {
        let help = "write the name of one resource of your API, such as \"devices\"";
        return Err(Mistake::new(format!("must not be `{text}`, which is for grants alone"), help));
    }
    let help = "write 1 to 64 of a-z, 0-9, `_`, `-` and `.`, starting with a letter, such as \"devices\"";
    text.parse().map_err(|_| Mistake::new("is no resource name", help))
}

fn methods(node: &Node) -> Result<BTreeSet<MethodName>, Mistake> {
    let help = "write a list of methods in upper case, such as [\"GET\", \"POST\"]; leave it out for all";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list", help));
    };
    if items.is_empty() {
        return Err(Mistake::new("is empty, so that no request would match", help));
    }
    let mut methods = BTreeSet::new();
    for item in items {
        let text =
            item.as_text().ok_or_else(|| Mistake::new(format!("holds {}, not a method", item.type_name()), help))?;
        let upper = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        let name = MethodName(text.to_owned());
        if text.is_empty() || !upper || name.method().is_none() {
            let help = suggest::help(text, &METHODS_WITH_ACTION, "write methods in upper case; the usual ones");
            return Err(Mistake::new(format!("holds `{text}`, which is no method"), help));
        }
        if matches!(text, "CONNECT" | "TRACE") {
            return Err(Mistake::new(format!("holds {text}, which is never forwarded"), "remove it"));
        }
        if !methods.insert(name) {
            return Err(Mistake::new(format!("holds {text} twice"), "remove one of the two"));
        }
    }
    Ok(methods)
}

/// The methods that a route answers to; `None` where they are wrong.
fn or_all(methods: &Field<BTreeSet<MethodName>>) -> Option<BTreeSet<MethodName>> {
    match methods {
        Field::Bad => None,
        Field::Absent => Some(METHODS_WITH_ACTION.iter().map(|&name| MethodName(name.to_owned())).collect()),
        Field::Good(located) => Some(located.value.clone()),
    }
}

fn check_methods(table: &mut Reader<'_>, methods: &Field<BTreeSet<MethodName>>, action: &Field<Action>) {
    let (Some(methods), Field::Absent) = (methods.as_good(), action) else { return };
    if matches!(table.node("public").map(|node| &node.value), Some(Value::Boolean(true))) {
        return;
    }
    let strange = methods.value.iter().find(|name| !METHODS_WITH_ACTION.contains(&name.0.as_str()));
    if let Some(MethodName(name)) = strange {
        let message = format!("the method {name} implies no action");
        let guess = suggest::nearest(name, &METHODS_WITH_ACTION).map(|name| format!("did you mean `{name}`? if not, "));
        let add = "add `action = \"read\"`, \"create\", \"update\" or \"delete\"";
        let help = format!("{}{add}", guess.unwrap_or_default());
        table.findings().report(&methods.place, message, help);
    }
}

/// A WebSocket begins as an exchange of HTTP/1.1.
fn check_protocols(table: &mut Reader<'_>, websocket: &Field<WebSocket>, carriers: Option<&Carriers>) {
    let takes_none = websocket.as_good().map_or(matches!(websocket, Field::Absent), |it| it.value == WebSocket::Off);
    if let Some(node) = table.node("carriers").filter(|_| takes_none && carriers.is_some_and(|them| them.websocket)) {
        let message = "`route.carriers.websocket` means nothing on a route that takes no WebSockets";
        let help = "add `websocket = \"recheck\"` to the route, or remove `websocket` from its `carriers`";
        table.findings().report(&node.place, message, help);
    }
}

fn check_websocket(table: &Reader<'_>, websocket: &Field<WebSocket>, upstream: Option<&Upstream>) {
    let Some(Located { value: WebSocket::Recheck | WebSocket::Last, place }) = websocket.as_good() else { return };
    if let Some(upstream) = upstream.filter(|upstream| upstream.version == UpstreamVersion::Http2) {
        let message =
            format!("the upstream `{}` is spoken to in HTTP/2 alone, which takes no WebSocket", upstream.name);
        let help = "write `websocket = \"off\"`, or name an upstream without `http = \"2\"`";
        table.findings().report(place, message, help);
    }
}

fn upstream_index(table: &mut Reader<'_>, upstreams: &Upstreams) -> Option<usize> {
    let name = table.required("upstream", "write the `name` of an `[[upstream]]`", value::text)?;
    if !upstreams.names.contains(&name.value) {
        let names: Vec<_> = upstreams.names.iter().map(String::as_str).collect();
        let help = match names.as_slice() {
            [] => "add an `[[upstream]]` with that `name` and a `url`".to_owned(),
            names => suggest::help(&name.value, names, "the upstreams"),
        };
        let message = format!("no `[[upstream]]` is named `{}`", name.value);
        table.findings().report_absence(&name.place, message, help);
        return None;
    }
    upstreams.good.iter().position(|upstream| upstream.name == name.value)
}

/// `account = { header = … }` or `{ path = … }`.
fn account(table: &mut Reader<'_>, path: Option<&str>) -> Option<Option<AccountSelector>> {
    let Some(node) = table.node("account") else { return Some(None) };
    let mut inner = table.table_in("account", node)?;
    let header = inner.field("header", account_header);
    let parameter = inner.field("path", |node| account_parameter(node, path));
    let findings = inner.findings();
    let (place, both) = (inner.place().clone(), inner.has("header") && inner.has("path"));
    let neither = !inner.has("header") && !inner.has("path");
    inner.finish();
    let help = "write `{ header = \"X-Account\" }` or `{ path = \"account\" }`";
    if both || neither {
        let message =
            if both { "the account is looked for in two places" } else { "the account is looked for nowhere" };
        findings.report_absence(&place, message, help);
        return None;
    }
    match (header, parameter) {
        (Field::Good(header), _) => Some(Some(AccountSelector::Header(header.value))),
        (_, Field::Good(parameter)) => Some(Some(AccountSelector::Path(parameter.value))),
        _ => None,
    }
}

fn account_header(node: &Node) -> Result<String, Mistake> {
    let text = value::text(node)?;
    let help = "name a header that the client sends, such as \"X-Account\"";
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| Mistake::new("is no header name", help))?;
    let taken = [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
        header::HOST,
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::CONTENT_LENGTH,
        header::FORWARDED,
    ];
    // `_` and `-` are one and the same to many services, so an underscore hides nothing.
    if taken.contains(&name) || name.as_str().replace('_', "-").starts_with("x-keygate-") {
        return Err(Mistake::new("is a header with another meaning", help));
    }
    Ok(name.as_str().to_owned())
}

fn account_parameter(node: &Node, path: Option<&str>) -> Result<String, Mistake> {
    let text = value::text(node)?;
    // A wrong path has its own problem; nothing can be said of its parameters.
    let Some(path) = path else { return Ok(text) };
    let parameters = pattern::parameters(path);
    if parameters.contains(&text.as_str()) {
        return Ok(text);
    }
    let what = format!("names no parameter of the path `{path}`");
    let help = suggest::help(&text, &parameters, "the parameters of the path that stand for one segment");
    Err(Mistake::new(what, help))
}
