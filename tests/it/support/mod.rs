//! What tests stand on: an assembled gateway, upstreams that record, clients that show every byte.

pub mod binary;
pub mod client;
pub mod credentials;
pub mod frames;
pub mod gateway;
pub mod h2;
pub mod load;
pub mod peers;
pub mod program;
pub mod restart;
pub mod tls;
pub mod upstream;
pub mod wait;
pub mod watch;
pub mod wire;

pub use client::{Answer, Client, get, request};
pub use credentials::{Cast, Credential, Outcome};
pub use gateway::{Admin, Builder, Created, Gateway};
pub use load::{Load, Shot};
pub use upstream::{Recorded, Then, Upstream};
pub use wait::{eventually, timed};
pub use wire::{Origin, Wire, pattern};
