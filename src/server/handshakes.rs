//! TLS handshakes that are under way on a thread: where there are too many, the oldest makes room.
//!
//! A client that means well is through in a few round trips; one that only opens connections holds its
//! place until the time is over. So it is the oldest that is given up, and not the newest that is turned
//! away, which could be anybody's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::state::ConnectionState;

/// Those that are under way, in the order of their beginning, and some that are over.
pub(super) struct Handshakes {
    line: RefCell<VecDeque<Rc<Underway>>>,
    count: Cell<usize>,
    most: usize,
}

struct Underway {
    state: Rc<ConnectionState>,
    is_over: Cell<bool>,
}

/// One that is under way, until this is dropped.
pub(super) struct Handshake<'a> {
    all: &'a Handshakes,
    this: Rc<Underway>,
}

impl Handshakes {
    pub(super) fn new(most: usize) -> Self {
        Self { line: RefCell::default(), count: Cell::new(0), most }
    }

    /// Another one begins.
    pub(super) fn begin(&self, state: &Rc<ConnectionState>) -> Handshake<'_> {
        let this = Rc::new(Underway { state: Rc::clone(state), is_over: Cell::new(false) });
        let mut line = self.line.borrow_mut();
        while let Some(first) = line.front() {
            if !first.is_over.get() {
                if self.count.get() < self.most {
                    break;
                }
                first.state.give_up();
                self.finish(first);
            }
            line.pop_front();
        }
        // Those that are over and stand behind one that is not.
        if line.len() >= 2 * self.most {
            line.retain(|other| !other.is_over.get());
        }
        line.push_back(Rc::clone(&this));
        self.count.set(self.count.get() + 1);
        Handshake { all: self, this }
    }

    fn finish(&self, one: &Underway) {
        if !one.is_over.replace(true) {
            self.count.set(self.count.get() - 1);
        }
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.all.finish(&self.this);
    }
}
