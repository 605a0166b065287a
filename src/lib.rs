//! Keygate: a reverse-proxy authentication gateway for opaque bearer tokens.
//!
//! The map, in reading order:
//!
//! * [`model`]: what a token, a grant, an account and a moment are. Pure.
//! * [`store`]: where they are kept: a trait, sled behind it, and one in memory.
//! * [`audit`]: who changed what, in a log that cannot be altered unseen.
//! * [`limit`]: how often somebody may ask.
//! * [`route`]: host, path and method to a route; one reading of a path, or none.
//! * [`server`]: listeners, TLS, connections, deadlines, drain. Knows no token and no route.
//! * [`problem`]: the forms in which a refusal is told.
//! * [`telemetry`]: metrics, access log, use of tokens. Observes and never decides.
//! * [`auth`]: credential → token → principal → permit, and the token's life.
//! * [`proxy`]: the way of a request, and the connections to upstreams.
//! * [`outbound`]: requests that the gateway itself sends.
//! * [`event`]: what happens to tokens, delivered to webhooks.
//! * [`leak`]: tokens that somebody found, and what is done about them.
//! * [`admin`]: the management API.
//! * [`config`]: `keygate.toml` in, settings or every problem out.
//! * [`app`]: the composition root; the only module that knows all the others.
//! * [`cli`]: the command line, which speaks to a running gateway over the management API.
//!
//! `ARCHITECTURE.md` has the invariants and where each is checked.

pub mod admin;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod event;
pub mod leak;
pub mod limit;
pub mod model;
pub mod outbound;
pub mod problem;
pub mod proxy;
pub mod route;
pub mod server;
pub mod store;
pub mod telemetry;
