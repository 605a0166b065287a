//! The management API: tokens, accounts, users and sessions over JSON, on a listener of its own.
//!
//! [`ENDPOINTS`] is the one table of what can be called and which right it takes; the router is built
//! from it, so no endpoint can exist without a right. Every request passes `frame` (request id, panics,
//! refusals into problems), then `recording` (its entry in the audit log), then `door` (credential, verdict,
//! right), then one handler. A handler that
//! needs to know who calls takes a `Caller`, which only the door can make. `about` says of each endpoint what
//! those who call it have to know: the description of the API is made from it and from the table.
//!
//! Knows nothing of the configuration, of the proxy or of how it is served: [`AdminState`] is all it has.

mod about;
mod accounts;
mod audit;
mod backup;
mod body;
mod bulk;
mod caller;
mod cause;
mod condition;
mod cursor;
mod detail;
mod door;
mod endpoint;
mod expiry;
mod explain;
mod fields;
mod form;
mod frame;
mod grants;
mod health;
mod hosts;
mod import;
mod invitations;
mod labels;
mod leaks;
mod login;
mod manual;
mod members;
mod named;
mod outcome;
mod page;
mod passwords;
mod peer;
mod pieces;
mod policies;
mod presented;
mod projection;
mod quota;
mod recording;
mod refusal;
mod repeat;
mod reveal;
mod rights;
mod roles;
mod roster;
mod rotation;
mod rules;
mod selection;
mod sessions;
mod token_input;
mod tokens;
mod unfit;
mod usage;
mod users;
mod webhooks;
mod whoami;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodFilter;
use http::Method;

pub use self::about::description;
pub use self::endpoint::{ENDPOINTS, Endpoint, Right};
pub use self::health::Readiness;
pub use self::hosts::{Hosts, Misdirected};
pub use self::peer::Peer;
pub use self::quota::AdminLimits;
use crate::audit::Audit;
use crate::auth::{Accounts, Lifecycle, LoginGuard, NearExpiry, Passwords, Users, Verifier};
use crate::event::Webhooks;
use crate::leak::Leaks;
use crate::model::Policies;
use crate::route::Leads;
use crate::store::Backups;

/// What the management API works on. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    pub lifecycle: Lifecycle,
    pub verifier: Verifier,
    pub accounts: Accounts,
    pub users: Users,
    pub policies: Arc<Policies>,
    pub passwords: Passwords,
    pub login_guard: Arc<LoginGuard>,
    pub limits: Arc<AdminLimits>,
    pub backups: Backups,
    /// Tells callers of an expiry that is near.
    pub near_expiry: Option<NearExpiry>,
    pub webhooks: Webhooks,
    pub leaks: Leaks,
    pub audit: Audit,
    /// Where the gateway serves (`http://127.0.0.1:8080`), for the line to copy after a creation.
    pub proxy_url: String,
    /// A path that a token can be tried on.
    pub example_path: String,
    /// Where a request with this host, path and method would go.
    pub leads: Routing,
    /// What this listener may be called.
    pub hosts: Hosts,
    /// The realm of `WWW-Authenticate`.
    pub realm: String,
    pub ready: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// The metrics in OpenMetrics text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Host, path and method → where a request leads.
pub type Routing = Arc<dyn Fn(&str, &str, &Method) -> Leads + Send + Sync>;

type Shared = Arc<AdminState>;

/// The whole API, ready to be served.
pub fn router(state: AdminState) -> Router {
    let state = Arc::new(state);
    let routes = ENDPOINTS.iter().fold(Router::new(), |router, endpoint| {
        let method = MethodFilter::try_from(endpoint.method.clone()).expect("the table has standard methods only");
        router.route(endpoint.path, endpoint.mount(method))
    });
    routes
        // Answered by the door; the router must have something to put the door in front of.
        .fallback(async || refusal::Refusal::NoEndpoint)
        .layer(from_fn_with_state(Arc::clone(&state), door::door))
        .layer(from_fn_with_state(Arc::clone(&state), recording::recorded))
        .layer(from_fn_with_state(Arc::clone(&state), hosts::known))
        .layer(from_fn_with_state(Arc::clone(&state), frame::frame))
        .with_state(state)
}

#[cfg(test)]
mod tests;
