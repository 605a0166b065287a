//! One HTTP/1.1 connection to an upstream, driven by the request that uses it.
//!
//! hyper gives two halves: a sender, and the connection, a future that does all the work. The future
//! is polled here, inside the request's own task, first until the response's head is there
//! ([`Link::exchange`]) and then by the response's body ([`Relay`]). What the halves send each other
//! is seen in the same poll, so they are given a waker that does nothing: only the connection, which
//! has the socket, needs to wake the task.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::unconstrained;

use super::pool::Pool;
use crate::proxy::request_body::{Progress, RequestBody};
use crate::server::Duplex;

/// Why an exchange gave no response.
pub(in crate::proxy) enum ExchangeError {
    /// Nothing of the request was sent, and it was put back: it may be sent over another connection.
    Unsent,
    /// The connection failed after something was sent.
    Broken(hyper::Error),
    /// The upstream was silent for too long.
    Stalled,
    /// There is a response, which cannot be passed on.
    Unlawful(&'static str),
}

/// A connection and the way to use it. Large, and so always boxed: it moves from the pool to a request,
/// to its response and back.
pub(super) struct Link {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<Box<dyn Duplex>>, RequestBody>,
    /// The connection future has completed and must not be polled again.
    over: bool,
}

impl Link {
    pub(super) async fn open(stream: Box<dyn Duplex>) -> Result<Box<Self>, hyper::Error> {
        let (sender, connection) = Builder::new().writev(false).handshake(TokioIo::new(stream)).await?;
        Ok(Box::new(Self { sender, connection, over: false }))
    }

    /// Polls the connection; `false` once it has ended.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.over && Pin::new(&mut self.connection).poll(cx).is_ready() {
            self.over = true;
        }
        !self.over
    }

    /// Whether an idle connection can carry another request. Sees a close that the kernel knows of,
    /// and surplus bytes after the last response.
    pub(super) fn is_usable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop())) && self.sender.is_ready()
    }

    /// Sends the request, and its body as far as the upstream takes it, until the response's head.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: &mut Option<Request<RequestBody>>,
        progress: &Progress,
    ) -> Result<(Response<Incoming>, Box<Self>), ExchangeError> {
        let Some(sent) = request.take() else { return Err(ExchangeError::Unsent) };
        // Without tokio's budget: a poll that is put off for the sake of other tasks wakes the waker it was
        // given, which is one that does nothing.
        let mut response = pin!(unconstrained(self.sender.try_send_request(sent)));
        let connection = &mut self.connection;
        let mut over = false;
        let outcome = poll_fn(|cx| {
            for waker in quiet_first(cx) {
                if !over && Pin::new(&mut *connection).poll(&mut Context::from_waker(waker)).is_ready() {
                    over = true;
                }
                if let Poll::Ready(outcome) = response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    return Poll::Ready(Some(outcome));
                }
            }
            if progress.has_stalled(cx) { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        self.over = over;
        match outcome {
            Some(Ok(response)) => Ok((response, self)),
            Some(Err(mut error)) => {
                *request = error.take_message();
                Err(if request.is_some() { ExchangeError::Unsent } else { ExchangeError::Broken(error.into_error()) })
            }
            None => Err(ExchangeError::Stalled),
        }
    }
}

/// The wakers with which a connection is polled, one after the other, until it gives something.
///
/// hyper wakes the connection when a chunk of its body is taken. Here that would be the very task that
/// takes it, which would be polled once more for nothing. So the connection is polled with a waker that
/// does nothing first, and with the task's own only when the task is about to wait.
fn quiet_first<'a>(cx: &Context<'a>) -> [&'a Waker; 2] {
    [Waker::noop(), cx.waker()]
}

/// A response body, and the connection that it comes over. Gives the connection back to its pool when
/// the exchange is over on both sides, and closes it when it is dropped before.
pub(in crate::proxy) struct Relay {
    body: Incoming,
    link: Option<Box<Link>>,
    pool: Rc<Pool>,
}

impl Relay {
    pub(super) fn new(body: Incoming, link: Box<Link>, pool: Rc<Pool>) -> Self {
        let mut relay = Self { body, link: Some(link), pool };
        if relay.body.is_end_stream() {
            relay.release();
        }
        relay
    }

    pub(in crate::proxy) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut frame = self.poll_body();
        for waker in quiet_first(cx) {
            if let (Poll::Pending, Some(link)) = (&frame, &mut self.link) {
                link.drive(&mut Context::from_waker(waker));
                frame = self.poll_body();
            }
        }
        // The end of a chunked body is known when it is read, that of a counted one with its last byte.
        if matches!(frame, Poll::Ready(None)) || (frame.is_ready() && self.body.is_end_stream()) {
            self.release();
        }
        frame
    }

    pub(in crate::proxy) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(in crate::proxy) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn poll_body(&mut self) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    /// Gives the connection back after the response's end. hyper says that the sender is ready exactly
    /// when the request was sent whole, the response was read whole, and the connection may be used again.
    fn release(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        if link.is_usable() {
            self.pool.put(link);
        }
    }
}
