//! Listeners and connections: bind, accept, TLS, time-outs, drain. Knows no token, scope or route.
//!
//! One [`serve`] runs on each data-path thread with a listener of its own; connections stay on the
//! thread that accepted them. Time-outs are entries of one [`Sweep`] a thread, not timers.

mod accept;
mod addresses;
mod bind;
mod connection;
mod cut;
mod glitches;
mod handshakes;
mod holding;
mod inspect;
mod limits;
mod listener;
mod patience;
mod peer;
mod provenance;
mod proxy_protocol;
mod socket;
mod socket_file;
mod state;
mod stream;
mod streams;
mod sweep;
mod switch;
mod tls;

pub use accept::{ConnectionHandler, ServeOptions, serve};
pub use addresses::{Addresses, Counted};
pub use bind::{Address, BindError, Place, bind};
pub use connection::Connection;
pub use cut::{Cut, Refused};
pub use holding::{Holding, Piece};
pub use inspect::{BodyLength, Fault, HeadLimits, Inspector, Passage, plain_length};
pub use limits::ConnectionLimits;
pub use listener::{Bound, Listener, Plain};
pub use patience::{Grant, Patience};
pub use peer::Peer;
pub use provenance::{Provenance, TrustedHeader, TrustedProxies};
pub use proxy_protocol::{Announced, ProxyProtocol, ProxyReading, read_proxy_header};
pub use socket::{Gauge, Socket};
pub use socket_file::{SocketFile, SocketFileError};
pub use state::ConnectionState;
pub use stream::{Duplex, Stream};
pub use streams::{Doing, LocalExecutor};
pub use sweep::{Sweep, Timer};
pub use switch::{Switch, Switched};
pub use tls::{Handshake, Misdirected, Tls, TlsMaterial};
