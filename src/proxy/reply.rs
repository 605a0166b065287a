//! A response body on its way to the client, together with the record that ends with it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::headers;
use super::record::RequestRecord;
use super::request_body::Progress;
use super::upstream::Relay;
use super::websocket::Side;

/// Where the bytes come from.
pub(super) enum Content {
    /// Our own answer.
    Own(Option<Bytes>),
    /// An HTTP/1.1 upstream's, with the connection that carries it.
    Http1(Relay),
    /// An HTTP/2 upstream's; its connection runs by itself.
    Http2(Incoming),
    /// None: HTTP ends with the head, and the connection to the upstream becomes a tunnel.
    Switched(Option<Box<Side>>),
}

/// What hyper's server sends.
pub struct ReplyBody {
    content: Content,
    /// `None` where a tunnel has it.
    record: Option<Box<RequestRecord>>,
    /// Of the request's body, which may still be on its way.
    progress: Option<Rc<Progress>>,
}

impl ReplyBody {
    pub(super) fn new(content: Content, mut record: Box<RequestRecord>, progress: Option<Rc<Progress>>) -> Self {
        if let Content::Own(Some(bytes)) = &content {
            record.sent(bytes.len());
            record.finished();
        }
        let body = Self { content, record: Some(record), progress };
        body.finish_if_over()
    }

    /// Nothing, in front of a tunnel.
    pub(super) fn switched() -> Self {
        Self { content: Content::Switched(None), record: None, progress: None }
    }

    fn finish_if_over(mut self) -> Self {
        if self.is_end_stream() {
            self.finished();
        }
        self
    }

    fn finished(&mut self) {
        if let Some(record) = &mut self.record {
            record.finished();
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.content {
            Content::Own(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Http1(relay) => ready!(relay.poll_frame(cx)),
            Content::Http2(incoming) => ready!(Pin::new(incoming).poll_frame(cx)),
            Content::Switched(_) => return Poll::Ready(None),
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => {
                self.finished();
                return Poll::Ready(None);
            }
        };
        let frame = match frame.into_data() {
            Ok(data) => {
                if let Some(record) = &mut self.record {
                    record.sent(data.len());
                }
                Frame::data(data)
            }
            Err(frame) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    headers::clean_trailers(&mut trailers);
                    if let Some(record) = &mut self.record {
                        record.tell_expiry(&mut trailers);
                    }
                    Frame::trailers(trailers)
                }
                Err(other) => other,
            },
        };
        if self.is_end_stream() {
            self.finished();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(bytes) => bytes.is_none(),
            Content::Http1(relay) => relay.is_end_stream(),
            Content::Http2(incoming) => incoming.is_end_stream(),
            Content::Switched(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Content::Http1(relay) => relay.size_hint(),
            Content::Http2(incoming) => incoming.size_hint(),
            Content::Switched(_) => SizeHint::with_exact(0),
        }
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let (Some(progress), Some(record)) = (&self.progress, &mut self.record) {
            record.received(progress.received());
        }
    }
}
