//! A tunnel: bytes both ways, unchanged, until one side or a rule ends it.
//!
//! What was read is written at once; what cannot be written is kept, and no more is read until it is.
//! So a slow side slows the other down, a tunnel holds [`CHUNK`] bytes a direction at most, and an idle
//! one holds none.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{self, Frames};
use super::lease::Held;
use crate::server::{ConnectionState, Duplex, Timer};

/// Read at a time.
const CHUNK: usize = 16 * 1024;
/// Reads in a row before other tasks get their turn.
const TURNS: usize = 32;
/// For a frame that is under way to end, before the tunnel is cut.
const TO_END: Duration = Duration::from_millis(300);
/// For the client to take our close frame and to answer it.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum End {
    /// Both sides said that they send no more.
    Closed,
    /// A connection failed.
    Client,
    Upstream,
    /// The token would not be let in any more.
    Revoked,
    /// The store has not said for long whether it would be.
    Unverified,
    Idle,
    Drain,
}

impl End {
    /// One word for the access log.
    pub(in crate::proxy) const fn label(self) -> &'static str {
        match self {
            End::Closed => "closed",
            End::Client => "client",
            End::Upstream => "upstream",
            End::Revoked => "revoked",
            End::Unverified => "unverified",
            End::Idle => "idle",
            End::Drain => "drain",
        }
    }

    /// Code and reason of the close frame (RFC 6455 section 7.4.1).
    fn told(self) -> (u16, &'static str) {
        match self {
            End::Revoked => (1008, "the token is not valid any more"),
            End::Unverified => (1013, "the token cannot be checked"),
            End::Idle => (1001, "idle for too long"),
            End::Closed | End::Client | End::Upstream | End::Drain => (1001, "the gateway is going away"),
        }
    }
}

/// One side of a tunnel, and what was read of it together with its handshake.
pub(in crate::proxy) struct Side {
    pub(in crate::proxy) stream: Box<dyn Duplex>,
    pub(in crate::proxy) early: Bytes,
}

/// Both sides.
pub(in crate::proxy) struct Ends {
    pub(in crate::proxy) client: Side,
    pub(in crate::proxy) upstream: Side,
}

/// One direction.
struct Flow {
    frames: Frames,
    /// Read and not written.
    pending: Bytes,
    bytes: u64,
    is_read_out: bool,
    is_shut: bool,
}

/// Why a direction stands still for good.
enum Fault {
    Reading,
    Writing,
}

enum Phase {
    Open,
    /// The rest of the frame that is under way, then our close frame.
    Ending(End),
    /// Our close frame is being written, and the client's awaited.
    Leaving(End),
}

/// A future that carries bytes, and resolves with how that ended.
pub(in crate::proxy) struct Tunnel {
    client: Box<dyn Duplex>,
    upstream: Box<dyn Duplex>,
    up: Flow,
    down: Flow,
    phase: Phase,
    connection: Rc<ConnectionState>,
    held: Option<Held>,
    timer: Timer,
    idle: Option<Duration>,
}

impl Tunnel {
    /// `held`: what it depends on; `idle`: how long nothing may pass.
    pub(in crate::proxy) fn new(
        ends: Ends,
        connection: Rc<ConnectionState>,
        held: Option<Held>,
        timer: Timer,
        idle: Option<Duration>,
    ) -> Self {
        let Ends { client, upstream } = ends;
        let (up, down) = (Flow::new(client.early), Flow::new(upstream.early));
        let (client, upstream, phase) = (client.stream, upstream.stream, Phase::Open);
        let tunnel = Self { client, upstream, up, down, phase, connection, held, timer, idle };
        tunnel.moved();
        tunnel
    }

    /// Bytes from the client, and to it.
    pub(in crate::proxy) fn bytes(&self) -> (u64, u64) {
        (self.up.bytes, self.down.bytes)
    }

    fn moved(&self) {
        match self.idle {
            Some(idle) => self.timer.set(idle),
            None => self.timer.clear(),
        }
    }

