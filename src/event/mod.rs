//! What happens to tokens, told to those who asked for it.
//!
//! [`Events`] makes events of what it is told: changes by the lifecycle, refusals over a limit by the
//! workers, leaks by whoever found them, and what the clock brings by [`Schedule`]. [`Webhooks`] delivers them.
//! To tell an event takes a short lock and waits for nothing, so that neither a change nor a request ever waits
//! for a receiver.

mod events;
mod id;
mod payload;
mod saved;
mod schedule;
mod walk;
mod webhook;

pub use events::{Events, Leak};
pub use saved::{Keeper, Loaded};
pub use schedule::{Distances, Schedule};
pub use webhook::{Attempt, DeadLetter, WebhookCounts, WebhookOptions, WebhookStatus, Webhooks};
