//! One client connection: what it is doing, how long it may, and when it is told to leave.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::{Body, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;

use super::inspect::{BodyLength, Fault, HeadLimits, Inspector};
use super::stream::{Duplex, Stream};
use super::sweep::Timer;
use super::switch::{self, Switch, Switched, Switching};

/// How long a client may take, and how much it may ask at once.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// From the connection, or from the first byte of a request, to the end of the request's head;
    /// the TLS handshake is part of the former.
    pub header_timeout: Duration,
    /// Between two requests, and between two pieces of a request's body.
    pub idle_timeout: Duration,
    /// Header lines of an HTTP/1.1 request, and trailer lines; more is answered 431, or 400.
    pub max_headers: usize,
    /// Bytes of a request head; more is answered 431 over HTTP/1.1 (414 where the request line alone has
    /// them), and not at all over HTTP/2.
    pub max_head_bytes: usize,
    /// HTTP/2 requests of one connection at a time.
    pub max_streams: u32,
}

impl ConnectionLimits {
    pub(super) fn of_a_head(&self) -> HeadLimits {
        HeadLimits { max_bytes: self.max_head_bytes, max_lines: self.max_headers }
    }
}

/// What the service has to be handed next by whoever parses the bytes that were let through.
#[derive(Debug, Clone, Copy)]
pub(super) enum Due {
    Request(BodyLength),
    /// An empty request, in the place of one that is refused.
    Refusal(Fault),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was received since the last response, or since the beginning.
    Idle,
    /// A request head has begun.
    Head,
}

/// What a connection is doing. Shared on its thread by the stream, the service and the task.
pub struct ConnectionState {
    peer: Cell<SocketAddr>,
    tls: bool,
    limits: ConnectionLimits,
    timer: Timer,
    phase: Cell<Phase>,
    in_flight: Cell<u32>,
    multiplexed: Cell<bool>,
    due: Cell<Option<Due>>,
    broken_body: Cell<Option<Fault>>,
    unparsed: Cell<bool>,
    withheld: Cell<bool>,
    reader: Cell<Option<Waker>>,
    draining: Rc<Cell<bool>>,
    switching: Switching,
}

impl ConnectionState {
    pub(super) fn new(
        peer: SocketAddr,
        tls: bool,
        limits: ConnectionLimits,
        timer: Timer,
        draining: Rc<Cell<bool>>,
    ) -> Self {
        timer.set(limits.header_timeout);
        let (phase, in_flight, multiplexed) = (Cell::new(Phase::Idle), Cell::new(0), Cell::new(false));
        let (due, broken_body, unparsed) = (Cell::new(None), Cell::new(None), Cell::new(false));
        let (withheld, reader, switching) = (Cell::new(false), Cell::new(None), Switching::default());
        Self {
            peer: Cell::new(peer),
            tls,
            limits,
            timer,
            phase,
            in_flight,
            multiplexed,
            due,
            broken_body,
            unparsed,
            withheld,
            reader,
            draining,
            switching,
        }
    }

    /// The address at the other end, or that of whom a trusted proxy has announced.
    pub fn peer(&self) -> SocketAddr {
        self.peer.get()
    }

    /// Whose connection it is has been announced.
    pub(super) fn come_from(&self, client: SocketAddr) {
        self.peer.set(client);
    }

    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// How long a client may send nothing in the middle of what it sends.
    pub fn patience(&self) -> Duration {
        self.limits.idle_timeout
    }

    /// A request is handed over, with a body like this: is it the one that was let through? Whoever parses
    /// the bytes could read them otherwise than whoever looked at them before; then neither is believed.
    pub fn hand_over(&self, body: &SizeHint) -> Result<(), Fault> {
        if self.multiplexed.get() {
            return Ok(());
        }
        match self.due.take() {
            Some(Due::Request(BodyLength::Exactly(length))) if body.exact() == Some(length) => Ok(()),
            Some(Due::Request(BodyLength::Chunked)) if body.exact().is_none() => Ok(()),
            Some(Due::Refusal(fault)) => Err(fault),
            Some(Due::Request(_)) | None => Err(Fault::OutOfStep),
        }
    }

