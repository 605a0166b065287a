//! The calls of one management connection: whether there are any, and whether their answers are taken.
//!
//! Neither the look at which HTTP is spoken nor HTTP/2 has a time-out of its own, and hyper has none for a client that
//! does not read. But it polls an answer's body again once what that handed over last is on its way; so a body that
//! handed something over and is not polled waits for its client. All of a connection are looked at now and then, so
//! that none needs a timer.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::Version;
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;

use super::HEAD_TIMEOUT;
use crate::server::{Gauge, Grant};

/// What is handed over at a time.
const PIECE: usize = 16 * 1024;
/// Looks in the time that a client has, and the longest time between two.
const LOOKS: u32 = 10;
const LONGEST: Duration = Duration::from_secs(1);

/// The calls of a connection.
pub(super) struct Calls {
    begun: AtomicU64,
    open: Mutex<Vec<Open>>,
    stall: Grant,
}

/// One that is not answered whole, until that is noticed.
struct Open {
    call: Weak<Call>,
    is_multiplexed: bool,
    /// Of its client's time.
    left: Duration,
}

/// Whoever answers has it.
#[derive(Default)]
pub(super) struct Call {
    /// Something is handed over, and more was not asked for.
    waits: AtomicBool,
    /// Bytes that were handed over since the last look.
    handed: AtomicU64,
}

impl Calls {
    pub(super) fn new(stall: Grant) -> Self {
        Self { begun: AtomicU64::new(0), open: Mutex::default(), stall }
    }

    pub(super) fn begin(&self, version: Version) -> Arc<Call> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let (call, is_multiplexed) = (Arc::default(), version == Version::HTTP_2);
        let left = self.stall.most.unwrap_or_default();
        self.open().push(Open { call: Arc::downgrade(&call), is_multiplexed, left });
        call
    }

    /// Resolves where there is no call within the time for a head.
    pub(super) async fn none(&self) {
        sleep(HEAD_TIMEOUT).await;
        if self.begun.load(Ordering::Relaxed) > 0 {
            std::future::pending().await
        }
    }

    /// Resolves once there was no call for `time`, and before twice that is over.
    pub(super) async fn idle(&self, time: Duration) {
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            sleep(time).await;
            if begun > 0 && self.begun.load(Ordering::Relaxed) == begun && self.open().is_empty() {
                return;
            }
        }
    }

    /// Resolves once the client has used up its time for taking an answer.
    pub(super) async fn stalled(&self, gauge: &Gauge) {
        let Some(most) = self.stall.most else { return std::future::pending().await };
        let between = (most / LOOKS).min(LONGEST);
        let mut written = gauge.written();
        loop {
            sleep(between).await;
            let taken = gauge.written().wrapping_sub(written);
            written = written.wrapping_add(taken);
            if self.open().iter_mut().any(|open| open.is_used_up(between, taken, self.stall)) {
                return;
            }
        }
    }

    /// Those that are open, without those that are over.
    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|open| open.call.strong_count() > 0);
        open
    }
}

impl Open {
    /// So much time has passed, in which the socket took so many bytes.
    fn is_used_up(&mut self, passed: Duration, taken: u64, stall: Grant) -> bool {
        let Some(call) = self.call.upgrade() else { return false };
        let handed = call.handed.swap(0, Ordering::Relaxed);
        // Of those that share a connection, one may be taken and another not.
        let gained = if self.is_multiplexed { handed } else { taken };
        if call.waits.load(Ordering::Relaxed) {
            self.left = self.left.saturating_sub(passed);
        }
        self.left = self.left.saturating_add(stall.worth(gained)).min(stall.most.unwrap_or_default());
        self.left.is_zero()
    }
}

impl Call {
    /// The body, with which the call is over.
    pub(super) fn answer(self: Arc<Self>, body: Body) -> Body {
        Body::new(Answer { body, rest: Bytes::new(), call: self })
    }
}

struct Answer {
    body: Body,
    /// Of the last frame, not handed over yet.
    rest: Bytes,
    call: Arc<Call>,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.call.waits.store(false, Ordering::Relaxed);
        let mut data = std::mem::take(&mut self.rest);
        if data.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            };
        }
        if data.len() > PIECE {
            self.rest = data.split_off(PIECE);
        }
        self.call.waits.store(true, Ordering::Relaxed);
        self.call.handed.fetch_add(data.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        hint.upper().into_iter().for_each(|upper| hint.set_upper(upper + rest));
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
