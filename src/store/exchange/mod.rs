//! A store as text, one JSON object a line: what backups and exports are, and what restores and imports
//! read.
//!
//! ```text
//! {"keygate_store":1,"schema":2,"hash":"blake3-keyed","pepper":…,"revision":…,"tokens":…,"accounts":…,"proof":…,…}
//! {"account":{…},"check":"…"}
//! {"user":{…},"check":"…"}
//! {"note":{…},"check":"…"}
//! {"token":{…},"usage":{…},"check":"…"}
//! {"end":{"lines":4},"check":"…"}
//! ```
//!
//! Each line ends with a check of its own bytes, so that damage is told by the line it is in. The header
//! has the counts and the proof of all records, so that none can be left out, added or forged without
//! the pepper; the last line tells a whole file from one that was cut short. Both ways hold one line (or
//! one piece of a copy) in memory, and never all.
//!
//! Knows nothing of files and connections, and no token's text: the store has none.

mod error;
mod form;
mod header;
mod note_form;
mod read;
mod rotation_form;
mod seal;
mod user_form;
mod write;

#[cfg(test)]
mod tests;

pub use error::{ExchangeError, Flaw};
pub use header::Header;
pub use read::{Entry, ExchangeReader};
pub use write::{Backups, Export};

/// The media type of such a text.
pub const MEDIA_TYPE: &str = "application/x-ndjson";
