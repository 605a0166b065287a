//! A response body on its way to the client, together with the record that ends with it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::headers;
use super::record::RequestRecord;
use super::request_body::Progress;
use super::upstream::{Fault, Relay};
use super::websocket::Side;
use crate::server::{Cut, Holding, Piece};

/// What is handed over at a time to a client of HTTP/2. Once it is, it cannot be taken back while the client
/// leaves room for a single byte of it.
const PIECE: usize = 16 * 1024;

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

/// Why a body ends too early.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    #[error(transparent)]
    Http1(#[from] Fault),
    #[error(transparent)]
    Http2(#[from] hyper::Error),
    #[error("nothing came of the answer for too long")]
    Quiet,
}

/// What hyper's server sends.
pub struct ReplyBody {
    content: Content,
    /// Of the last frame, not handed over yet.
    rest: Bytes,
    /// Of HTTP/2, where a client may have many answers fetched and take none.
    holding: Option<Holding>,
    /// `None` where a tunnel has it.
    record: Option<Box<RequestRecord>>,
    /// Of the request's body, which may still be on its way.
    progress: Option<Rc<Progress>>,
}

impl ReplyBody {
    pub(super) fn new(content: Content, mut record: Box<RequestRecord>, progress: Option<Rc<Progress>>) -> Self {
        record.connection().doing().answers();
        if let Content::Own(Some(bytes)) = &content {
            record.sent(bytes.len());
            record.finished();
        }
        let holding = record.connection().is_multiplexed().then(|| Holding::new(record.connection()));
        let body = Self { content, rest: Bytes::new(), holding, record: Some(record), progress };
        body.finish_if_over()
    }

    /// Nothing, in front of a tunnel.
    pub(super) fn switched() -> Self {
        Self { content: Content::Switched(None), rest: Bytes::new(), holding: None, record: None, progress: None }
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

impl ReplyBody {
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyError>>> {
        let most = match self.holding.as_ref().map(|holding| holding.room(cx)) {
            None => usize::MAX,
            Some(Some(most)) => most,
            Some(None) => {
                // It is the client who is waited for.
                self.progress.iter().for_each(|progress| progress.goes_on());
                return Poll::Pending;
            }
        };
        let polled = match &mut self.content {
            Content::Http1(relay) => relay.poll_frame(cx, most).map_err(ReplyError::Http1),
            Content::Http2(incoming) => Pin::new(incoming).poll_frame(cx).map_err(ReplyError::Http2),
            Content::Own(_) | Content::Switched(_) => return Poll::Ready(None),
        };
        let (Some(progress), Some(record)) = (&self.progress, &mut self.record) else {
            return polled;
        };
        if polled.is_ready() {
            progress.goes_on();
        } else {
            record.connection().doing().waits();
            if progress.is_quiet_for_long(cx) {
                record.cut(Cut::StreamIdle);
                return Poll::Ready(Some(Err(ReplyError::Quiet)));
            }
        }
        polled
    }

    /// As much of it as is handed over now.
    fn piece(&mut self, mut data: Bytes) -> Piece {
        if self.holding.is_some() && data.len() > PIECE {
            self.rest = data.split_off(PIECE);
        }
        if let Some(record) = &mut self.record {
            record.connection().doing().hands(data.len());
            record.sent(data.len());
        }
        let Some(holding) = &mut self.holding else { return data.into() };
        let unread = if let Content::Http1(relay) = &self.content { relay.unread() } else { 0 };
        holding.keeps(self.rest.len() + unread);
        holding.hand(data)
    }
}

impl Body for ReplyBody {
    type Data = Piece;
    type Error = ReplyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, ReplyError>>> {
        if let Content::Own(bytes) = &mut self.content {
            let bytes = bytes.take();
            let handed = bytes.as_ref().map_or(0, Bytes::len);
            self.record.iter().for_each(|record| record.connection().doing().hands(handed));
            return Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes.into()))));
        }
        let frame = match self.rest.is_empty() {
            true => ready!(self.poll_content(cx)),
            false => Some(Ok(Frame::data(std::mem::take(&mut self.rest)))),
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.record.iter().for_each(|record| record.connection().end_early());
                return Poll::Ready(Some(Err(error)));
            }
            None => {
                self.finished();
                return Poll::Ready(None);
            }
        };
        let frame = match frame.into_data() {
            Ok(data) => Frame::data(self.piece(data)),
            Err(frame) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    headers::clean_trailers(&mut trailers);
                    if let Some(record) = &mut self.record {
                        record.tell_expiry(&mut trailers);
                    }
                    Frame::trailers(trailers)
                }
                Err(other) => other.map_data(Piece::from),
            },
        };
        if self.is_end_stream() {
            self.finished();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        if !self.rest.is_empty() {
            return false;
        }
        match &self.content {
            Content::Own(bytes) => bytes.is_none(),
            Content::Http1(relay) => relay.is_end_stream(),
            Content::Http2(incoming) => incoming.is_end_stream(),
            Content::Switched(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let mut hint = match &self.content {
            Content::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Content::Http1(relay) => relay.size_hint(),
            Content::Http2(incoming) => incoming.size_hint(),
            Content::Switched(_) => SizeHint::with_exact(0),
        };
        if rest > 0 {
            hint.upper().into_iter().for_each(|upper| hint.set_upper(upper + rest));
            hint.set_lower(hint.lower() + rest);
        }
        hint
    }
}

impl Drop for ReplyBody {
    fn drop(&mut self) {
        if let (Some(progress), Some(record)) = (&self.progress, &mut self.record) {
            record.received(progress.received());
        }
    }
}
