//! What one `[[route]]` says.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;

use crate::model::{Action, Quota, ResourceName};

/// `[[route]]`.
#[derive(Debug, Clone)]
pub struct Route {
    /// In metrics and logs; default: the path pattern.
    pub name: String,
    /// `host = "api.example.com"`, in lower case, without a port; `None`: any.
    pub host: Option<String>,
    /// matchit syntax: `/v1/devices/{id}`, `/v1/{*rest}`.
    pub path: String,
    /// Empty: every method that has an action.
    pub methods: BTreeSet<MethodName>,
    /// `None` exactly where the route is public.
    pub resource: Option<ResourceName>,
    /// In place of the action that the method implies.
    pub action: Option<Action>,
    /// Index into [`Settings::upstreams`](super::Settings::upstreams).
    pub upstream: usize,
    /// `public = true`: forwarded without a credential.
    pub public: bool,
    /// `account = { header = "X-Account" }` or `{ path = "name" }`.
    pub account: Option<AccountSelector>,
    pub preflight: Preflight,
    /// `None`: browsers are told nothing by the gateway.
    pub cors: Option<Cors>,
    /// `carriers = { … }`; `None`: `Authorization: Bearer` alone.
    pub carriers: Option<Carriers>,
    /// `filter = { query = "{key}" }` or `{ header = "X-Scope" }`; `None`: tokens with a filter are refused.
    pub filter: Option<Filter>,
    /// Request body bytes (default 10 MiB); `None`: `"unlimited"`.
    pub max_body: Option<u64>,
    /// `timeout = "30s"`: in place of the upstream's `response_timeout`.
    pub timeout: Option<Duration>,
    /// `websocket = "off" | "recheck" | "last"` (default off).
    pub websocket: WebSocket,
    /// `stream_idle_timeout = "1h"` or `"unlimited"`: in place of the server's.
    pub stream_idle_timeout: Option<Option<Duration>>,
    pub rate_limit: Option<RouteLimit>,
}

/// Whether a route takes WebSockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebSocket {
    Off,
    /// As long as the token would be let in anew.
    Recheck,
    /// As long as both sides like.
    Last,
}

/// An HTTP method by name, so that it has an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MethodName(pub String);

impl MethodName {
    pub fn method(&self) -> Option<Method> {
        Method::from_bytes(self.0.as_bytes()).ok()
    }
}

/// Where a request names the account that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountSelector {
    /// A header, in lower case.
    Header(String),
    /// A parameter of the path pattern.
    Path(String),
}

/// `preflight = "pass" | "answer" | "authenticate"`: what becomes of a browser's question before a
/// cross-origin request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preflight {
    /// The upstream answers (the default).
    Pass,
    /// The gateway answers.
    Answer,
    /// It takes a token.
    Authenticate,
}

/// `cors = { … }`: what browsers are told whose pages are of another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// As browsers write them; `*` alone: all.
    pub origins: Vec<String>,
    /// Default: those of the route.
    pub methods: Vec<String>,
    /// What a page may send, in lower case (default: `authorization`, `content-type`, and the header of
    /// `carriers`); `*` alone: all.
    pub headers: Vec<String>,
    /// What a page may read besides the usual.
    pub expose: Vec<String>,
    /// How long a browser may remember an answer (default 10 min).
    pub max_age: Duration,
    /// Whether requests may have cookies and client certificates (default: false).
    pub credentials: bool,
}

/// Where the requests of a route carry their credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carriers {
    /// `Authorization: Bearer …` (default: true).
    pub bearer: bool,
    /// `Authorization: Token …`.
    pub token: bool,
    /// The password of `Authorization: Basic …`.
    pub basic: bool,
    /// A header that holds the token alone, in lower case.
    pub header: Option<String>,
    /// A parameter of the query.
    pub query: Option<String>,
    /// `base64url.bearer.…` in `Sec-WebSocket-Protocol`.
    pub websocket: bool,
}

/// How the upstream is told what a token is limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The name of a parameter of the query, maybe with `{key}` in it.
    Query(String),
    /// A header, in lower case.
    Header(String),
}

/// `rate_limit = { quota = 100, window = "60s", key = "token" }`.
#[derive(Debug, Clone, Copy)]
pub struct RouteLimit {
    pub quota: Quota,
    pub key: LimitKey,
}

/// What a route's limit counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKey {
    /// Each token has the whole quota (the default; on a public route: each peer address).
    Token,
    /// All share it.
    Route,
}
