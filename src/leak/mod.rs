//! Tokens that somebody found where they do not belong: whose word for it counts, and what is done.
//!
//! [`Keys`] are the public keys of GitHub's secret scanning, by which its alerts are believed. [`Desk`] takes
//! what was found, says which of it are tokens of ours, and has the policy of each token's account carried out by
//! [`Worker`]: disabled, revoked, or only told.

mod desk;
mod keys;
mod signature;
mod worker;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use desk::{Desk, Find, Full, Label};
pub use keys::{KeySource, Keys, KeysError};
pub use signature::SignatureFault;
pub use worker::Worker;

/// Alerts that are read at the same time: nobody is known before the last byte is there.
const MOST_AT_ONCE: usize = 8;

/// What the management API needs of all this. Cheap to clone.
#[derive(Clone)]
pub struct Leaks {
    pub desk: Desk,
    /// `None`: GitHub's alerts are not taken.
    pub github: Option<Keys>,
    /// The right to read an alert.
    pub reading: Arc<Semaphore>,
}

impl Leaks {
    pub fn new(desk: Desk, github: Option<Keys>) -> Self {
        Self { desk, github, reading: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }
}
