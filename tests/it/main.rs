//! The gateway, driven from outside over real sockets.
//!
//! `support` starts upstreams and gateways on free ports and speaks to them; each other module is a
//! theme. Tests whose names begin with `slow_` are left out by `./test quick`.

mod bodies;
mod config;
mod decisions;
mod flow;
mod http2;
mod life;
mod passage;
mod refusals;
mod store;
mod support;
mod tidy;
mod tls;
mod upstreams;
