//! The gateway, driven from outside over real sockets.

mod config;
mod store;
