//! An answer that is too long to be held: read as it comes.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::RETRY_AFTER;
use http::{Method, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{Client, MAX_ANSWER, innermost, runtime, send, within};
use crate::cli::failure::Failure;

/// The body of an answer. It ends where the server ended it; where the connection broke off before, it
/// fails.
pub(in crate::cli) struct Download {
    /// Drives the connection while it is read.
    runtime: Runtime,
    body: Incoming,
    piece: Bytes,
    /// For the next piece.
    limit: Duration,
}

impl Client {
    /// Asks for something long.
    pub(in crate::cli) fn download(&self, path: &str) -> Result<Download, Failure> {
        let (runtime, request) = (runtime()?, self.request(Method::GET, path, None)?);
        let response = runtime.block_on(async {
            let stream = self.connect().await?;
            within(self.limits.answer, send(stream, request)).await.map_err(|why| self.unreachable(&why))
        })?;
        if !response.status().is_success() {
            return Err(runtime.block_on(refusal(response)));
        }
        Ok(Download { runtime, body: response.into_body(), piece: Bytes::new(), limit: self.limits.answer })
    }
}

async fn refusal(response: Response<Incoming>) -> Failure {
    let (parts, body) = response.into_parts();
    let retry_after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    // What cannot be read of it tells nothing, and the status is known.
    let body = Limited::new(body, MAX_ANSWER).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Failure::of_answer(parts.status.as_u16(), &body, retry_after)
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let next = self.runtime.block_on(async { timeout(self.limit, self.body.frame()).await });
            let next = next.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the gateway sends nothing more"))?;
            match next {
                None => return Ok(0),
                Some(Ok(frame)) => self.piece = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    return Err(io::Error::other(format!("the gateway broke off: {}", innermost(&error))));
                }
            }
        }
        let length = self.piece.len().min(into.len());
        self.piece.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}
