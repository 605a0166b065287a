//! One HTTP/1.1 connection to an upstream, driven by the request that uses it.
//!
//! There is no task of its own: the connection is polled inside the request's task, first until the response's head
//! is there ([`Link::exchange`]) and then by the response's body ([`Relay`]). The request's body goes on meanwhile.
//!
//! The codec is ours, because the way of a request is paid for by every request, and because what an upstream says
//! is judged here before a client hears it: where a body ends is never open ([`response`]).

mod answer;
mod chunks;
mod fault;
mod payload;
mod relay;
mod response;
#[cfg(test)]
mod tests;
mod upload;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, Method, Request};
use hyper::body::{Body, Frame};
use tokio::io::{AsyncReadExt, ReadBuf};

pub use answer::{WholeAnswer, read_answer};
pub use fault::Fault;
use payload::Payload;
pub(in crate::proxy) use relay::Relay;
use response::{Framing, HeadError, Reader};
use upload::Upload;

use super::pool::Pool;
use crate::proxy::introduction::Put;
use crate::proxy::request_body::{BodyFault, Progress, RequestBody};
use crate::proxy::websocket::Side;
use crate::server::Duplex;

/// Bytes that are asked for at a time: more where more came, and fewer again for the next request.
const LEAST_READ: usize = 8 * 1024;
const MOST_READ: usize = 64 * 1024;
/// Of what is kept while the connection is idle.
const KEPT_READ: usize = 32 * 1024;

/// Why an exchange gave no response.
pub(in crate::proxy) enum ExchangeError {
    /// Nothing of the request was sent, and it was put back: it may be sent over another connection.
    Unsent,
    /// The connection failed after something was sent.
    Broken(Box<dyn std::error::Error>),
    /// The upstream was silent for too long.
    Stalled,
    /// There is a response, which cannot be passed on.
    Unlawful(&'static str),
}

impl From<HeadError> for ExchangeError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Fault(fault) => Self::Broken(fault.into()),
            HeadError::Unlawful(fault) => Self::Unlawful(fault),
        }
    }
}

/// A connection. Large, and so always boxed: it moves from the pool to a request, to its response and back.
pub(super) struct Link<B = RequestBody> {
    stream: Box<dyn Duplex>,
    upload: Upload<B>,
    /// The upstream took no more of the request. It may have answered before.
    broke: Option<io::Error>,
    read: BytesMut,
    room: usize,
    reader: Reader,
    /// Empty: the memory of the request's headers, which becomes the response's.
    headers: HeaderMap,
    is_head_asked: bool,
    keeps_alive: bool,
}

/// A response's head, and how its body will come.
pub(super) struct Answer<B = RequestBody> {
    pub(super) head: Parts,
    framing: Framing,
    link: Box<Link<B>>,
}

impl Answer {
    /// The head, and the body that comes over the connection, which `pool` gets back.
    pub(super) fn relay(self, pool: Rc<Pool>) -> (Parts, Relay) {
        (self.head, Relay::new(self.framing, self.link, pool))
    }

    /// The head, and the stream behind it, which is no HTTP of ours. `None` where the request was not over, which a
    /// lawful 101 gives no reason for.
    pub(super) fn tunnel(self) -> Option<(Parts, Side)> {
        let Link { stream, upload, read, .. } = *self.link;
        upload.is_over().then(|| (self.head, Side { stream, early: read.freeze() }))
    }
}

impl<B: Body<Data = Bytes, Error = BodyFault> + Unpin> Link<B> {
    pub(super) fn new(stream: Box<dyn Duplex>) -> Box<Self> {
        Box::new(Self {
            stream,
            upload: Upload::default(),
            broke: None,
            read: BytesMut::new(),
            room: LEAST_READ,
            reader: Reader::default(),
            headers: HeaderMap::new(),
            is_head_asked: false,
            keeps_alive: true,
        })
    }

    /// Sends the request, and its body as far as the upstream takes it, until the response's head. `introduce` tells
    /// what its head says besides.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: &mut Option<Request<B>>,
        introduce: &dyn Fn(&mut Put<'_>),
        progress: &Progress,
    ) -> Result<Answer<B>, ExchangeError> {
        let Some(sent) = request.take() else { return Err(ExchangeError::Unsent) };
        self.is_head_asked = *sent.method() == Method::HEAD;
        self.headers = self.upload.begin(sent, introduce);
        self.reader.begin();
        let head = poll_fn(|cx| match self.poll_head(cx) {
            Poll::Pending if progress.has_stalled(cx) => Poll::Ready(Err(ExchangeError::Stalled)),
            polled => polled,
        });
        let head = head.await?;
        self.keeps_alive = head.keeps_alive;
        Ok(Answer { head: head.parts, framing: head.framing, link: self })
    }

    /// Whether the upstream has said nothing, as it must between two exchanges. Sees a close and surplus bytes that
    /// the thread's I/O driver has been told of; what arrived since then is taken for the answer.
    pub(super) fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        let polled = Pin::new(&mut *self.stream)
            .poll_read(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(&mut byte));
        polled.is_pending()
    }

    /// Whether the exchange was whole on both sides, so that another may follow.
    fn is_clean(&self) -> bool {
        self.upload.is_over() && self.broke.is_none() && self.keeps_alive && self.read.is_empty()
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<response::Head, ExchangeError>> {
        loop {
            self.upload(cx).map_err(broken)?;
            if let Some(head) = self.reader.head(&mut self.read, &mut self.headers, self.is_head_asked)? {
                return Poll::Ready(Ok(head));
            }
            if ready!(self.poll_fill(cx, MOST_READ)).map_err(broken)? == 0 {
                return Poll::Ready(Err(broken(self.ended())));
            }
        }
    }

    /// The next frame of the response's body; `None` at its end. `most`: bytes that are read for it.
    fn poll_frame(
        &mut self,
        payload: &mut Payload,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            self.upload(cx)?;
            if let Some(frame) = payload.next(&mut self.read)? {
                return Poll::Ready(Some(Ok(frame)));
            }
            if payload.is_over() {
                return Poll::Ready(None);
            }
            if ready!(self.poll_fill(cx, most))? == 0 {
                payload.end().map_err(|_| self.ended())?;
                return Poll::Ready(None);
            }
        }
    }

    /// Goes on with the request. An upstream that takes no more of it may have answered all the same, and is heard.
    fn upload(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        if self.upload.is_over() || self.broke.is_some() {
            return Ok(());
        }
        match self.upload.poll(&mut *self.stream, cx) {
            Poll::Ready(Err(Fault::Io(error))) => self.broke = Some(error),
            Poll::Ready(Err(fault)) => return Err(fault),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Ok(())
    }

    /// Reads some bytes; 0: there are no more.
    fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<usize, Fault>> {
        self.read.reserve(self.room.min(most));
        let mut into = (&mut self.read).limit(most);
        let count = ready!(pin!(self.stream.read_buf(&mut into)).poll(cx))?;
        if count >= self.room {
            self.room = (self.room * 2).min(MOST_READ);
        }
        Poll::Ready(Ok(count))
    }

    /// Why the connection ended, as far as that is known.
    fn ended(&mut self) -> Fault {
        self.broke.take().map_or(Fault::Ended, Fault::Io)
    }

    /// Frees what a large exchange took; for a connection that will be idle.
    pub(super) fn shrink(&mut self) {
        self.upload.shrink();
        self.reader.shrink();
        if self.room > KEPT_READ {
            self.room = LEAST_READ;
            self.read = BytesMut::new();
        }
    }
}

fn broken(fault: Fault) -> ExchangeError {
    ExchangeError::Broken(fault.into())
}
