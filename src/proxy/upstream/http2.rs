//! An HTTP/2 connection to an upstream: shared by the requests of a worker, run by a task of its own.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;

use super::http1::ExchangeError;
use crate::proxy::request_body::{Progress, RequestBody};
use crate::server::{Duplex, LocalExecutor};

/// What an upstream may send of an answer that is not taken, and of all of them over a connection: those of one
/// client's connection, which may have a hundred, leave room for others'. With less of each, large answers cost more.
const OF_A_STREAM: u32 = 128 * 1024;
const OF_A_CONNECTION: u32 = 16 * 1024 * 1024;

pub(super) type Sender = SendRequest<RequestBody>;

pub(super) async fn open(stream: Box<dyn Duplex>) -> Result<Sender, hyper::Error> {
    let (sender, connection) = Builder::new(LocalExecutor)
        .initial_stream_window_size(OF_A_STREAM)
        .initial_connection_window_size(OF_A_CONNECTION)
        .max_send_buf_size(128 * 1024)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::task::spawn_local(async move {
        // Each request that is cut off by the end of the connection reports it.
        drop(connection.await);
    });
    Ok(sender)
}

/// Sends the request over the shared connection until the response's head.
pub(super) async fn exchange(
    mut sender: Sender,
    request: &mut Option<Request<RequestBody>>,
    progress: &Progress,
) -> Result<Response<Incoming>, ExchangeError> {
    let ready = poll_fn(|cx| match sender.poll_ready(cx) {
        Poll::Ready(ready) => Poll::Ready(Some(ready)),
        Poll::Pending if progress.has_stalled(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await;
    match ready {
        Some(Ok(())) => {}
        Some(Err(_)) => return Err(ExchangeError::Unsent),
        None => return Err(ExchangeError::Stalled),
    }
    let Some(sent) = request.take() else { return Err(ExchangeError::Unsent) };
    let mut response = pin!(sender.try_send_request(sent));
    let outcome = poll_fn(|cx| {
        if progress.has_stalled(cx) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(ready!(response.as_mut().poll(cx))))
    })
    .await;
    match outcome {
        Some(Ok(response)) => Ok(response),
        Some(Err(mut error)) => {
            *request = error.take_message();
            Err(if request.is_some() {
                ExchangeError::Unsent
            } else {
                ExchangeError::Broken(error.into_error().into())
            })
        }
        None => Err(ExchangeError::Stalled),
    }
}
