//! What tests stand on: an assembled gateway, upstreams that record, clients that show every byte.

pub mod client;
pub mod gateway;
pub mod h2;
pub mod process;
pub mod tls;
pub mod upstream;
pub mod wait;
pub mod wire;

pub use client::{Answer, Client, get, request};
pub use gateway::{Admin, Builder, Gateway};
pub use process::Process;
pub use upstream::{Recorded, Then, Upstream};
pub use wait::{eventually, timed};
pub use wire::{Origin, Wire, pattern};
