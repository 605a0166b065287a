//! What all workers share: the routes and what each of them means.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};

use super::carriers::Carriers;
use super::cors::{Cors, Preflight};
use super::filter::FilterRule;
use super::forwarded::Forwarding;
use super::guard::Guard;
use super::sanitize::routing_name;
use super::upstream::UpstreamOptions;
use super::websocket::WebSockets;
use crate::auth::{Accounts, NearExpiry, Verifier};
use crate::limit::KeyedLimiter;
use crate::model::{Action, Clock, Quota, ResourceName};
use crate::route::{Found, Leads, Pattern, RouteIndex, RouteTable, RouteView, TableError, action_of, canonical};
use crate::telemetry::Redaction;

/// What a route asks of a request.
#[derive(Debug, Clone)]
pub enum Rule {
    /// Nothing.
    Public,
    /// A token with this action on the resource; `None`: the action of the method.
    Protected { resource: ResourceName, action: Option<Action> },
}

/// Where a request names the account that it is about.
#[derive(Debug, Clone)]
pub enum AccountSelector {
    Header(HeaderName),
    /// A parameter of the path pattern.
    Path(String),
}

/// A route's own limit.
pub struct RouteLimit {
    pub limiter: Arc<KeyedLimiter>,
    /// Counted for each token (on a public route: each address) apart; else for all together.
    pub each: bool,
}

/// One route.
pub struct Route {
    pub name: String,
    pub rule: Rule,
    /// Index into [`ProxyOptions::upstreams`].
    pub upstream: usize,
    /// Where its requests carry their credential; `None`: as `Authorization: Bearer` alone.
    pub carriers: Option<Carriers>,
    pub account: Option<AccountSelector>,
    pub preflight: Preflight,
    /// It names OPTIONS among its methods.
    pub names_options: bool,
    /// What browsers are told by the gateway, where they are told anything.
    pub cors: Option<Cors>,
    /// How the upstream is told of a token's filter; `None`: tokens with one are refused.
    pub filter: Option<FilterRule>,
    /// Request body bytes; `None`: unlimited.
    pub max_body: Option<u64>,
    /// How long the upstream may be silent before its response's head.
    pub response_timeout: Duration,
    pub limit: Option<RouteLimit>,
    pub websockets: WebSockets,
    /// How long nothing may pass of a body or through a tunnel; `None`: for ever.
    pub stream_idle: Option<Duration>,
}

impl Route {
    /// `None` for a method that means nothing here.
    fn view(&self, method: &Method) -> Option<RouteView> {
        let needs = match &self.rule {
            Rule::Public => None,
            Rule::Protected { resource, action } => Some((resource.clone(), action.or_else(|| action_of(method))?)),
        };
        let (name, names_account) = (self.name.clone(), self.account.is_some());
        Some(RouteView { name, needs, names_account, enforces_filters: self.filter.is_some() })
    }
}

/// What a proxy is made of.
pub struct ProxyOptions {
    pub verifier: Verifier,
    pub accounts: Accounts,
    pub clock: Clock,
    pub routes: Vec<(Pattern, Route)>,
    pub upstreams: Vec<UpstreamOptions>,
    pub realm: String,
    pub redaction: Redaction,
    /// Tells clients of an expiry that is near.
    pub near_expiry: Option<NearExpiry>,
    pub forwarding: Forwarding,
    /// How often an address may be wrong; `None`: as often as it likes.
    pub failure_limit: Option<Quota>,
}

/// The part of the proxy that no request changes.
pub struct Proxy {
    pub(super) verifier: Verifier,
    pub(super) accounts: Accounts,
    pub(super) clock: Clock,
    pub(super) table: RouteTable,
    pub(super) routes: Vec<Route>,
    /// What is taken where no route is found.
    pub(super) carriers: Option<Carriers>,
    pub(super) upstreams: Vec<Arc<UpstreamOptions>>,
    pub(super) realm: String,
    pub(super) redaction: Redaction,
    pub(super) near_expiry: Option<NearExpiry>,
    pub(super) forwarding: Forwarding,
    pub(super) guard: Option<Guard>,
}

impl Proxy {
    pub fn new(options: ProxyOptions) -> Result<Arc<Self>, TableError> {
        let ProxyOptions {
            verifier,
            accounts,
            clock,
            routes,
            upstreams,
            realm,
            redaction,
            near_expiry,
            forwarding,
            failure_limit,
        } = options;
        let (patterns, routes): (Vec<Pattern>, Vec<Route>) = routes.into_iter().unzip();
        let table = RouteTable::new(&patterns)?;
        let upstreams = upstreams.into_iter().map(Arc::new).collect();
        let protected = routes.iter().filter(|route| !matches!(route.rule, Rule::Public));
        let carriers = Carriers::all(protected.map(|route| route.carriers.as_ref()));
        Ok(Arc::new(Self {
            verifier,
            accounts,
            clock,
            table,
            routes,
            carriers,
            upstreams,
            realm,
            redaction,
            near_expiry,
            forwarding,
            guard: failure_limit.map(Guard::new),
        }))
    }

    /// Where a request would go, and what it would need there. `host`: as in the request's `Host`.
    pub fn leads(&self, host: &str, path: &str, method: &Method) -> Leads {
        find(&self.table, &self.routes, (host, path, method)).0
    }

    /// Forgets idle keys of the routes' limits.
    pub fn prune(&self) {
        self.routes.iter().filter_map(|route| route.limit.as_ref()).for_each(|limit| limit.limiter.prune());
        self.guard.iter().for_each(Guard::prune);
    }
}

/// Where a request would go by these routes, without a proxy, and the upstream's place among the upstreams.
pub fn lead(
    routes: Vec<(Pattern, Route)>,
    host: &str,
    path: &str,
    method: &Method,
) -> Result<(Leads, Option<usize>), TableError> {
    let (patterns, routes): (Vec<Pattern>, Vec<Route>) = routes.into_iter().unzip();
    let (leads, at) = find(&RouteTable::new(&patterns)?, &routes, (host, path, method));
    Ok((leads, at.map(|at| routes[at].upstream)))
}

/// Where host, path and method lead, and by which of the routes.
fn find(table: &RouteTable, routes: &[Route], request: (&str, &str, &Method)) -> (Leads, Option<usize>) {
    let (host, path, method) = request;
    let path = match canonical(path) {
        Ok(path) => path,
        Err(fault) => return (Leads::BadPath(fault), None),
    };
    match table.find(&routing_name(host), &path, method) {
        Found::Nothing => (Leads::Nowhere, None),
        Found::OtherMethods(allowed) => (Leads::OtherMethods(allowed), None),
        Found::Route { index: RouteIndex(at), .. } => {
            (routes[at].view(method).map_or_else(|| Leads::OtherMethods(Vec::new()), Leads::To), Some(at))
        }
    }
}