    pub(super) fn expect(&self, due: Due) {
        self.due.set(Some(due));
    }

    pub(super) fn has_due(&self) -> bool {
        let due = self.due.take();
        self.due.set(due);
        due.is_some()
    }

    /// What is wrong with the body that is being received.
    pub fn broken_body(&self) -> Option<Fault> {
        self.broken_body.get()
    }

    pub(super) fn break_body(&self, fault: Fault) {
        self.broken_body.set(Some(fault));
    }

    /// Whether the connection ended at a head that could not be parsed. It was answered without a request.
    pub fn is_unparsed(&self) -> bool {
        self.unparsed.get()
    }

    /// Nothing more is done here than to see the client off.
    pub(super) fn leave_within(&self, time: Duration) {
        self.timer.set(time);
    }

    /// Whether everything is to come to its end. Who has a timer is woken when that becomes true.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Until the present request is answered, it is open what the bytes behind it are: they wait, unread.
    pub fn withhold(&self) {
        self.withheld.set(true);
    }

    /// They are the next request.
    pub fn release(&self) {
        if self.withheld.replace(false) {
            self.reader.take().into_iter().for_each(Waker::wake);
        }
    }

    pub(super) fn withholds(&self) -> bool {
        self.withheld.get()
    }

    /// Whoever reads would have had bytes, and is to ask again.
    pub(super) fn wait_for_release(&self, cx: &Context<'_>) {
        if self.withheld.get() {
            self.reader.set(Some(cx.waker().clone()));
        }
    }

    /// What to do with an HTTP/1 connection once the 101 that is about to be answered has been sent.
    pub fn switch(&self, switch: Switch) {
        self.switching.set(switch);
    }

    /// A request's head is complete: no deadline of the connection runs while it is worked on.
    pub fn begin_request(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
        self.phase.set(Phase::Idle);
        self.timer.clear();
    }

    /// Its response is sent, or given up.
    pub fn end_request(&self) {
        let left = self.in_flight.get() - 1;
        self.in_flight.set(left);
        if left == 0 {
            self.timer.set(self.limits.idle_timeout);
        }
    }

    /// Bytes came in. On an idle HTTP/1 connection a request has begun, and must now arrive in time;
    /// HTTP/2 sends frames of its own accord.
    pub(super) fn received(&self) {
        if self.in_flight.get() == 0 && self.phase.get() == Phase::Idle && !self.multiplexed.get() {
            self.phase.set(Phase::Head);
            self.timer.set(self.limits.header_timeout);
        }
    }

    /// Bytes went out. The rest of a response may wait here long after its request was counted out, for
    /// a client that reads slowly: that one is not idle. HTTP/2 sends frames of its own accord, and
    /// answers pings, which must keep no connection open.
    pub(super) fn sent(&self) {
        if self.in_flight.get() == 0 && self.phase.get() == Phase::Idle && !self.multiplexed.get() {
            self.timer.set(self.limits.idle_timeout);
        }
    }

    /// Whether the connection has taken too long; its task is woken when that comes true.
    fn is_over(&self, cx: &Context<'_>) -> bool {
        self.timer.poll_fired(cx)
    }
}

/// A connection with its stream, ready to be served.
pub struct Connection {
    stream: Stream,
    state: Rc<ConnectionState>,
    http2: bool,
}

impl Connection {
    /// `first`: what was read to learn the protocol.
    pub(super) fn new(transport: impl Duplex, first: &[u8], http2: bool, state: Rc<ConnectionState>) -> Self {
        let inspector = (!http2).then(|| Inspector::new(state.limits.of_a_head()));
        Self { stream: Stream::new(transport, first, inspector, Rc::clone(&state)), state, http2 }
    }

