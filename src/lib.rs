//! Keygate: a reverse-proxy authentication gateway for opaque bearer tokens.

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod limit;
pub mod model;
pub mod problem;
pub mod proxy;
pub mod route;
pub mod server;
pub mod store;
pub mod telemetry;
