//! A response's body, and the connection that it comes over.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::fault::Fault;
use super::payload::Payload;
use super::{Framing, Link};
use crate::proxy::upstream::pool::Pool;

/// Gives the connection back to its pool when the exchange is over on both sides, and closes it when it is dropped
/// before.
pub(in crate::proxy) struct Relay {
    payload: Payload,
    link: Option<Box<Link>>,
    pool: Rc<Pool>,
}

impl Relay {
    pub(super) fn new(framing: Framing, link: Box<Link>, pool: Rc<Pool>) -> Self {
        let mut relay = Self { payload: Payload::new(framing), link: Some(link), pool };
        relay.release_if_over();
        relay
    }

    /// `most`: bytes that are read for it.
    pub(in crate::proxy) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Some(link) = &mut self.link else { return Poll::Ready(None) };
        let frame = ready!(link.poll_frame(&mut self.payload, cx, most));
        match &frame {
            Some(Err(_)) => self.link = None,
            Some(Ok(_)) | None => self.release_if_over(),
        }
        Poll::Ready(frame)
    }

    pub(in crate::proxy) fn is_end_stream(&self) -> bool {
        self.payload.is_over()
    }

    pub(in crate::proxy) fn size_hint(&self) -> SizeHint {
        self.payload.size_hint()
    }

    /// Bytes that were read, and are no frame yet.
    pub(in crate::proxy) fn unread(&self) -> usize {
        self.link.as_ref().map_or(0, |link| link.read.len())
    }

    fn release_if_over(&mut self) {
        if self.payload.is_over()
            && let Some(link) = self.link.take().filter(|link| link.is_clean())
        {
            self.pool.put(link);
        }
    }
}