    /// Serves requests until either side ends the connection, or a deadline does.
    pub(super) async fn run<S, B>(self, service: S)
    where
        S: HttpService<Incoming, ResBody = B>,
        S::Future: 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { stream, state, http2 } = self;
        let io = TokioIo::new(stream);
        let limits = state.limits;
        state.multiplexed.set(http2);
        if http2 {
            let connection = http2::Builder::new(LocalExecutor)
                .max_concurrent_streams(limits.max_streams)
                .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
                .initial_stream_window_size(256 * 1024)
                .initial_connection_window_size(2 * 1024 * 1024)
                .max_send_buf_size(128 * 1024)
                .max_pending_accept_reset_streams(20)
                .max_local_error_reset_streams(256)
                .serve_connection(io, service);
            drive(&state, pin!(connection), http2::Connection::graceful_shutdown).await;
        } else {
            // No timer is given to hyper: its time-outs cost a box and a timer for each request.
            let mut connection = http1::Builder::new()
                .max_headers(limits.max_headers)
                .max_header_size(limits.max_head_bytes)
                .writev(false)
                .serve_connection(io, service);
            drive(&state, Pin::new(&mut connection), http1::Connection::graceful_shutdown).await;
            if let Some(switch) = state.switching.take() {
                let parts = connection.into_parts();
                let (stream, held) = parts.io.into_inner().into_parts();
                switch(Switched { stream, early: switch::early(&parts.read_buf, &held) }).await;
            }
        }
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
        if state.draining.get() && !told {
            told = true;
            leave(connection.as_mut());
        }
        // How a connection ends is the client's affair, and each request has its own record. What no
        // request came of has none.
        connection.as_mut().poll(cx).map(|end| {
            state.unparsed.set(end.is_err_and(|error| error.is_parse()));
        })
    })
    .await;
}

/// Runs `work` unless the connection's deadline passes first.
pub(super) async fn in_time<F: Future>(state: &ConnectionState, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let fired = state.timer.poll_fired(cx);
        match work.as_mut().poll(cx) {
            // What has arrived whole is served, also where we are about to stop.
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if fired || state.draining.get() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs hyper's HTTP/2 tasks on the thread of their connection.
#[derive(Clone, Copy)]
pub struct LocalExecutor;

impl<F> Executor<F> for LocalExecutor
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Sweep;

    fn state(sweep: &Rc<Sweep>) -> ConnectionState {
        let (header_timeout, idle_timeout) = (Duration::from_secs(1), Duration::from_millis(300));
        let (max_headers, max_head_bytes, max_streams) = (1, 1, 1);
        let limits = ConnectionLimits { header_timeout, idle_timeout, max_headers, max_head_bytes, max_streams };
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        ConnectionState::new(peer, false, limits, sweep.timer(), Rc::default())
    }

    #[test]
    fn a_request_that_was_not_let_through_is_refused() {
        let state = state(&Sweep::new());
        let (seven, open) = (SizeHint::with_exact(7), SizeHint::default());
        assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep), "nothing was let through");
        state.expect(Due::Request(BodyLength::Exactly(7)));
        assert_eq!(state.hand_over(&seven), Ok(()));
        assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep), "one was, and this is another");
        state.expect(Due::Request(BodyLength::Exactly(0)));
        assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep), "with another body");
        state.expect(Due::Request(BodyLength::Chunked));
        assert_eq!(state.hand_over(&open), Ok(()));
        state.expect(Due::Request(BodyLength::Chunked));
        assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep));
        state.expect(Due::Refusal(Fault::LineEnd));
        assert_eq!(state.hand_over(&SizeHint::with_exact(0)), Err(Fault::LineEnd));
    }

    #[test]
    fn a_response_that_still_moves_keeps_its_connection() {
        let sweep = Sweep::new();
        let state = state(&sweep);
        let is_over = || state.is_over(&Context::from_waker(Waker::noop()));
        state.begin_request();
        state.end_request();
        for _ in 0..10 {
            (0..3).for_each(|_| sweep.tick());
            assert!(!is_over(), "it is written to");
            state.sent();
        }
        (0..5).for_each(|_| sweep.tick());
        assert!(is_over(), "nothing moves any more");
    }
}
