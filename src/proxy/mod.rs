//! The request pipeline: sanitize → match → authenticate → authorize → charge → forward → record.
//!
//! [`Proxy`] is what all workers share and none changes; a [`Worker`] is what one thread has for
//! itself. Nothing on a request's way takes a lock that another thread holds for long. Over a kept
//! HTTP/1.1 connection it spawns no task and sets no timer. The proxy knows no store: it asks a
//! `Verifier`.

mod bad_request;
mod carriers;
mod client;
mod cors;
mod filter;
mod forwarded;
mod grpc;
mod guard;
mod headers;
mod identify;
mod identity;
mod introduction;
mod matched;
mod parameters;
mod pipeline;
mod privacy;
mod record;
mod reject;
mod reply;
mod request_body;
mod request_id;
mod routes;
mod sanitize;
mod upgrade;
mod upstream;
mod via;
mod websocket;
mod worker;

pub use bad_request::reject_reasons;
pub use carriers::{Carrier, Carriers};
pub use cors::{Cors, Origins, Preflight};
pub use filter::FilterRule;
pub use forwarded::{Emit, Forwarding};
pub use parameters::{ParameterFault, Reserved};
pub use routes::{AccountSelector, Proxy, ProxyOptions, Route, RouteLimit, Rule, lead};
pub use upstream::{
    HostHeader, TrustError, UpstreamOptions, UpstreamTls, UpstreamVersion, WholeAnswer, client_config, read_answer,
};
pub use websocket::WebSockets;
pub use worker::{Handler, LimitReport, Reports, UsageReport, Worker};
