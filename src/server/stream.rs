//! A client's byte stream, plain or TLS: notes when the client sends and when it takes, lets HTTP/1
//! requests through one at a time, after the [`Inspector`] has seen them, and ends HTTP/2 where a client
//! sends too much that is no request ([`Glitches`]).
//!
//! A head is held back until it is complete. In the usual case, where it comes in one piece with nothing
//! behind it, it is looked at where it was read to, and nothing is copied or allocated. In the place of a
//! request that is refused, hyper is given an empty one, for which the service has the reason in the
//! connection's state: so the refusal is answered, logged and counted like all others, and in its turn.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::cut::Cut;
use super::glitches::Glitches;
use super::inspect::{Inspector, Passage};
use super::state::{ConnectionState, Due};

/// A byte stream of whatever kind. One virtual call a read or write is lost in the system call behind
/// it, and hyper is compiled once instead of once for each kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// What is still read after the end of our side, so that a client that goes on sending sees our answer
/// and not the reset that unread bytes cause.
const LINGER_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// What hyper reads from and writes to.
pub struct Stream {
    transport: Box<dyn Duplex>,
    /// Bytes that were read and not given out.
    held: BytesMut,
    /// So many of them may be given out.
    free: usize,
    guard: Guard,
    /// All that was written is out, which leaves HTTP/2 between two frames.
    is_flushed: bool,
    /// HTTP/2 heads were given out, and more wait: first those are for others to look at.
    pauses: bool,
    course: Course,
    /// Our side has ended, and so many bytes may still be read.
    lingering: Option<usize>,
    state: Rc<ConnectionState>,
}

/// Who looks at what the client sends.
enum Guard {
    Http1(Inspector),
    /// Which has a framing of its own.
    Http2(Glitches),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    /// A request was refused; nothing behind it is read.
    Refused,
    /// A body is broken, or HTTP/2 is ended; for whoever reads, it ends too early.
    Broken,
}

impl Stream {
    /// `first`: what was read to learn the protocol.
    pub(super) fn new(
        transport: impl Duplex,
        first: &[u8],
        inspector: Option<Inspector>,
        state: Rc<ConnectionState>,
    ) -> Self {
        let (guard, free) = match inspector {
            Some(inspector) => (Guard::Http1(inspector), 0),
            None => {
                let mut glitches = Glitches::new(state.now());
                // Far less than what may pass at a time.
                glitches.follow(first, state.now());
                (Guard::Http2(glitches), first.len())
            }
        };
        let (held, course, lingering) = (BytesMut::from(first), Course::On, None);
        let (transport, is_flushed, pauses) = (Box::new(transport), true, false);
        Self { transport, held, free, guard, is_flushed, pauses, course, lingering, state }
    }

    /// The stream below, and what was read of it and not given out.
    pub(super) fn into_parts(self) -> (Box<dyn Duplex>, BytesMut) {
        (self.transport, self.held)
    }

    /// Whether a further message may be looked at: the one before it was taken up, or is not whole yet,
    /// and it is sure that a message it is.
    fn may_inspect(&self) -> bool {
        let Guard::Http1(inspector) = &self.guard else { return true };
        !inspector.is_at_head() || !(self.state.has_due() || self.state.withholds())
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let here = self.free.min(buf.remaining());
        buf.put_slice(&self.held[..here]);
        self.held.advance(here);
        self.free -= here;
    }

    /// Frees what may pass of the bytes that are held. Says whether anything came of it.
    fn inspect_held(&mut self) -> bool {
        let Guard::Http1(inspector) = &mut self.guard else { return false };
        let passage = inspector.inspect(&self.held);
        self.free = passage.pass;
        self.note(passage);
        self.free > 0 || self.course != Course::On
    }

    /// Lets pass what may of the bytes that were just read, where they lie; the others are held.
    fn inspect_in_place(&mut self, buf: &mut ReadBuf<'_>, from: usize) {
        let Guard::Http1(inspector) = &mut self.guard else { return };
        let passage = inspector.inspect(&buf.filled()[from..]);
        let end = from + passage.pass;
        if end < buf.filled().len() {
            self.held.extend_from_slice(&buf.filled()[end..]);
            buf.set_filled(end);
        }
        self.note(passage);
    }

    fn note(&mut self, passage: Passage) {
        if let Some(body) = passage.head {
            self.state.expect(Due::Request(body));
        }
        match passage.fault {
            None => {}
            Some(fault) if fault.is_of_body() => {
                self.state.break_body(fault);
                self.held.truncate(self.free);
                self.course = Course::Broken;
            }
            Some(fault) => {
                let is_head = matches!(&self.guard, Guard::Http1(inspector) if inspector.is_head_method());
                let stands_for_it: &[u8] = if is_head { b"HEAD / HTTP/1.1\r\n\r\n" } else { b"GET / HTTP/1.1\r\n\r\n" };
                self.state.expect(Due::Refusal(fault));
                self.held = BytesMut::from(stands_for_it);
                self.free = self.held.len();
                self.course = Course::Refused;
            }
        }
    }

