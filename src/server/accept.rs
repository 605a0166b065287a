//! Accepting: take connections until told to stop, then let those that work finish.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;

use super::addresses::{Addresses, Counted};
use super::connection::{Connection, in_time};
use super::cut::Refused;
use super::handshakes::Handshakes;
use super::limits::ConnectionLimits;
use super::listener::{Listener, Plain};
use super::peer::Peer;
use super::provenance::TrustedProxies;
use super::proxy_protocol::{Announced, ProxyProtocol};
use super::socket::Socket;
use super::state::ConnectionState;
use super::sweep::Sweep;
use super::tls::Tls;

/// What an HTTP/2 client sends first when it knows beforehand that we speak it (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The pause after an error that the next accept would meet again (no file descriptors, no memory).
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// Makes the service of a connection.
pub trait ConnectionHandler: 'static {
    type Body: Body<Data: Send, Error: Into<BoxError>> + 'static;

    fn connected(
        &self,
        state: Rc<ConnectionState>,
    ) -> impl Service<Request<Incoming>, Response = Response<Self::Body>, Error: Into<BoxError>, Future: 'static> + 'static;
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How one thread serves.
pub struct ServeOptions {
    pub tls: Option<Arc<Tls>>,
    pub proxy_protocol: ProxyProtocol,
    /// Who may say whose a connection is.
    pub trusted: Arc<TrustedProxies>,
    pub limits: ConnectionLimits,
    /// Connections at a time; further ones wait in the kernel.
    pub max_connections: usize,
    /// Counts them by address; `None`: an address may have all of them.
    pub addresses: Option<Arc<Addresses>>,
    /// TLS handshakes under way at a time; the oldest makes room for another one.
    pub max_handshakes: usize,
    /// Told of connections that are not served.
    pub refused: Box<dyn Fn(Refused)>,
    /// How long requests in flight may go on after `shutdown`.
    pub drain_timeout: Duration,
}

struct Server<H> {
    options: ServeOptions,
    handler: H,
    sweep: Rc<Sweep>,
    draining: Rc<Cell<bool>>,
    open: Cell<usize>,
    closed: Notify,
    handshakes: Handshakes,
}

/// Serves `listener` until `shutdown`, and then until every request in flight is answered or the
/// drain time-out has passed. Returns the number of connections that had to be cut off.
pub async fn serve<H: ConnectionHandler>(
    listener: Listener,
    options: ServeOptions,
    handler: H,
    sweep: Rc<Sweep>,
    shutdown: impl Future<Output = ()>,
) -> usize {
    let drain_timeout = options.drain_timeout;
    let (draining, open, closed) = (Rc::default(), Cell::new(0), Notify::new());
    let handshakes = Handshakes::new(options.max_handshakes);
    let server = Rc::new(Server { options, handler, sweep, draining, open, closed, handshakes });
    {
        let mut shutdown = pin!(shutdown);
        tokio::select! {
            biased;
            () = &mut shutdown => {}
            () = server.accept_for_ever(&listener) => {}
        }
    }
    drop(listener);
    server.draining.set(true);
    server.sweep.wake_all();
    let all_closed = async {
        while server.open.get() > 0 {
            server.closed.notified().await;
        }
    };
    // A time-out here is an answer too: what is still open is counted and cut off.
    drop(tokio::time::timeout(drain_timeout, all_closed).await);
    server.open.get()
}

impl<H: ConnectionHandler> Server<H> {
    async fn accept_for_ever(self: &Rc<Self>, listener: &Listener) {
        loop {
            while self.open.get() >= self.options.max_connections {
                self.closed.notified().await;
            }
            match listener.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "connections cannot be accepted; trying again");
                    tokio::time::sleep(SHORTAGE_PAUSE).await;
                }
            }
        }
    }

    fn spawn(self: &Rc<Self>, stream: Plain, peer: Peer) {
        self.open.set(self.open.get() + 1);
        let open = OpenConnection(Rc::clone(self));
        tokio::task::spawn_local(async move {
            let server = &open.0;
            let timer = server.sweep.timer();
            let tls = server.options.tls.is_some();
            let state = ConnectionState::new(peer, tls, server.options.limits, timer, Rc::clone(&server.draining));
            let state = Rc::new(state);
            // In a box of its own, which is gone before the first request: its state would lie in every idle
            // connection's.
            let established = Box::pin(in_time(&state, server.establish(stream, &state))).await;
            match established {
                Some(Ok((connection, _counted))) => {
                    let service = server.handler.connected(state);
                    connection.run(service).await;
                }
                Some(Err(NotServed::Refused(why))) => (server.options.refused)(why),
                // Who hangs up or speaks something else is no concern of ours, and neither is a stop.
                Some(Err(NotServed::Failed)) => {}
                None if state.is_draining() => {}
                None if state.is_given_up() => (server.options.refused)(Refused::Crowded),
                None => (server.options.refused)(Refused::Timeout),
            }
        });
    }

    /// Counts the connection under its client's address. A proxy whose word is taken has as many as it likes,
    /// unless it says whose they are.
    fn count(&self, peer: Peer) -> Result<Option<Counted>, NotServed> {
        let Some((addresses, address)) = self.options.addresses.as_ref().zip(peer.address()) else { return Ok(None) };
        if self.options.trusted.trusts(peer) {
            return Ok(None);
        }
        addresses.count(address).map(Some).ok_or(NotServed::Refused(Refused::Address))
    }

    /// Finds out which protocol the client speaks: by ALPN under TLS, else by its first bytes.
    async fn establish(
        &self,
        mut stream: Plain,
        state: &Rc<ConnectionState>,
    ) -> Result<(Connection, Option<Counted>), NotServed> {
        let state = Rc::clone(state);
        // A peer that nobody trusts speaks for itself, and is turned away before it costs anything.
        let counted = self.count(state.peer())?;
        let Announced { client, first: begun } =
            self.options.proxy_protocol.receive(&mut stream, state.peer(), &self.options.trusted).await?;
        let counted = if client == state.peer() { counted } else { self.count(client)? };
        state.come_from(client);
        let mut stream = Socket::new(stream, Arc::clone(state.gauge()));
        if let Some(tls) = &self.options.tls {
            // No handshake begins like a header of that protocol.
            if !begun.is_empty() {
                return Err(NotServed::Failed);
            }
            let _under_way = self.handshakes.begin(&state);
            let (stream, handshake) = tls.accept(stream).await?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            state.shaken(handshake);
            return Ok((Connection::new(stream, &[], http2, state), counted));
        }
        let mut first = [0; PREFACE.len()];
        let mut read = begun.len();
        first[..read].copy_from_slice(&begun);
        while read < first.len() && first[..read] == PREFACE[..read] {
            match stream.read(&mut first[read..]).await? {
                0 => break,
                more => read += more,
            }
        }
        let http2 = first == *PREFACE;
        Ok((Connection::new(stream, &first[..read], http2, state), counted))
    }
}

/// Why a connection is not served.
enum NotServed {
    Refused(Refused),
    Failed,
}

impl From<io::Error> for NotServed {
    fn from(_: io::Error) -> Self {
        Self::Failed
    }
}

/// Counts a connection out, however its task ends.
struct OpenConnection<H>(Rc<Server<H>>);

impl<H> Drop for OpenConnection<H> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.closed.notify_one();
    }
}

/// Whether only the connection failed that would have been accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
