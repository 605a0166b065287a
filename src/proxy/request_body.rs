//! A request body on its way to the upstream: counted, limited, and never held.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::headers;
use crate::server::Timer;

/// What is known of a body while and after it is sent; shared with who waits for the response.
pub(super) struct Progress {
    received: Cell<u64>,
    fault: Cell<Option<BodyFault>>,
    /// Fires when nothing has moved for the upstream's response time-out.
    timer: Timer,
    timeout: Duration,
}

/// Why a body was not sent whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyFault {
    #[error("the request body is over {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the request body broke off")]
    Client,
}

impl Progress {
    pub(super) fn new(timer: Timer, timeout: Duration) -> Rc<Self> {
        timer.set(timeout);
        Rc::new(Self { received: Cell::new(0), fault: Cell::new(None), timer, timeout })
    }

    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    pub(super) fn fault(&self) -> Option<BodyFault> {
        self.fault.get()
    }

    /// Whether the exchange has stood still for too long.
    pub(super) fn has_stalled(&self, cx: &Context<'_>) -> bool {
        self.timer.poll_fired(cx)
    }

    /// The response's head is here: from now on the time is the response body's.
    pub(super) fn answered(&self) {
        self.timer.clear();
    }
}

/// What hyper's client sends.
pub(super) struct RequestBody {
    inner: Incoming,
    /// Bytes that may come; `None`: any number.
    limit: Option<u64>,
    progress: Rc<Progress>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, limit: Option<u64>, progress: Rc<Progress>) -> Self {
        Self { inner, limit, progress }
    }

    fn fail(&self, fault: BodyFault) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.progress.fault.set(Some(fault));
        Poll::Ready(Some(Err(fault)))
    }

    fn count(&self, bytes: u64) -> Result<(), BodyFault> {
        let received = self.progress.received.get() + bytes;
        self.progress.received.set(received);
        self.progress.timer.set(self.progress.timeout);
        match self.limit.filter(|&limit| received > limit) {
            Some(limit) => Err(BodyFault::TooLarge { limit }),
            None => Ok(()),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            None => Poll::Ready(None),
            Some(Err(_)) => self.fail(BodyFault::Client),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => match self.count(data.len() as u64) {
                    Ok(()) => Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(fault) => self.fail(fault),
                },
                Err(frame) => Poll::Ready(frame.into_trailers().ok().map(|mut trailers| {
                    headers::clean_trailers(&mut trailers);
                    Ok(Frame::trailers(trailers))
                })),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
