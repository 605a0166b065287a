//! A long answer, streamed as it is read.
//!
//! A task reads the source and the answer's body takes from it, so that a client that neither reads nor
//! hangs up keeps the source for a bounded time only. A body that broke off ends the connection, so no
//! client takes it for a whole one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Pieces that wait for the client; each has some hundred records.
const WAITING: usize = 2;
/// How long a client may take for the next one.
const STALLED: Duration = Duration::from_secs(60);

/// What is read piece by piece.
pub(super) trait Source: Send + Sized + 'static {
    /// For the log.
    const NAME: &'static str;

    /// The next piece, and what is left; `None` at the end. The error is for the log.
    fn next(self) -> impl Future<Output = Result<Option<(Self, Vec<u8>)>, String>> + Send;
}

pub(super) fn body(source: impl Source) -> Body {
    let (into, pieces) = mpsc::channel(WAITING);
    tokio::spawn(read(source, into, STALLED));
    Body::from_stream(Pieces { pieces, ended: false })
}

enum Piece {
    Lines(Vec<u8>),
    End,
}

/// Reads until the end, an error, or until nobody takes the pieces any more.
async fn read<S: Source>(source: S, into: mpsc::Sender<Piece>, patience: Duration) {
    let mut left = Some(source);
    while let Some(source) = left.take() {
        let piece = match source.next().await {
            Ok(Some((source, lines))) => {
                left = Some(source);
                Piece::Lines(lines)
            }
            Ok(None) => Piece::End,
            Err(error) => return tracing::error!(target: "keygate::admin", error, "{} broke off", S::NAME),
        };
        match timeout(patience, into.send(piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                return tracing::warn!(target: "keygate::admin", "{} was given up: its client does not read", S::NAME);
            }
        }
    }
}

/// The body. That nothing more comes is its end only if that was said.
struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    ended: bool,
}

/// Why a body ends before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off")]
struct BrokenOff;

impl Stream for Pieces {
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match self.pieces.poll_recv(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(piece) => piece,
        };
        self.ended = !matches!(piece, Some(Piece::Lines(_)));
        Poll::Ready(match piece {
            Some(Piece::Lines(lines)) => Some(Ok(lines.into())),
            Some(Piece::End) => None,
            None => Some(Err(BrokenOff)),
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// So many pieces.
    struct Count(usize);

    impl Source for Count {
        const NAME: &'static str = "a count";

        async fn next(self) -> Result<Option<(Self, Vec<u8>)>, String> {
            Ok(self.0.checked_sub(1).map(|left| (Self(left), b"piece\n".to_vec())))
        }
    }

    #[tokio::test]
    async fn a_client_that_reads_gets_all_of_it() {
        let bytes = body(Count(7)).collect().await.expect("all of it").to_bytes();
        assert_eq!(bytes, b"piece\n".repeat(7));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_does_not_keep_the_source() {
        // One more than fits, with the end.
        let (into, pieces) = mpsc::channel(2);
        read(Count(2), into, Duration::from_millis(1)).await;
        let body = Body::from_stream(Pieces { pieces, ended: false });
        body.collect().await.expect_err("what it reads afterwards is not all");
    }
}
