//! Where requests come from: who is believed, what is told upstreams of it, and what else it is used for.

mod chain;
mod protocol;
mod via;
