//! One HTTP/1.1 connection to an upstream, driven by the request that uses it.
//!
//! hyper gives two halves: a sender, and the connection, a future that does all the work. The future
//! is polled here, inside the request's own task, first until the response's head is there
//! ([`Link::exchange`]) and then by the response's body ([`Relay`]). What the halves send each other
//! is seen in the same poll, so they are given a waker that does nothing: only the connection, which
//! has the socket, needs to wake the task.

use std::error::Error;
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
use crate::proxy::websocket::Side;
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
pub(super) struct Link<B: Body + 'static = RequestBody> {
    sender: SendRequest<B>,
    driver: Driver<B>,
}

/// The half that does the work. Once it has ended, nothing is left of it but its stream, because what
/// it holds only its drop gives back: a request that it had not begun to send.
///
/// Always inside a [`Link`], which is boxed.
#[expect(clippy::large_enum_variant, reason = "the largest variant is the usual one, and a box in a box would cost")]
enum Driver<B: Body + 'static> {
    Works(Connection<TokioIo<Box<dyn Duplex>>, B>),
    Ended(Side),
    Taken,
}

impl<B> Driver<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    /// Polls the connection; `false` once it has ended.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        let Self::Works(connection) = self else { return false };
        if Pin::new(connection).poll(cx).is_pending() {
            return true;
        }
        if let Self::Works(connection) = std::mem::replace(self, Self::Taken) {
            let parts = connection.into_parts();
            *self = Self::Ended(Side { stream: parts.io.into_inner(), early: parts.read_buf });
        }
        false
    }
}

impl<B> Link<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    pub(super) async fn open(stream: Box<dyn Duplex>) -> Result<Box<Self>, hyper::Error> {
        let (sender, connection) = Builder::new().writev(false).handshake(TokioIo::new(stream)).await?;
        Ok(Box::new(Self { sender, driver: Driver::Works(connection) }))
    }

    /// Whether an idle connection can carry another request. Sees a close and surplus bytes that the
    /// thread's I/O driver has been told of; what arrived since then is met by the exchange.
    pub(super) fn is_usable(&mut self) -> bool {
        self.driver.drive(&mut Context::from_waker(Waker::noop())) && self.sender.is_ready()
    }

    /// Sends the request, and its body as far as the upstream takes it, until the response's head.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: &mut Option<Request<B>>,
        progress: &Progress,
    ) -> Result<(Response<Incoming>, Box<Self>), ExchangeError> {
        let Some(sent) = request.take() else { return Err(ExchangeError::Unsent) };
        // Without tokio's budget: a poll that is put off for the sake of other tasks wakes the waker it was
        // given, which is one that does nothing.
        let mut response = pin!(unconstrained(self.sender.try_send_request(sent)));
        let driver = &mut self.driver;
        let outcome = poll_fn(|cx| {
            for waker in quiet_first(cx) {
                driver.drive(&mut Context::from_waker(waker));
                if let Poll::Ready(outcome) = response.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    return Poll::Ready(Some(outcome));
                }
            }
            if progress.has_stalled(cx) { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
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

impl<B> Link<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    /// The stream, after an answer that ended HTTP on it; and what came behind that answer. `None` where
    /// hyper does not see it so, which a lawful 101 gives no reason for.
    pub(super) fn into_side(mut self: Box<Self>) -> Option<Side> {
        self.driver.drive(&mut Context::from_waker(Waker::noop()));
        match self.driver {
            Driver::Ended(side) => Some(side),
            Driver::Works(_) | Driver::Taken => None,
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
                link.driver.drive(&mut Context::from_waker(waker));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::proxy::request_body::Timeouts;
    use crate::server::{Grant, Sweep};

    /// Nothing ticks here: an exchange that waited for a deadline would wait for ever.
    #[tokio::test]
    async fn a_kept_connection_that_is_closed_before_the_request_is_sent_gives_it_back() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let link = Link::<Empty<Bytes>>::open(Box::new(ours)).await.expect("nothing is sent to open it");
        let request = || Request::builder().uri("/").header("host", "a").body(Empty::new()).ok();
        let client = Grant { most: None, min_rate: None };
        let timeouts = Timeouts { upstream: Duration::from_secs(1), client, quiet: None };
        let progress = Progress::new(Sweep::new().timer(), timeouts);
        let (mut first, mut second) = (request(), request());
        let (answered, ()) = tokio::join!(link.exchange(&mut first, &progress), async {
            theirs.read_exact(&mut [0; 16]).await.expect("a request");
            theirs.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("room");
        });
        let Ok((_, mut link)) = answered else { panic!("no answer") };
        assert!(link.is_usable());
        drop(theirs);
        let mut exchange = Box::pin(link.exchange(&mut second, &progress));
        let polled = exchange.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(exchange);
        assert!(matches!(polled, Poll::Ready(Err(ExchangeError::Unsent))), "it is told at once");
        assert!(second.is_some());
    }
}
