//! The body of an answer: which of the bytes that were read are its, and where it ends.

use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, SizeHint};

use super::chunks::Chunks;
use super::fault::Fault;
use super::response::Framing;

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Payload {
    Length(u64),
    Chunked(Chunks),
    /// Whatever comes until the connection ends.
    Open,
    Over,
}

impl Payload {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::new()),
            Framing::Close => Self::Open,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::Open => false,
            Self::Over => true,
        }
    }

    /// What is known of how much is still to come.
    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunked(_) | Self::Open => SizeHint::default(),
            Self::Over => SizeHint::with_exact(0),
        }
    }

    /// The next frame of what was read. `None`: it takes more bytes, or the body is over.
    ///
    /// # Errors
    /// What was read cannot be the next of this body.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Fault> {
        let taken = match self {
            Self::Chunked(chunks) => return chunks.next(read),
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                *left -= taken as u64;
                taken
            }
            Self::Open => read.len(),
            Self::Over => 0,
        };
        Ok((taken > 0).then(|| Frame::data(read.split_to(taken).freeze())))
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// The body has not.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self {
            Self::Open => *self = Self::Over,
            _ if self.is_over() => {}
            _ => return Err(Fault::Ended),
        }
        Ok(())
    }
}
