//! A client's byte stream, plain or TLS, that notes when the client sends.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connection::ConnectionState;

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What hyper reads from and writes to.
pub struct Stream {
    transport: Transport,
    /// Bytes that were read before it was known which protocol they are of, and how many of them
    /// are given out.
    prefix: Option<(Box<[u8]>, usize)>,
    state: Rc<ConnectionState>,
}

impl Stream {
    pub(super) fn plain(stream: TcpStream, prefix: Box<[u8]>, state: Rc<ConnectionState>) -> Self {
        let prefix = if prefix.is_empty() { None } else { Some((prefix, 0)) };
        Self { transport: Transport::Plain(stream), prefix, state }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, state: Rc<ConnectionState>) -> Self {
        Self { transport: Transport::Tls(Box::new(stream)), prefix: None, state }
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
        let result = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            self.state.received();
        }
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
