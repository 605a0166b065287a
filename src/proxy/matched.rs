//! Which route a request takes.

use http::{Method, Request};
use hyper::body::Body;

use super::cors::{self, Preflight};
use super::headers;
use super::record::RequestRecord;
use super::reject::Rejection;
use super::routes::{AccountSelector, Proxy, Route};
use super::sanitize::host_for_routing;
use super::worker::Worker;
use crate::route::{Found, RouteIndex};

/// Stands for a selector's value that is not one text: it names no account, and is not "left out".
const NO_ACCOUNT: &str = "?";

/// A route, and what of the request it depends on.
pub(super) struct Matched<'worker> {
    pub(super) route: &'worker Route,
    /// The account selector's text; `None` where the route has none, or the request leaves it out.
    pub(super) account: Option<String>,
    /// It is a browser's question before a cross-origin request, and the route does not want a token for it.
    pub(super) is_preflight: bool,
}

pub(super) fn find_route<'w, B: Body>(
    worker: &'w Worker,
    record: &mut RequestRecord,
    request: &Request<B>,
) -> Result<Matched<'w>, Rejection> {
    let proxy = worker.proxy();
    let host = if proxy.table.wants_host() { host_for_routing(request.headers()) } else { String::new() };
    let path = request.uri().path();
    if let Some(index) = cors::asked_method(request).and_then(|asked| preflight_route(proxy, &host, path, &asked)) {
        record.matched(index);
        return Ok(Matched { route: &proxy.routes[index.0], account: None, is_preflight: true });
    }
    match proxy.table.find(&host, path, request.method()) {
        Found::Nothing => Err(Rejection::NoRoute),
        Found::OtherMethods(allowed) => Err(Rejection::Method { allowed }),
        Found::Route { index, params } => {
            record.matched(index);
            let route = &proxy.routes[index.0];
            let account = route.account.as_ref().and_then(|selector| match selector {
                AccountSelector::Path(name) => params.get(name).map(str::to_owned),
                AccountSelector::Header(name) => headers::only_value(request.headers(), name)
                    .map(|value| value.and_then(|value| value.to_str().ok()).unwrap_or(NO_ACCOUNT).to_owned()),
            });
            Ok(Matched { route, account, is_preflight: false })
        }
    }
}

/// The route that names OPTIONS among its methods, or else the one of the request that is asked about;
/// `None` where there is none, or where it wants a token for the question too.
fn preflight_route(proxy: &Proxy, host: &str, path: &str, asked: &Method) -> Option<RouteIndex> {
    let find = |method: &Method| match proxy.table.find(host, path, method) {
        Found::Route { index, .. } => Some(index),
        Found::Nothing | Found::OtherMethods(_) => None,
    };
    let own = find(&Method::OPTIONS).filter(|at| proxy.routes[at.0].names_options);
    own.or_else(|| find(asked)).filter(|at| proxy.routes[at.0].preflight != Preflight::Authenticate)
}
