//! Writing a request: its head, and its body as it comes.
//!
//! What is small goes out together in one write. What is large is written from where it lies, and the next is taken
//! only when it is out: so a slow upstream slows the client down, and nothing piles up here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use hyper::body::{Body, Frame};

use super::fault::Fault;
use crate::proxy::introduction::Put;
use crate::proxy::request_body::BodyFault;
use crate::server::Duplex;

/// Below this, bytes are copied to those that go out with them; above, a copy costs more than it saves.
const SMALL: usize = 4 * 1024;
/// Of what is kept for the next request.
const KEPT: usize = 16 * 1024;

/// How the upstream is told where the body ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks, with these fields behind the last one, where the client has them.
    Chunked(Vec<HeaderName>),
}

/// A request on its way out.
pub(super) struct Upload<B> {
    /// To be written next, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// To be written after that.
    piece: Bytes,
    /// `None` once its end was seen.
    body: Option<B>,
    framing: Framing,
    /// The head was held back once for a body that may be just behind it.
    has_waited: bool,
    is_over: bool,
}

impl<B> Default for Upload<B> {
    fn default() -> Self {
        let framing = Framing::Length(0);
        Self { out: Vec::new(), written: 0, piece: Bytes::new(), body: None, framing, has_waited: false, is_over: true }
    }
}

impl<B: Body<Data = Bytes, Error = BodyFault> + Unpin> Upload<B> {
    /// Takes a request in origin form, with what `introduce` tells besides, and gives back its headers' memory, emptied.
    pub(super) fn begin(&mut self, request: Request<B>, introduce: &dyn Fn(&mut Put<'_>)) -> HeaderMap {
        let (mut head, body) = request.into_parts();
        self.body = Some(body).filter(|body| !body.is_end_stream());
        self.framing = self.frame(&mut head.headers);
        self.has_waited = false;
        self.is_over = false;
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        self.put(&[head.method.as_str().as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
        for (name, value) in &head.headers {
            self.line(name, value);
        }
        introduce(&mut |name, value| {
            debug_assert!(*name == VIA || !head.headers.contains_key(name), "{name} is not the client's to send");
            self.line(name, value);
        });
        self.put(&[b"\r\n"]);
        head.headers.clear();
        head.headers
    }

    /// All was handed to the operating system.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Writes what there is to write. Ready once that was all of the request.
    ///
    /// # Errors
    /// The connection takes no more, the client's body broke off, or it is not as long as its head says.
    pub(super) fn poll(&mut self, stream: &mut dyn Duplex, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut stream = Pin::new(stream);
        loop {
            let waits = self.gather(cx)?;
            if waits && !std::mem::replace(&mut self.has_waited, true) {
                // hyper reads a body only after it was asked for. If the client sent it with the head, it is there
                // by the next poll, and both go out in one.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_write(stream.as_mut(), cx))?;
            if self.out.is_empty() && (waits || self.body.is_none()) {
                ready!(stream.as_mut().poll_flush(cx))?;
                if self.body.is_some() {
                    return Poll::Pending;
                }
                self.is_over = true;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Frees what a large request took.
    pub(super) fn shrink(&mut self) {
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        }
    }

    fn put(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
    }

    fn line(&mut self, name: &HeaderName, value: &HeaderValue) {
        // One by one, so that the two constants are two stores.
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// The framing that the head announces; where it announces none, it is made to (RFC 9112 section 6).
    fn frame(&self, headers: &mut HeaderMap) -> Framing {
        let Some(body) = &self.body else {
            headers.remove(TRANSFER_ENCODING);
            return Framing::Length(0);
        };
        if !headers.contains_key(TRANSFER_ENCODING) {
            let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            if let Some(length) = announced {
                return Framing::Length(length);
            }
            if let Some(length) = body.size_hint().exact() {
                headers.insert(CONTENT_LENGTH, length.into());
                return Framing::Length(length);
            }
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        headers.remove(CONTENT_LENGTH);
        let named = headers.get_all(TRAILER).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
        Framing::Chunked(named.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()).collect())
    }

    /// Takes what there is of the body, as long as it is small. Whether the client has to send more first.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        while self.piece.is_empty() && self.out.len() < SMALL {
            let Some(body) = &mut self.body else { return Ok(false) };
            if body.is_end_stream() {
                self.end(None)?;
                return Ok(false);
            }
            let frame = match Pin::new(body).poll_frame(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(frame) => frame.transpose()?,
            };
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => self.data(data)?,
                Some(Err(frame)) => self.end(frame.into_trailers().ok())?,
                None => self.end(None)?,
            }
        }
        Ok(false)
    }

    fn data(&mut self, data: Bytes) -> Result<(), Fault> {
        match &mut self.framing {
            // An empty chunk would be the last one.
            _ if data.is_empty() => return Ok(()),
            Framing::Length(left) => *left = left.checked_sub(data.len() as u64).ok_or(Fault::RequestLength)?,
            Framing::Chunked(_) => {
                let size = format!("{:x}\r\n", data.len());
                self.put(&[size.as_bytes()]);
            }
        }
        if data.len() < SMALL {
            self.put(&[&data]);
            self.end_piece();
        } else {
            self.piece = data;
        }
        Ok(())
    }

    /// Behind the bytes of a frame.
    fn end_piece(&mut self) {
        if matches!(self.framing, Framing::Chunked(_)) {
            self.put(&[b"\r\n"]);
        }
    }

    /// Behind the last frame.
    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), Fault> {
        self.body = None;
        let named = match &mut self.framing {
            Framing::Length(0) => return Ok(()),
            Framing::Length(_) => return Err(Fault::RequestLength),
            Framing::Chunked(named) => std::mem::take(named),
        };
        self.put(&[b"0\r\n"]);
        // An upstream that was told of no field waits for none (RFC 9110 section 6.6.2).
        let trailers = trailers.unwrap_or_default();
        for (name, value) in trailers.iter().filter(|(name, _)| named.contains(name) && may_trail(name)) {
            self.line(name, value);
        }
        self.put(&[b"\r\n"]);
        Ok(())
    }

    /// Writes what was gathered, all of it.
    fn poll_write(&mut self, mut stream: Pin<&mut dyn Duplex>, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        loop {
            let head = &self.out[self.written..];
            let polled = match (head.is_empty(), self.piece.is_empty()) {
                (true, true) => break,
                (false, true) => stream.as_mut().poll_write(cx, head),
                (true, false) => stream.as_mut().poll_write(cx, &self.piece),
                (false, false) => {
                    let both = [IoSlice::new(head), IoSlice::new(&self.piece)];
                    stream.as_mut().poll_write_vectored(cx, &both)
                }
            };
            let count = ready!(polled)?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(count);
        }
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, count: usize) {
        let of_head = count.min(self.out.len() - self.written);
        self.written += of_head;
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        if count > of_head {
            self.piece.advance(count - of_head);
            if self.piece.is_empty() {
                self.piece = Bytes::new();
                self.end_piece();
            }
        }
    }
}

/// Fields that say how a message is to be read stand in its head or nowhere (RFC 9110 section 6.5.1). Those that say
/// who sends it make the request be refused before.
fn may_trail(name: &HeaderName) -> bool {
    use http::header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, MAX_FORWARDS, SET_COOKIE, TRAILER,
    };
    ![CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, MAX_FORWARDS, SET_COOKIE, TRAILER].contains(name)
}
