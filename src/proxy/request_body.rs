//! A request body on its way to the upstream: counted, limited, and never held.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::headers;
use crate::server::{Grant, Patience, Timer};

/// What is known of a body while and after it is sent; shared with who waits for the response.
pub(super) struct Progress {
    received: Cell<u64>,
    fault: Cell<Option<BodyFault>>,
    /// Fires when one side has kept the other waiting for too long.
    timer: Timer,
    timeouts: Timeouts,
    client: Patience,
    /// It is the client that is waited for.
    client_is_due: Cell<bool>,
    answer: Cell<Answer>,
}

/// How far the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    /// Its head is here.
    Begun,
    /// There is nothing more of it at present, and the timer runs.
    Quiet,
}

/// How long each side may be silent while the other waits for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// Until the answer's head.
    pub(super) upstream: Duration,
    pub(super) client: Grant,
    /// With nothing passing either way behind that head; `None`: for ever.
    pub(super) quiet: Option<Duration>,
}

/// Why a body was not sent whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    #[error("the request body is over {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the request body broke off")]
    Client,
    #[error("the rest of the request body did not come in time")]
    Late,
    #[error("the request has a trailer that it may not have")]
    Trailer,
}

impl Progress {
    pub(super) fn new(timer: Timer, timeouts: Timeouts) -> Rc<Self> {
        timer.set(timeouts.upstream);
        let (received, fault, client_is_due) = (Cell::new(0), Cell::new(None), Cell::new(false));
        let (client, answer) = (Patience::new(timeouts.client), Cell::new(Answer::Awaited));
        Rc::new(Self { received, fault, timer, timeouts, client, client_is_due, answer })
    }

    /// A connection is there: what was spent on it is not the upstream's time to answer.
    pub(super) fn connected(&self) {
        self.timer.set(self.timeouts.upstream);
    }

    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    pub(super) fn fault(&self) -> Option<BodyFault> {
        self.fault.get()
    }

    /// Whether the exchange has stood still for too long.
    pub(super) fn has_stalled(&self, cx: &Context<'_>) -> bool {
        let stalled = self.timer.poll_fired(cx);
        if stalled && self.client_is_due.get() {
            self.fault.set(Some(BodyFault::Late));
        }
        stalled
    }

    /// The response's head is here: from now on the time is the response body's.
    pub(super) fn answered(&self) {
        self.timer.clear();
        self.answer.set(Answer::Begun);
    }

    /// There is nothing more of the answer at present. Whether that, and nothing of the request's body either,
    /// has been so for too long; the task is woken when it comes true.
    pub(super) fn is_quiet_for_long(&self, cx: &Context<'_>) -> bool {
        let Some(quiet) = self.timeouts.quiet else { return false };
        if self.answer.replace(Answer::Quiet) != Answer::Quiet {
            self.timer.set(quiet);
        }
        self.timer.poll_fired(cx)
    }

    /// There is something for the client to take, whose time it is now.
    pub(super) fn goes_on(&self) {
        if self.answer.replace(Answer::Begun) == Answer::Quiet {
            self.timer.clear();
        }
    }

    /// The upstream would take more, and the client sends nothing: the time is not the upstream's.
    fn wait_for_client(&self) {
        if self.answer.get() == Answer::Awaited && !self.client_is_due.replace(true) {
            self.timer.clear();
            self.client.wait(&self.timer);
        }
    }

    /// So much came, or the end; the next move is the upstream's.
    fn wait_for_upstream(&self, bytes: usize) {
        match (self.answer.get(), self.timeouts.quiet) {
            (Answer::Awaited, _) => {
                self.client_is_due.set(false);
                self.client.rest(&self.timer);
                self.client.gain(bytes as u64);
                self.timer.set(self.timeouts.upstream);
            }
            (Answer::Quiet, Some(quiet)) => self.timer.set(quiet),
            (Answer::Quiet | Answer::Begun, _) => {}
        }
    }
}

/// What hyper's client sends.
pub(super) struct RequestBody {
    inner: Incoming,
    /// Bytes that may come; `None`: any number.
    limit: Option<u64>,
    /// A header that is ours alone, in trailers too.
    reserved: Vec<HeaderName>,
    progress: Rc<Progress>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, limit: Option<u64>, reserved: Vec<HeaderName>, progress: Rc<Progress>) -> Self {
        Self { inner, limit, reserved, progress }
    }

    fn fail(&self, fault: BodyFault) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.progress.fault.set(Some(fault));
        Poll::Ready(Some(Err(fault)))
    }

    fn count(&self, bytes: u64) -> Result<(), BodyFault> {
        let received = self.progress.received.get() + bytes;
        self.progress.received.set(received);
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
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Pending => self.progress.wait_for_client(),
            Poll::Ready(frame) => self.progress.wait_for_upstream(length(frame)),
        }
        match ready!(polled) {
            None => Poll::Ready(None),
            Some(Err(_)) => self.fail(BodyFault::Client),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => match self.count(data.len() as u64) {
                    Ok(()) => Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(fault) => self.fail(fault),
                },
                Err(frame) => match frame.into_trailers() {
                    Ok(trailers) if headers::are_lawful_trailers(&trailers, &self.reserved) => {
                        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                    }
                    Ok(_) => self.fail(BodyFault::Trailer),
                    Err(_) => Poll::Ready(None),
                },
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

fn length(frame: &Option<Result<Frame<Bytes>, hyper::Error>>) -> usize {
    let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
    data.map_or(0, Bytes::len)
}
