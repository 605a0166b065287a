//! What a client connection is doing, and how long it may.

mod heads;
#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Waker};
use std::time::Duration;

use hyper::body::SizeHint;

use self::heads::Heads;
use super::cut::Cut;
use super::inspect::{BodyLength, Fault};
use super::limits::ConnectionLimits;
use super::patience::{Grant, Patience};
use super::peer::Peer;
use super::socket::Gauge;
use super::streams::{AN_ANSWER, Doing};
use super::sweep::Timer;
use super::switch::{Switch, Switching};
use super::tls::Handshake;

/// What the service has to be handed next by whoever parses the bytes that were let through.
#[derive(Debug, Clone, Copy)]
pub(super) enum Due {
    Request(BodyLength),
    /// An empty request, in the place of one that is refused.
    Refusal(Fault),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was received since the last response.
    Idle,
    /// A request head has begun, as the first one does with the connection.
    Head,
}

/// What a connection is doing. Shared on its thread by the stream, the service and the task.
pub struct ConnectionState {
    peer: Cell<Peer>,
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
    gauge: Arc<Gauge>,
    /// Bytes that the socket had taken when that was asked last.
    written: Cell<u64>,
    taking: Patience,
    taking_timer: Timer,
    cut: Cell<Option<Cut>>,
    over: Cell<bool>,
    ends_with_connection: Cell<bool>,
    doing: Doing,
    handshake: OnceCell<Box<Handshake>>,
    heads: Heads,
    held: OnceCell<Arc<AtomicUsize>>,
}

impl ConnectionState {
    pub(super) fn new(peer: Peer, tls: bool, limits: ConnectionLimits, timer: Timer, draining: Rc<Cell<bool>>) -> Self {
        timer.set(limits.header_timeout);
        let (taking, taking_timer) = (Patience::new(limits.stall), timer.another());
        let (phase, in_flight, multiplexed) = (Cell::new(Phase::Head), Cell::new(0), Cell::new(false));
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
            gauge: Arc::default(),
            written: Cell::new(0),
            taking,
            taking_timer,
            cut: Cell::new(None),
            over: Cell::new(false),
            ends_with_connection: Cell::new(false),
            doing: Doing::default(),
            handshake: OnceCell::new(),
            heads: Heads::default(),
            held: OnceCell::new(),
        }
    }

    /// Who is at the other end, or whom a trusted proxy has announced.
    pub fn peer(&self) -> Peer {
        self.peer.get()
    }

    /// Whose connection it is has been announced.
    pub(super) fn come_from(&self, client: Peer) {
        self.peer.set(client);
    }

    /// TLS is agreed, with a client that was asked for a certificate.
    pub(super) fn shaken(&self, handshake: Option<Handshake>) {
        if let Some(handshake) = handshake {
            drop(self.handshake.set(Box::new(handshake)));
        }
    }

    /// Where the client was asked for a certificate.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.get().map(AsRef::as_ref)
    }

    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// How long a client may keep a request waiting.
    pub fn patience(&self) -> Grant {
        self.limits.stall
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

    /// Whatever it does, it has taken too long.
    pub(super) fn give_up(&self) {
        self.over.set(true);
        self.timer.fire();
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.over.get()
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

    /// Whether a request was taken up and its response is not out yet.
    pub(super) fn is_answering(&self) -> bool {
        self.in_flight.get() > 0 && !self.has_due()
    }

    /// Its response is sent, whole, or given up.
    pub fn end_request(&self, whole: bool) {
        if whole {
            self.doing.earns(AN_ANSWER);
        }
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

    /// Ticks of the thread's sweep.
    pub(super) fn now(&self) -> u64 {
        self.timer.now()
    }

    /// Something was written, or was to be. Where the client does not take it, its time runs.
    ///
    /// The rest of a response may wait here long after its request was counted out, for a client that reads
    /// slowly: that one is not idle. HTTP/2 sends frames of its own accord, and answers pings, which must
    /// keep no connection open.
    ///
    /// Gives the number of bytes that the client took since it was asked last.
    pub(super) fn wrote(&self) -> u64 {
        let written = self.gauge.written();
        let more = written.wrapping_sub(self.written.replace(written));
        if more > 0 {
            self.taking.rest(&self.taking_timer);
            self.taking.gain(more);
            if self.in_flight.get() == 0 && self.phase.get() == Phase::Idle && !self.multiplexed.get() {
                self.timer.set(self.limits.idle_timeout);
            }
        }
        if self.gauge.is_blocked() {
            self.taking.wait(&self.taking_timer);
        } else {
            self.taking.rest(&self.taking_timer);
        }
        more
    }

    /// Whether the connection has taken too long; its task is woken when that comes true.
    pub(super) fn is_over(&self, cx: &Context<'_>) -> bool {
        if self.taking_timer.poll_fired(cx) {
            self.cut_off(Cut::ClientStalled);
        }
        self.timer.poll_fired(cx) || self.over.get()
    }

    /// Whether the time of what the connection does is over.
    pub(super) fn is_late(&self, cx: &Context<'_>) -> bool {
        self.timer.poll_fired(cx)
    }

    /// The connection ends, and nobody is to take what was sent for a whole.
    pub(super) fn cut_off(&self, cut: Cut) {
        self.cut.set(Some(cut));
        self.over.set(true);
        self.gauge.close_by_reset();
    }

    /// The connection is about to end in order, and what is under way with it.
    pub(super) fn cut_short(&self, cut: Cut) {
        self.cut.set(Some(cut));
    }

    /// Why the request that ends at present is cut off, if it is.
    pub fn cut(&self) -> Option<Cut> {
        self.cut.get()
    }

    /// The request that ends while the guard lives is cut off alone.
    pub(super) fn cut_alone(self: &Rc<Self>, cut: Cut) -> CutAlone {
        CutAlone { before: self.cut.replace(Some(cut)), state: Rc::clone(self) }
    }

    /// A response of HTTP/1.0 may end with its connection. If it ends too early, that must not look the same.
    pub fn end_early(&self) {
        if self.ends_with_connection.get() {
            self.gauge.close_by_reset();
        }
    }

    /// The request that was handed over is one of HTTP/1.0.
    pub fn is_of_old(&self, is: bool) {
        self.ends_with_connection.set(is);
    }

    pub(super) fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }

    pub fn is_multiplexed(&self) -> bool {
        self.multiplexed.get()
    }

    pub(super) fn multiplex(&self, is: bool) {
        self.multiplexed.set(is);
    }

    /// What the stream does that is polled at present.
    pub fn doing(&self) -> &Doing {
        &self.doing
    }

    /// Bytes of answers that are on their way over HTTP/2.
    pub(super) fn held(&self) -> &Arc<AtomicUsize> {
        self.held.get_or_init(Arc::default)
    }

    /// A timer of the thread.
    pub(super) fn another_timer(&self) -> Timer {
        self.timer.another()
    }

    pub(super) fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    pub(super) fn note_unparsed(&self, is: bool) {
        self.unparsed.set(is);
    }

    pub(super) fn take_switch(&self) -> Option<Switch> {
        self.switching.take()
    }
}

/// Takes back what was said of one request alone.
pub(super) struct CutAlone {
    before: Option<Cut>,
    state: Rc<ConnectionState>,
}

impl Drop for CutAlone {
    fn drop(&mut self) {
        self.state.cut.set(self.before);
    }
}
