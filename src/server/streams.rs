//! The streams of an HTTP/2 connection: each is a task, which is given up where its client takes nothing.
//!
//! hyper polls an answer's body no further while the client leaves no room for it, so the body itself never
//! learns that it waits. But it is seen from around the task: a poll in which nothing of ours had to wait
//! and that is pending all the same waits for the client. The timer for that is made then, so that the
//! usual stream has none. When it fires the task is dropped, which resets the stream; the others go on.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::Executor;

use super::cut::Cut;
use super::patience::Patience;
use super::state::ConnectionState;
use super::sweep::Timer;

/// Runs hyper's HTTP/2 tasks on the thread of their connection.
#[derive(Clone, Copy)]
pub struct LocalExecutor;

impl<F> Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// What an answer that was taken whole earns, and a piece of one, for what its client sends beside requests.
pub(super) const AN_ANSWER: u32 = 20;
const A_PIECE: u32 = 4;

/// What the task of a stream has told in the poll that is under way. One poll runs at a time.
#[derive(Default)]
pub struct Doing {
    answers: Cell<bool>,
    waits: Cell<bool>,
    handed: Cell<u64>,
    /// Not of one poll, but of the connection.
    earned: Cell<u32>,
}

impl Doing {
    /// There is an answer, which the client may take from now on.
    pub fn answers(&self) {
        self.answers.set(true);
    }

    /// There is nothing at present for the client to take.
    pub fn waits(&self) {
        self.waits.set(true);
    }

    /// So many bytes are handed over for it.
    pub fn hands(&self, bytes: usize) {
        self.handed.set(self.handed.get() + bytes as u64);
        self.earns(A_PIECE);
    }

    pub(super) fn earns(&self, more: u32) {
        self.earned.set(self.earned.get().saturating_add(more));
    }

    pub(super) fn take_earned(&self) -> u32 {
        self.earned.take()
    }
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(super) struct StreamExecutor(Rc<ConnectionState>);

impl StreamExecutor {
    pub(super) fn new(state: &Rc<ConnectionState>) -> Self {
        Self(Rc::clone(state))
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        let state = Rc::clone(&self.0);
        tokio::task::spawn_local(async move {
            let cutting = {
                // In a box: kept in this task, it would be there twice.
                let mut stream = Box::pin(future);
                let mut watch = Watch::default();
                let stalled = poll_fn(|cx| watch.poll(&state, stream.as_mut(), cx)).await;
                stalled.then(|| state.cut_alone(Cut::ClientStalled))
                // Here the stream ends, and its record asks why.
            };
            drop(cutting);
        });
    }
}

/// Whether a stream waits for its client, and since when.
#[derive(Default)]
struct Watch {
    is_answered: bool,
    /// `None` for a stream that never had to wait.
    taking: Option<(Patience, Timer)>,
}

impl Watch {
    /// Polls the stream to its end (`false`), or until its client has kept it waiting for too long (`true`).
    fn poll<F: Future>(&mut self, state: &ConnectionState, stream: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<bool> {
        let doing = state.doing();
        doing.answers.set(false);
        doing.waits.set(false);
        doing.handed.set(0);
        if stream.poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        self.is_answered |= doing.answers.get();
        let (waits, handed) = (!self.is_answered || doing.waits.get(), doing.handed.get());
        if waits && self.taking.is_none() {
            return Poll::Pending;
        }
        let make = || (Patience::new(state.patience()), state.another_timer());
        let (patience, timer) = self.taking.get_or_insert_with(make);
        if waits || handed > 0 {
            patience.rest(timer);
            patience.gain(handed);
        }
        if waits {
            return Poll::Pending;
        }
        patience.wait(timer);
        if timer.poll_fired(cx) { Poll::Ready(true) } else { Poll::Pending }
    }
}
