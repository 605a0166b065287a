//! What is wrong with an upstream's answer, or with the connection that it comes over.

use std::io;

use crate::proxy::request_body::BodyFault;

/// Why an exchange over HTTP/1.1 did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("the connection ended before the answer did")]
    Ended,
    #[error("the answer begins with no head of HTTP/1: {0}")]
    Head(httparse::Error),
    #[error("the answer's head is over {} KiB or {} lines", super::response::MOST_BYTES / 1024, super::response::MOST_LINES)]
    HeadTooLarge,
    #[error("the answer's status is {0}, which is none")]
    Status(u16),
    #[error("the answer's body is not in chunks as they have to be")]
    Chunk,
    #[error("the answer's trailer is over {} KiB or {} lines, or none", super::chunks::MOST_EXTRA / 1024, super::response::MOST_LINES)]
    Trailer,
    #[error("the request's body is not as long as its head says")]
    RequestLength,
    /// The client's fault; nobody is told by this text.
    #[error("{0}")]
    Request(#[from] BodyFault),
}
