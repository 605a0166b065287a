//! A copy of the whole store, streamed as it is read.
//!
//! A task reads the copy and the answer's body takes from it, so that a client that neither reads nor
//! hangs up keeps the copy for a bounded time only: another one cannot be begun meanwhile, and the store
//! remembers for it what is changed. A body that broke off ends the connection, so no client takes it
//! for a whole one.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Shared;
use super::caller::Caller;
use super::refusal::Refusal;
use crate::audit::{Change, Object, ObjectKind};
use crate::store::{Export, MEDIA_TYPE, StoreError};

/// Pieces that wait for the client; each has some hundred records.
const WAITING: usize = 2;
/// How long a client may take for the next one.
const STALLED: Duration = Duration::from_secs(60);

pub(super) async fn download(State(state): State<Shared>, caller: Caller) -> Result<Response, Refusal> {
    let export = state.backups.begin(state.lifecycle.clock().wall()).await?;
    let revision = export.head().revision.0;
    caller.record(Object::whole(ObjectKind::Store), Change::noted([("revision", revision.into())]));
    let (into, pieces) = mpsc::channel(WAITING);
    tokio::spawn(read(export, into, STALLED));
    let body = Body::from_stream(Pieces { pieces, ended: false });
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], body).into_response())
}

enum Piece {
    Lines(Vec<u8>),
    End,
}

/// Reads until the end, an error, or until nobody takes the pieces any more.
async fn read(mut export: Export, into: mpsc::Sender<Piece>, patience: Duration) {
    loop {
        let piece = match export.next().await {
            Ok(Some(lines)) => Piece::Lines(lines),
            Ok(None) => Piece::End,
            Err(error) => return tracing::error!(target: "keygate::admin", %error, "a backup broke off"),
        };
        let is_last = matches!(piece, Piece::End);
        match timeout(patience, into.send(piece)).await {
            Ok(Ok(())) if !is_last => {}
            Ok(_) => return,
            Err(_) => {
                return tracing::warn!(target: "keygate::admin", "a backup was given up: its client does not read");
            }
        }
    }
}

/// The body. That nothing more comes is its end only if that was said.
struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    ended: bool,
}

impl Stream for Pieces {
    type Item = Result<Bytes, StoreError>;

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
            None => Some(Err(StoreError::Unavailable("the backup broke off".to_owned()))),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;
    use crate::model::Timestamp;
    use crate::store::{Backups, MemoryStore, Store, StoreKey};

    #[tokio::test]
    async fn a_client_that_does_not_read_does_not_keep_the_copy() {
        let key = StoreKey::new(&[1; 32]);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(key.clone()));
        let export = Backups::new(store, key).begin(Timestamp::from_millis(0)).await.expect("a copy");
        // A header, an end, and that it is the end: one more than fits.
        let (into, pieces) = mpsc::channel(2);
        read(export, into, Duration::from_millis(1)).await;
        let body = Body::from_stream(Pieces { pieces, ended: false });
        body.collect().await.expect_err("what it reads afterwards is not all");
    }
}
