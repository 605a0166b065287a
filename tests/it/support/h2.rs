//! HTTP/2 at either end: a client that knows beforehand, and an upstream that echoes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::gateway::{Builder, Gateway};

/// The gateway blocks the thread that starts and stops it, so it must not be one of the runtime's.
pub async fn start(builder: Builder) -> Gateway {
    tokio::task::spawn_blocking(|| builder.start()).await.expect("it starts")
}

pub async fn end(gateway: Gateway) {
    tokio::task::spawn_blocking(|| drop(gateway)).await.expect("it stops");
}

/// A body that its test writes while it is sent; none at all where there is nobody to write it.
pub struct Pieces(Option<mpsc::Receiver<Frame<Bytes>>>);

impl Pieces {
    pub fn channel() -> (mpsc::Sender<Frame<Bytes>>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(Some(receiver)))
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Some(receiver) => receiver.poll_recv(cx).map(|frame| frame.map(Ok)),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

/// A request without a body, which HTTP/2 says with the head.
pub fn get(target: &str) -> Request<Pieces> {
    request("GET", target, Pieces(None))
}

pub fn request(method: &str, target: &str, body: Pieces) -> Request<Pieces> {
    Request::builder().method(method).uri(format!("http://gateway.localhost{target}")).body(body).expect("a request")
}

pub async fn connect(address: SocketAddr) -> SendRequest<Pieces> {
    over(TcpStream::connect(address).await.expect("the gateway listens")).await
}

pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Pieces> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .expect("the gateway speaks HTTP/2");
    tokio::spawn(connection);
    sender
}

/// The whole of a response, with its trailers.
pub async fn collect(response: Response<Incoming>) -> (Response<Bytes>, HeaderMap) {
    let (head, body) = response.into_parts();
    let whole = body.collect().await.expect("the body is complete");
    let trailers = whole.trailers().cloned().unwrap_or_default();
    (Response::from_parts(head, whole.to_bytes()), trailers)
}

/// An upstream that speaks HTTP/2 alone and sends back what it gets, as it comes, trailers too.
pub struct Echo {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Parts>>>,
    connections: Arc<Mutex<usize>>,
}

impl Echo {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let echo = Self { address, seen: Arc::default(), connections: Arc::default() };
        let (seen, connections) = (Arc::clone(&echo.seen), Arc::clone(&echo.connections));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                *connections.lock().expect("no panic holds it") += 1;
                tokio::spawn(serve(stream, Arc::clone(&seen)));
            }
        });
        echo
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[track_caller]
    pub fn last(&self) -> Parts {
        self.seen.lock().expect("no panic holds it").last().expect("a request arrived").clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic holds it")
    }
}

/// Answers each request with its own body until the connection ends.
pub async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, seen: Arc<Mutex<Vec<Parts>>>) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        seen.lock().expect("no panic holds it").push(parts);
        async move { Ok::<_, Infallible>(Response::builder().header("x-upstream", "echo").body(body).expect("a head")) }
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // A client that goes away ends the connection with an error, which is its affair.
    server.serve_connection(TokioIo::new(stream), service).await.ok();
}
