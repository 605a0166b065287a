//! A client's byte stream, plain or TLS, that notes when the client sends and when it takes.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::ConnectionState;

/// A byte stream of whatever kind. One virtual call a read or write is lost in the system call behind
/// it, and hyper is compiled once instead of once for each kind.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// What hyper reads from and writes to.
pub struct Stream {
    transport: Box<dyn Duplex>,
    /// Bytes that were read before it was known which protocol they are of, and how many of them
    /// are given out.
    prefix: Option<(Box<[u8]>, usize)>,
    state: Rc<ConnectionState>,
}

impl Stream {
    pub(super) fn new(transport: impl Duplex, prefix: &[u8], state: Rc<ConnectionState>) -> Self {
        let prefix = if prefix.is_empty() { None } else { Some((prefix.into(), 0)) };
        Self { transport: Box::new(transport), prefix, state }
    }

    fn read_prefix(&mut self, buf: &mut ReadBuf<'_>) {
        if let Some((bytes, given)) = &mut self.prefix {
            let take = (bytes.len() - *given).min(buf.remaining());
            buf.put_slice(&bytes[*given..*given + take]);
            *given += take;
            if *given == bytes.len() {
                self.prefix = None;
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_some() {
            self.read_prefix(buf);
            self.state.received();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.transport).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.state.received();
        }
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.transport).poll_write(cx, buf);
        if written.is_ready() {
            self.state.sent();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
