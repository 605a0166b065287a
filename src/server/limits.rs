//! What one client connection may take: of time, and of memory.

use std::time::Duration;

use super::inspect::HeadLimits;
use super::patience::Grant;

/// How long a client may take, and how much it may ask at once.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// From the connection, or from the first byte of a request, to the end of the request's head;
    /// the TLS handshake is part of the former.
    pub header_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
    /// While a request waits for its client alone: to send more of its body, to take more of the answer.
    pub stall: Grant,
    /// Header lines of an HTTP/1.1 request, and trailer lines; more is answered 431, or 400.
    pub max_headers: usize,
    /// Bytes of a request head over HTTP/1.1; more is answered 431, or 414 where the request line alone has
    /// them.
    pub max_head_bytes: usize,
    /// The same over HTTP/2, where one connection has many heads, and a few bytes may stand for much: as RFC
    /// 9113 counts, with 32 bytes for each line.
    pub max_header_list: u32,
    /// HTTP/2 requests of one connection at a time.
    pub max_streams: u32,
}

impl ConnectionLimits {
    pub(super) fn of_a_head(&self) -> HeadLimits {
        HeadLimits { max_bytes: self.max_head_bytes, max_lines: self.max_headers }
    }
}
