//! Heads of HTTP/2 requests that were handed over and that nobody has looked at yet.
//!
//! A head that refers to its table again and again takes a hundred times its bytes in memory. hyper reads all
//! that there is before the first request is looked at, and refused; so no more is read meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::ConnectionState;

/// How many wait, and who would read more.
#[derive(Default)]
pub(super) struct Heads {
    waiting: Cell<u32>,
    reader: Cell<Option<Waker>>,
}

/// A head that waits to be looked at.
pub struct HeadWaits(Rc<ConnectionState>);

impl ConnectionState {
    /// A request is handed over. Over HTTP/2 no more are read until what is given here is dropped, which is to
    /// be done when the head is looked at.
    pub fn head_waits(self: &Rc<Self>) -> Option<HeadWaits> {
        self.is_multiplexed().then(|| {
            self.heads.waiting.set(self.heads.waiting.get() + 1);
            HeadWaits(Rc::clone(self))
        })
    }

    /// Whether nothing may be read for heads that wait; whoever reads is woken when it may.
    pub(in crate::server) fn must_wait_for_heads(&self, cx: &Context<'_>) -> bool {
        let waits = self.heads.waiting.get() > 0;
        if waits {
            self.heads.reader.set(Some(cx.waker().clone()));
        }
        waits
    }
}

impl Drop for HeadWaits {
    fn drop(&mut self) {
        let Heads { waiting, reader } = &self.0.heads;
        waiting.set(waiting.get() - 1);
        if waiting.get() == 0 {
            reader.take().into_iter().for_each(Waker::wake);
        }
    }
}
