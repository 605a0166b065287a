//! One client connection: served until either side ends it, a deadline does, or all are told to leave.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;

use super::inspect::Inspector;
use super::state::ConnectionState;
use super::stream::{Duplex, Stream};
use super::streams::StreamExecutor;
use super::switch::{self, Switched};

/// A connection with its stream, ready to be served.
pub struct Connection {
    stream: Stream,
    state: Rc<ConnectionState>,
    http2: bool,
}

impl Connection {
    /// `first`: what was read to learn the protocol.
    pub(super) fn new(transport: impl Duplex, first: &[u8], http2: bool, state: Rc<ConnectionState>) -> Self {
        let inspector = (!http2).then(|| Inspector::new(state.limits().of_a_head()));
        Self { stream: Stream::new(transport, first, inspector, Rc::clone(&state)), state, http2 }
    }

    /// Serves requests until either side ends the connection, or a deadline does.
    pub(super) async fn run<S, B>(self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Future: 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // In a box: what it takes is more than twice of what HTTP/1 does, and would lie in every connection.
        if self.http2 { Box::pin(self.run_http2(service)).await } else { self.run_http1(service).await }
    }

    async fn run_http1<S, B>(self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { stream, state, .. } = self;
        // No timer is given to hyper: its time-outs cost a box and a timer for each request. No number of header lines
        // either, which are counted before: it would fill as many places for each request. And whether the client is
        // still there while it is answered, the stream looks itself.
        let mut connection = http1::Builder::new()
            .max_header_size(state.limits().max_head_bytes)
            .half_close(true)
            // What waits of an answer for a client that takes nothing; a head has to have room as well.
            .max_buf_size(state.limits().max_head_bytes)
            .writev(false)
            .serve_connection(TokioIo::new(stream), service);
        drive(&state, Pin::new(&mut connection), http1::Connection::graceful_shutdown).await;
        if let Some(switch) = state.take_switch() {
            let parts = connection.into_parts();
            let (stream, held) = parts.io.into_inner().into_parts();
            switch(Switched { stream, early: switch::early(&parts.read_buf, &held) }).await;
        }
    }

    async fn run_http2<S, B>(self, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>>,
        S::Future: 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { stream, state, .. } = self;
        state.multiplex(true);
        // In a box, which is gone with the answer: what it takes to find one is not held for as long as its client
        // takes to take it.
        let service = service_fn(move |request| Box::pin(service.call(request)));
        let connection = http2::Builder::new(StreamExecutor::new(&state))
            .max_concurrent_streams(state.limits().max_streams)
            .max_header_list_size(state.limits().max_header_list)
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(2 * 1024 * 1024)
            .max_send_buf_size(128 * 1024)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(256)
            // WebSockets (RFC 8441); what else CONNECT asks for is refused like any CONNECT.
            .enable_connect_protocol()
            .serve_connection(TokioIo::new(stream), service);
        drive(&state, pin!(connection), http2::Connection::graceful_shutdown).await;
    }
}

/// Polls a connection to its end, and passes on the wish to stop.
async fn drive<C>(state: &ConnectionState, mut connection: Pin<&mut C>, leave: impl Fn(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut told = false;
    poll_fn(|cx| {
        if state.is_over(cx) {
            return Poll::Ready(());
        }
        if state.is_draining() && !told {
            told = true;
            leave(connection.as_mut());
        }
        // How a connection ends is the client's affair, and each request has its own record. What no
        // request came of has none.
        connection.as_mut().poll(cx).map(|end| {
            state.note_unparsed(end.is_err_and(|error| error.is_parse()));
        })
    })
    .await;
}

/// Runs `work` unless the connection's deadline passes first.
pub(super) async fn in_time<F: Future>(state: &ConnectionState, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let fired = state.is_late(cx);
        match work.as_mut().poll(cx) {
            // What has arrived whole is served, also where we are about to stop.
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if fired || state.is_draining() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
