//! What becomes of a connection whose HTTP has ended with a 101: whoever answered has left here what
//! is to be done with its bytes.

use std::cell::Cell;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};

use super::stream::Duplex;

/// A client's connection after its HTTP has ended.
pub struct Switched {
    pub stream: Box<dyn Duplex>,
    /// What the client sent behind its request, before the answer.
    pub early: Bytes,
}

/// Takes the connection to its end.
pub type Switch = Box<dyn FnOnce(Switched) -> Pin<Box<dyn Future<Output = ()>>>>;

/// The place where a [`Switch`] waits for the answer to be sent.
#[derive(Default)]
pub(super) struct Switching(Cell<Option<Switch>>);

impl Switching {
    pub(super) fn set(&self, switch: Switch) {
        self.0.set(Some(switch));
    }

    pub(super) fn take(&self) -> Option<Switch> {
        self.0.take()
    }
}

/// First what HTTP had read already, then what was held back from it.
pub(super) fn early(read: &Bytes, held: &[u8]) -> Bytes {
    if held.is_empty() {
        return read.clone();
    }
    let mut all = BytesMut::from(&read[..]);
    all.extend_from_slice(held);
    all.freeze()
}
