//! WebSockets (RFC 6455): an HTTP/1.1 exchange that becomes a tunnel, or a stream of HTTP/2 that is one
//! (RFC 8441).
//!
//! [`handshake`] tells what a client asks for and whether an upstream's 101 answers it; [`Tunnel`]
//! carries bytes both ways and looks at nothing but where frames begin; [`Leases`] sees that no tunnel
//! outlives the right it was opened with. A request for a tunnel is authenticated and authorized like
//! any other before the upstream hears of it.

mod frames;
mod handshake;
mod lease;
mod tunnel;

pub(super) use handshake::{Ask, Key, UpgradeFault, ask, demand, fault_of_switch};
pub(super) use lease::{Lease, Leases};
pub(super) use tunnel::{Ends, Side, Tunnel};

/// Whether a route takes WebSockets, and how long they may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebSockets {
    /// Not asked for: the request goes on as if `Upgrade` were not there.
    Off,
    /// As long as the token would be let in anew.
    Recheck,
    /// As long as both sides like.
    Last,
}
