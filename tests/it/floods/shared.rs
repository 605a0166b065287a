//! What answers that nobody takes do to others over the one HTTP/2 connection to an upstream that all share.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::stream;
use crate::support::Builder;
use crate::support::frames::{Frames, HEADERS};
use crate::support::h2::{collect, connect, end, get, start};
use crate::support::wait::DEADLINE;

/// An answer of so many bytes, counted as they are sent.
struct Much {
    left: usize,
    sent: Arc<AtomicUsize>,
}

impl Body for Much {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.left.min(16 * 1024);
        self.left -= piece;
        self.sent.fetch_add(piece, Ordering::Relaxed);
        Poll::Ready((piece > 0).then(|| Ok(Frame::data(vec![7; piece].into()))))
    }
}

/// Speaks HTTP/2, and has very much to say about everything but what is small.
async fn upstream(sent: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let sent = Arc::clone(&sent);
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let left = if request.uri().path().ends_with("/small") { 2 } else { usize::MAX };
                let answer = Response::new(Much { left, sent: Arc::clone(&sent) });
                async move { Ok::<_, Infallible>(answer) }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_leave_an_upstreams_connection_to_others() {
    let sent = Arc::<AtomicUsize>::default();
    let url = upstream(Arc::clone(&sent)).await;
    // One worker: all are over the same connection.
    let gateway = start(Builder::new(&url).upstream("http = \"2\"").server_alone("workers = 1")).await;
    let proxy = gateway.proxy;
    let attacker = tokio::task::spawn_blocking(move || {
        let mut client = Frames::connect(proxy, &[]);
        (0..100).for_each(|at| client.get(stream(at), "/public/much", &[]));
        for _ in 0..100 {
            client.read_until(|frame| frame.kind == HEADERS).expect("an answer begins");
        }
        client
    });
    let attacker = attacker.await.expect("they all begin");
    let mut honest = connect(gateway.proxy).await;
    let mut before = None;
    // Until nothing more of the others comes.
    while before != Some(sent.load(Ordering::Relaxed)) {
        before = Some(sent.load(Ordering::Relaxed));
        let answer = async { collect(honest.send_request(get("/public/small")).await.expect("a response")).await };
        let (answer, _) = tokio::time::timeout(DEADLINE, answer).await.expect("it is answered");
        assert_eq!(answer.body().len(), 2);
        before = before.map(|before| before + 2);
    }
    drop(attacker);
    end(gateway).await;
}