    /// Why it has to end, if it has to.
    fn poll_ended(&self, cx: &Context<'_>) -> Option<End> {
        let fired = self.timer.poll_fired(cx);
        let revoked = self.held.as_ref().and_then(|held| held.poll_end(cx));
        let drained = self.connection.is_draining().then_some(End::Drain);
        revoked.or(drained).or(fired.then_some(End::Idle))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let before = self.bytes();
        let up = self.up.poll(cx, &mut self.client, &mut self.upstream);
        let down = self.down.poll(cx, &mut self.upstream, &mut self.client);
        if self.bytes() != before {
            self.moved();
        }
        match (up, down) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(End::Closed),
            (Poll::Ready(Err(Fault::Reading)), _) | (_, Poll::Ready(Err(Fault::Writing))) => Poll::Ready(End::Client),
            (Poll::Ready(Err(Fault::Writing)), _) | (_, Poll::Ready(Err(Fault::Reading))) => Poll::Ready(End::Upstream),
            _ => Poll::Pending,
        }
    }

    /// From here on nothing of the client goes to the upstream, which is told so if no frame of the
    /// client's is under way.
    fn begin_end(&mut self, cx: &mut Context<'_>, end: End) {
        if self.up.frames.is_between() && self.up.pending.is_empty() && !self.up.frames.has_closed() {
            let (code, reason) = end.told();
            let frame = frames::masked_close(code, reason, fastrand::u32(..).to_be_bytes());
            // As far as there is room for it: the upstream will see the end of the connection anyway.
            drop(Pin::new(&mut self.upstream).poll_write(cx, &frame));
            drop(Pin::new(&mut self.upstream).poll_flush(cx));
        }
        self.timer.set(TO_END);
        self.phase = Phase::Ending(end);
    }

    /// The frame that is under way to the client, to its end.
    fn poll_ending(&mut self, cx: &mut Context<'_>, end: End) -> Poll<End> {
        while !self.down.frames.is_between() {
            let most = self.down.frames.missing();
            let read = ready!(self.down.poll_pump(cx, &mut self.upstream, &mut self.client, most));
            if !matches!(read, Ok(1..)) {
                return Poll::Ready(end);
            }
        }
        if !self.down.frames.has_closed() {
            let (code, reason) = end.told();
            let close = frames::close(code, reason);
            self.down.pending = [&self.down.pending[..], &close[..]].concat().into();
        }
        self.timer.set(TO_ANSWER);
        self.phase = Phase::Leaving(end);
        self.poll_leaving(cx, end)
    }

    /// Unread bytes would reset the connection, and the close frame might be lost by that: the client's
    /// are read until it closes too.
    fn poll_leaving(&mut self, cx: &mut Context<'_>, end: End) -> Poll<End> {
        if !self.down.is_shut {
            if ready!(self.down.poll_write_out(cx, &mut self.client)).is_err()
                || ready!(Pin::new(&mut self.client).poll_shutdown(cx)).is_err()
            {
                return Poll::Ready(end);
            }
            self.down.is_shut = true;
            drop(Pin::new(&mut self.upstream).poll_shutdown(cx));
        }
        for _ in 0..TURNS {
            let mut space = [MaybeUninit::uninit(); CHUNK];
            let mut buf = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(&mut self.client).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(end),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Future for Tunnel {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        if let Phase::Open = this.phase {
            match this.poll_ended(cx) {
                Some(end) => this.begin_end(cx, end),
                None => return this.poll_open(cx),
            }
        } else if let (true, Phase::Ending(end) | Phase::Leaving(end)) = (this.timer.poll_fired(cx), &this.phase) {
            return Poll::Ready(*end);
        }
        match this.phase {
            Phase::Ending(end) => {
                let polled = this.poll_ending(cx, end);
                // The time is that of the phase it is in now.
                this.timer.poll_fired(cx);
                polled
            }
            Phase::Leaving(end) => this.poll_leaving(cx, end),
            Phase::Open => Poll::Pending,
        }
    }
}

impl Flow {
    fn new(early: Bytes) -> Self {
        let mut frames = Frames::default();
        frames.pass(&early);
        let bytes = early.len() as u64;
        Self { frames, pending: early, bytes, is_read_out: false, is_shut: false }
    }

    /// Carries what there is; ready once the end of `from` has been passed on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Box<dyn Duplex>,
        to: &mut Box<dyn Duplex>,
    ) -> Poll<Result<(), Fault>> {
        for _ in 0..TURNS {
            if self.is_shut {
                return Poll::Ready(Ok(()));
            }
            if self.is_read_out {
                ready!(self.poll_write_out(cx, to))?;
                ready!(Pin::new(to).poll_shutdown(cx)).map_err(|_| Fault::Writing)?;
                self.is_shut = true;
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_pump(cx, from, to, CHUNK))? == 0 {
                self.is_read_out = true;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what is pending, then reads up to `most` bytes once and writes of them what it can. 0: the
    /// end of `from`.
    fn poll_pump(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Box<dyn Duplex>,
        to: &mut Box<dyn Duplex>,
        most: usize,
    ) -> Poll<Result<usize, Fault>> {
        ready!(self.poll_write_out(cx, to))?;
        let mut space = [MaybeUninit::uninit(); CHUNK];
        let mut buf = ReadBuf::uninit(&mut space[..most.min(CHUNK)]);
        ready!(Pin::new(from).poll_read(cx, &mut buf)).map_err(|_| Fault::Reading)?;
        let read = buf.filled();
        self.frames.pass(read);
        self.bytes += read.len() as u64;
        let mut rest = read;
        while !rest.is_empty() {
            match write(cx, to, rest) {
                Poll::Ready(written) => rest = &rest[written?..],
                Poll::Pending => break,
            }
        }
        self.pending = Bytes::copy_from_slice(rest);
        Poll::Ready(Ok(read.len()))
    }

    /// Writes and flushes what is pending.
    fn poll_write_out(&mut self, cx: &mut Context<'_>, to: &mut Box<dyn Duplex>) -> Poll<Result<(), Fault>> {
        while !self.pending.is_empty() {
            let written = ready!(write(cx, to, &self.pending))?;
            self.pending.advance(written);
        }
        ready!(Pin::new(to).poll_flush(cx)).map_err(|_| Fault::Writing)?;
        Poll::Ready(Ok(()))
    }
}

fn write(cx: &mut Context<'_>, to: &mut Box<dyn Duplex>, bytes: &[u8]) -> Poll<Result<usize, Fault>> {
    let written: io::Result<usize> = ready!(Pin::new(to).poll_write(cx, bytes));
    // Nothing written is the end of a stream that could have taken something.
    Poll::Ready(written.ok().filter(|&written| written > 0).ok_or(Fault::Writing))
}
