//! Requests that the gateway itself sends: to webhooks, and for the keys of those who report leaks.
//!
//! Over HTTP/1.1, with certificates verified always, no redirect followed, an answer read up to a bound, and
//! everything within a time limit. Where a name leads to is looked at after it was resolved, and the very
//! address that was looked at is connected to, so that no name server can lead a request inside.
//!
//! Knows nothing of who sends what to whom. Runs on the control path, never on a data-path thread.

mod address;
mod client;

pub use client::{Answer, OutboundError, Target, TargetTls, send};
