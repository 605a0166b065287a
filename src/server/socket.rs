//! A client's socket, below TLS: counts what it takes, and knows how it is to be closed.
//!
//! What a client takes shows here alone. Above it TLS has a buffer of its own, which would hide the
//! progress of a slow client until all of it is gone.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::listener::Plain;

/// What is to be seen of a socket from above TLS. One thread uses it; the cells are atomic because a
/// stream has to be `Send`, and cost what plain ones do.
#[derive(Default)]
pub struct Gauge {
    written: AtomicU64,
    blocked: AtomicBool,
    reset: AtomicBool,
}

impl Gauge {
    /// Bytes that the socket has taken so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether it takes no more at present.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// The socket is closed by a reset: nothing that waits in the kernel is sent, and nobody takes what
    /// was sent for a whole.
    pub fn close_by_reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        self.blocked.store(written.is_pending(), Ordering::Relaxed);
        if let Poll::Ready(Ok(count)) = written {
            self.took(*count);
        }
    }

    pub(super) fn took(&self, count: usize) {
        // A load and a store, not a locked addition: no other thread writes this.
        let before = self.written.load(Ordering::Relaxed);
        self.written.store(before.wrapping_add(count as u64), Ordering::Relaxed);
    }
}

/// The socket.
pub struct Socket {
    plain: Plain,
    gauge: Arc<Gauge>,
}

impl Socket {
    pub fn new(plain: Plain, gauge: Arc<Gauge>) -> Self {
        Self { plain, gauge }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.plain).poll_write(cx, buf);
        self.gauge.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.plain).poll_write_vectored(cx, bufs);
        self.gauge.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.plain.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plain).poll_shutdown(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.gauge.reset.load(Ordering::Relaxed) {
            // Where that fails, it is closed like any other: later, and no worse.
            drop(self.plain.close_by_reset());
        }
    }
}
