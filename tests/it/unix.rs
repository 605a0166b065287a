//! Unix sockets at either side of the gateway: listeners, upstreams, and the command line.

mod command;
mod listener;
mod upstream;
