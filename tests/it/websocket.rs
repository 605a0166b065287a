//! WebSockets through the gateway: who gets one, what passes, and how long it lasts.

mod cases;
mod clients;
mod handshake;
mod http2;
mod life;
mod passing;
pub mod stage;
