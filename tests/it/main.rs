//! The gateway, driven from outside over real sockets.
//!
//! `support` starts upstreams and gateways on free ports and speaks to them; each other module is a
//! theme. Tests whose names begin with `slow_` are left out by `./test quick`.

mod accounts;
mod audit;
mod binary;
mod bodies;
mod breaks;
mod bulk;
mod carriers;
mod clients;
mod coherence;
mod config;
mod cors;
mod costs;
mod crash;
mod crowds;
mod decisions;
mod disk;
mod filters;
mod floods;
mod flow;
mod forwarding;
mod fuzz;
mod grpc;
mod guard;
mod h2_cases;
mod http2;
mod httpwg;
mod import;
mod leaks;
mod life;
mod limits;
mod lists;
mod near_expiry;
mod passage;
mod products;
#[path = "../proof/mod.rs"]
mod proof;
mod properties;
mod raw;
mod refusals;
mod repeat;
mod rotation;
mod schemathesis;
mod secrecy;
mod sessions;
mod stalls;
mod store;
mod support;
mod surface;
mod telemetry;
mod tidy;
mod tls;
mod tokens;
mod unix;
mod upstreams;
mod webhooks;
mod websocket;
