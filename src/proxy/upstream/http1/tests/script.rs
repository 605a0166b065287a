//! A connection whose other side says what stands in a script, and bodies that do.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::payload::Payload;
use super::super::{ExchangeError, Link, MOST_READ};
use crate::proxy::request_body::BodyFault;

/// One read each, once something was written; behind the last there is the end, or silence.
pub(super) struct Script {
    pieces: VecDeque<Vec<u8>>,
    ends: bool,
    written: Arc<Mutex<Vec<u8>>>,
    /// How many bytes a write takes.
    takes: usize,
    /// After so many, writes fail.
    most: usize,
}

impl Script {
    pub(super) fn new(pieces: &[&[u8]], ends: bool) -> Self {
        let pieces = pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| piece.to_vec()).collect();
        Self { pieces, ends, written: Arc::default(), takes: usize::MAX, most: usize::MAX }
    }

    pub(super) fn taking(self, takes: usize) -> Self {
        Self { takes, ..self }
    }

    pub(super) fn taking_at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// What was written, also after the script was given away.
    pub(super) fn written(&self) -> impl Fn() -> String + use<> {
        let written = Arc::clone(&self.written);
        move || String::from_utf8_lossy(&written.lock().expect("nobody panicked")).into_owned()
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.written.lock().expect("nobody panicked").is_empty() {
            return Poll::Pending;
        }
        let Some(mut piece) = self.pieces.pop_front() else {
            return if self.ends { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        let rest = piece.split_off(piece.len().min(buf.remaining()));
        buf.put_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = self.written.lock().expect("nobody panicked");
        let count = buf.len().min(self.takes).min(self.most - written.len());
        written.extend_from_slice(&buf[..count]);
        Poll::Ready(if count > 0 { Ok(count) } else { Err(io::ErrorKind::BrokenPipe.into()) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a body gives, one after the other; `None`: nothing at that poll.
pub(super) struct Frames {
    frames: RefCell<VecDeque<Option<Frame<Bytes>>>>,
    length: Option<u64>,
}

impl Frames {
    pub(super) fn none() -> Self {
        Self::new(Vec::new())
    }

    pub(super) fn new(frames: Vec<Option<Frame<Bytes>>>) -> Self {
        Self { frames: RefCell::new(frames.into()), length: None }
    }

    /// That knows its length, as one of HTTP/2 with a content-length does.
    pub(super) fn of_length(self, length: u64) -> Self {
        Self { length: Some(length), ..self }
    }
}

pub(super) fn data(bytes: impl Into<Bytes>) -> Option<Frame<Bytes>> {
    Some(Frame::data(bytes.into()))
}

impl Body for Frames {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match self.frames.borrow_mut().pop_front() {
            Some(None) => Poll::Pending,
            frame => Poll::Ready(frame.flatten().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.borrow().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// What somebody reads of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, Vec<u8>)>,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// And whether the connection may be used again.
    Whole {
        again: bool,
    },
    Broken,
    Awaited,
}

/// In the order of their names, which says nothing; lines of one name keep theirs, which does.
pub(super) fn list(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let lines = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    lines
}

pub(super) fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// What the codec reads. `Err(None)`: nothing yet.
pub(super) fn ours(script: Script, request: Request<Frames>) -> Result<Seen, Option<String>> {
    let mut link = Link::new(Box::new(script));
    link.is_head_asked = request.method() == http::Method::HEAD;
    link.headers = link.upload.begin(request, &|_| {});
    // A first poll may be ended for the sake of a body that comes behind the head.
    let mut polled = link.poll_head(&mut noop());
    if polled.is_pending() {
        polled = link.poll_head(&mut noop());
    }
    let head = match polled {
        Poll::Pending => return Err(None),
        Poll::Ready(Ok(head)) => head,
        Poll::Ready(Err(ExchangeError::Broken(error))) => return Err(Some(error.to_string())),
        Poll::Ready(Err(ExchangeError::Unlawful(fault))) => return Err(Some(fault.to_owned())),
        Poll::Ready(Err(ExchangeError::Unsent | ExchangeError::Stalled)) => unreachable!("nobody says so here"),
    };
    link.keeps_alive = head.keeps_alive;
    let mut seen = Seen {
        status: head.parts.status.as_u16(),
        headers: list(&head.parts.headers),
        body: Vec::new(),
        trailers: Vec::new(),
        end: End::Awaited,
    };
    let mut payload = Payload::new(head.framing);
    while !payload.is_over() {
        match link.poll_frame(&mut payload, &mut noop(), MOST_READ) {
            Poll::Pending => return Ok(seen),
            Poll::Ready(None) => break,
            Poll::Ready(Some(Err(_))) => return Ok(Seen { end: End::Broken, ..seen }),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => seen.body.extend_from_slice(&data),
                Err(frame) => seen.trailers = list(&frame.into_trailers().unwrap_or_default()),
            },
        }
    }
    let again = link.is_clean() && link.is_silent();
    Ok(Seen { end: End::Whole { again }, ..seen })
}

/// A request without a body.
pub(super) fn bare(method: &str) -> Request<Frames> {
    let request = Request::builder().method(method).uri("/x?y").header("host", "a").body(Frames::none());
    request.expect("a request")
}

/// A body for hyper.
pub(super) type Nothing = http_body_util::Empty<Bytes>;
