//! Time-outs without timers: one look at all deadlines of a thread, ten times a second.
//!
//! Setting and clearing a deadline is a store to a cell; nothing is allocated, no timer is registered
//! and no clock is read for it. The price is precision: a deadline is noticed up to two
//! [`Sweep::TICK`]s late, and never early.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use slab::Slab;

const NEVER: u64 = u64::MAX;

/// The deadlines of one thread.
#[derive(Default)]
pub struct Sweep {
    entries: RefCell<Slab<Rc<Entry>>>,
    now: Cell<u64>,
}

struct Entry {
    deadline: Cell<u64>,
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// One deadline, and the task to wake when it passes.
pub struct Timer {
    sweep: Rc<Sweep>,
    entry: Rc<Entry>,
    key: usize,
}

impl Sweep {
    pub const TICK: Duration = Duration::from_millis(100);

    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// A timer that is not set.
    pub fn timer(self: &Rc<Self>) -> Timer {
        let entry = Rc::new(Entry { deadline: Cell::new(NEVER), fired: Cell::new(false), waker: RefCell::new(None) });
        let key = self.entries.borrow_mut().insert(Rc::clone(&entry));
        Timer { sweep: Rc::clone(self), entry, key }
    }

    /// Ticks since the thread began; a coarse clock for whoever can live with tenths of seconds.
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// Advances by a tick, and wakes the tasks whose deadlines have passed.
    pub fn tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        // A waker may run code that makes or drops timers, so none is called while the slab is borrowed.
        let mut due = Vec::new();
        for (_, entry) in self.entries.borrow().iter() {
            if entry.deadline.get() <= now {
                entry.deadline.set(NEVER);
                entry.fired.set(true);
                due.extend(entry.waker.borrow_mut().take());
            }
        }
        due.into_iter().for_each(Waker::wake);
    }

    /// Wakes every task that has a timer, so that it looks at what has changed for all.
    pub fn wake_all(&self) {
        let wakers: Vec<_> =
            self.entries.borrow().iter().filter_map(|(_, entry)| entry.waker.borrow_mut().take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ticks for ever; `each` runs after every tick.
    pub async fn run(self: Rc<Self>, mut each: impl FnMut(u64)) -> Infallible {
        let mut interval = tokio::time::interval(Self::TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            self.tick();
            each(self.now());
        }
    }
}

impl Timer {
    /// Fires `after` from now, in place of what was set.
    pub fn set(&self, after: Duration) {
        let ticks = u64::try_from(after.as_millis().div_ceil(Sweep::TICK.as_millis())).unwrap_or(NEVER - 1);
        // One more, because a part of the running tick is over.
        self.entry.deadline.set(self.sweep.now.get().saturating_add(ticks).saturating_add(1).min(NEVER - 1));
        self.entry.fired.set(false);
    }

    /// Another one of the same thread, not set.
    pub fn another(&self) -> Timer {
        self.sweep.timer()
    }

    /// Ticks since the thread began.
    pub fn now(&self) -> u64 {
        self.sweep.now()
    }

    /// The time since then, in whole ticks.
    pub fn since(&self, tick: u64) -> Duration {
        let ticks = self.sweep.now().saturating_sub(tick);
        Sweep::TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// Fires now.
    pub fn fire(&self) {
        self.entry.deadline.set(NEVER);
        self.entry.fired.set(true);
        self.entry.waker.borrow_mut().take().into_iter().for_each(Waker::wake);
    }

    pub fn clear(&self) {
        self.entry.deadline.set(NEVER);
        self.entry.fired.set(false);
    }

    /// Whether the deadline has passed; the task is woken then, and when all are woken.
    pub fn poll_fired(&self, cx: &Context<'_>) -> bool {
        let mut waker = self.entry.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.entry.fired.get()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.sweep.entries.borrow_mut().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(timer: &Timer) -> bool {
        timer.poll_fired(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_deadline_is_never_early_and_at_most_two_ticks_late() {
        let sweep = Sweep::new();
        let timer = sweep.timer();
        timer.set(Duration::from_millis(250));
        let ticks = (1..).find(|_| {
            sweep.tick();
            fired(&timer)
        });
        assert_eq!(ticks, Some(4), "three ticks hold 250 ms, and one for the tick that had begun");
    }

    #[test]
    fn a_cleared_or_renewed_deadline_does_not_fire() {
        let sweep = Sweep::new();
        let timer = sweep.timer();
        timer.set(Sweep::TICK);
        timer.clear();
        (0..10).for_each(|_| sweep.tick());
        assert!(!fired(&timer));
        timer.set(Duration::MAX);
        (0..10).for_each(|_| sweep.tick());
        assert!(!fired(&timer));
    }

    #[test]
    fn dropped_timers_leave_nothing() {
        let sweep = Sweep::new();
        drop(sweep.timer());
        assert!(sweep.entries.borrow().is_empty());
    }
}