    /// Lets pass what may of the bytes that an HTTP/2 client has sent. `None`: it is too much, and the connection
    /// ends.
    fn let_pass(&mut self, cx: &mut Context<'_>, sent: &[u8]) -> Option<usize> {
        let Guard::Http2(glitches) = &mut self.guard else { return Some(sent.len()) };
        glitches.earn(self.state.doing().take_earned(), 0);
        let passes = glitches.follow(sent, self.state.now());
        if passes.is_some() {
            return passes;
        }
        if self.is_flushed {
            // As far as there is room for it; the connection ends anyway.
            drop(Pin::new(&mut self.transport).poll_write(cx, &glitches.farewell()));
        }
        self.state.cut_short(Cut::Flood);
        self.course = Course::Broken;
        None
    }

    /// HTTP/2: heads are looked at before more are read, so that few are in memory together however many come
    /// at once.
    fn poll_read_frames(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.course != Course::On {
            return Poll::Ready(Ok(()));
        }
        if self.free > 0 {
            self.give(buf);
            return Poll::Ready(Ok(()));
        }
        // h2 reads as long as there is something, and hands requests over when there is nothing.
        if std::mem::take(&mut self.pauses) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.state.must_wait_for_heads(cx) {
            return Poll::Pending;
        }
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let Some(passes) = self.let_pass(cx, &held) else { return Poll::Ready(Ok(())) };
            self.pauses = passes < held.len();
            (self.held, self.free) = (held, passes);
            self.give(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.transport).poll_read(cx, buf))?;
        if buf.filled().len() == before {
            return Poll::Ready(Ok(()));
        }
        self.state.received();
        let end = self.let_pass(cx, &buf.filled()[before..]).map_or(before, |passes| before + passes);
        if self.course == Course::On && end < buf.filled().len() {
            self.held.extend_from_slice(&buf.filled()[end..]);
            self.pauses = true;
        }
        buf.set_filled(end);
        Poll::Ready(Ok(()))
    }

    /// Whether the client has sent, or may be sending, what nobody will read.
    fn leaves_something(&self) -> bool {
        self.course != Course::On
            || !self.held.is_empty()
            || matches!(&self.guard, Guard::Http1(inspector) if !inspector.is_at_head())
    }

    fn wrote(&mut self) {
        let taken = self.state.wrote();
        if let Guard::Http2(glitches) = &mut self.guard {
            glitches.earn(0, taken);
        }
    }

    /// Looks whether an HTTP/1 client has gone while it is answered. hyper, which is told not to (`half_close`), would
    /// take a buffer of 8 KiB for that with each request; but it flushes whenever it is polled, and so this is done
    /// then. What the client sends meanwhile waits here.
    ///
    /// # Errors
    /// It has gone, or has ended its side, which looks the same.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Guard::Http1(inspector) = &self.guard else { return Ok(()) };
        let is_answered = inspector.is_at_head() && self.state.is_answering();
        if !is_answered || !self.held.is_empty() || self.course != Course::On {
            return Ok(());
        }
        let mut scratch = [MaybeUninit::uninit(); 2048];
        let mut buf = ReadBuf::uninit(&mut scratch);
        match Pin::new(&mut self.transport).poll_read(cx, &mut buf) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) if buf.filled().is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(Ok(())) => {
                self.held.extend_from_slice(buf.filled());
                Ok(())
            }
        }
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        while let Some(left) = self.lingering.filter(|&left| left > 0) {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.transport).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.lingering = Some(left.saturating_sub(buf.filled().len())),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if matches!(this.guard, Guard::Http2(_)) {
            return this.poll_read_frames(cx, buf);
        }
        let before = buf.filled().len();
        loop {
            if this.free > 0 {
                this.give(buf);
                return Poll::Ready(Ok(()));
            }
            match this.course {
                Course::On => {}
                // Nobody is to be woken: what is answered is the request that stands for the refused one.
                Course::Refused => return Poll::Pending,
                Course::Broken => return Poll::Ready(Ok(())),
            }
            let may_inspect = this.may_inspect();
            if !this.held.is_empty() {
                // Asked in the midst of a request, only to learn whether the client is still there; when
                // the next head is wanted, the request before it has been taken up, and this is not so.
                if !may_inspect {
                    this.state.wait_for_release(cx);
                    return Poll::Pending;
                }
                if this.inspect_held() {
                    continue;
                }
            }
            ready!(Pin::new(&mut this.transport).poll_read(cx, buf))?;
            if buf.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            this.state.received();
            if this.held.is_empty() && may_inspect {
                this.inspect_in_place(buf, before);
                if buf.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.held.extend_from_slice(&buf.filled()[before..]);
                buf.set_filled(before);
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.transport).poll_write(cx, buf);
        self.is_flushed = false;
        self.wrote();
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.transport).poll_flush(cx);
        self.is_flushed |= flushed.is_ready();
        self.wrote();
        self.poll_gone(cx)?;
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.transport).poll_shutdown(cx))?;
            self.lingering = Some(if self.leaves_something() { LINGER_BYTES } else { 0 });
            self.state.leave_within(LINGER);
        }
        self.poll_linger(cx)
    }
}
