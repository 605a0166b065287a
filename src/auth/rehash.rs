//! Imported keys on their way to this installation's own digest.
//!
//! A key that is presented for the first time was found by the foreign hash; from then on the keyed digest
//! of its text takes that one's place. Requests ask for it and wait for nothing; the lifecycle carries it
//! out. Bounded: [`QUEUE`] at a time, and what finds no place is asked for again by the next request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::model::{Digest, TokenId};

/// How many may wait (worst case: 4,096 × 200 bytes).
const QUEUE: usize = 4_096;

/// A digest to be replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rehash {
    pub(super) id: TokenId,
    /// Of the foreign hash, by which it was found.
    pub(super) foreign: Digest,
    /// Of the text.
    pub(super) own: Digest,
}

/// Which are under way.
pub(super) struct Rehashing {
    /// By the digest that is to go. Who waits for one holds a receiver, which ends with the sender.
    flying: Mutex<HashMap<Digest, watch::Sender<()>>>,
    queue: mpsc::Sender<Rehash>,
    asked: Mutex<Option<mpsc::Receiver<Rehash>>>,
}

impl Rehashing {
    pub(super) fn new() -> Self {
        let (queue, asked) = mpsc::channel(QUEUE);
        Self { flying: Mutex::default(), queue, asked: Mutex::new(Some(asked)) }
    }

    /// Asks for it, unless it is under way or too many are.
    pub(super) fn ask(&self, rehash: Rehash) {
        let mut flying = self.flying();
        if flying.len() < QUEUE && !flying.contains_key(&rehash.foreign) && self.queue.try_send(rehash).is_ok() {
            flying.insert(rehash.foreign, watch::Sender::new(()));
        }
    }

    /// Ends when this one is done; `None` where it is not under way.
    pub(super) fn of(&self, foreign: &Digest) -> Option<watch::Receiver<()>> {
        self.flying().get(foreign).map(watch::Sender::subscribe)
    }

    /// It was done, or could not be.
    pub(super) fn landed(&self, foreign: &Digest) {
        self.flying().remove(foreign);
    }

    /// What is asked for; once, for who carries it out.
    pub(super) fn asked(&self) -> Option<mpsc::Receiver<Rehash>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn flying(&self) -> MutexGuard<'_, HashMap<Digest, watch::Sender<()>>> {
        self.flying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_is_asked_for_once_and_its_end_is_seen() {
        let rehashing = Rehashing::new();
        let (foreign, own) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let rehash = Rehash { id: TokenId::fresh(), foreign, own };
        assert!(rehashing.of(&foreign).is_none());
        rehashing.ask(rehash);
        rehashing.ask(rehash);
        let mut asked = rehashing.asked().expect("the first who asks gets them");
        assert!(asked.try_recv().is_ok() && asked.try_recv().is_err() && rehashing.asked().is_none());
        let mut waiting = rehashing.of(&foreign).expect("it is under way");
        rehashing.landed(&foreign);
        assert!(waiting.changed().await.is_err() && rehashing.of(&foreign).is_none());
    }
}
