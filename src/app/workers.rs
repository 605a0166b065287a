//! The data-path threads: each has its own runtime, listener, connections and counters.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};

use super::error::{StartError, StopError};
use super::events::LimitedReport;
use super::parts;
use super::usage::Report;
use crate::config::Settings;
use crate::proxy::{Handler, Proxy, Reports, Worker};
use crate::server::{
    Addresses, Bound, ConnectionLimits, ProxyProtocol, ServeOptions, Sweep, Tls, TrustedProxies, serve,
};
use crate::telemetry::{LogBuffer, LogSink, Metrics, WorkerMetrics};

/// Header lines, head bytes over HTTP/1.1 and over HTTP/2, and HTTP/2 streams: what no honest client needs more of.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADER_LIST: u32 = 16 * 1024;
const MAX_STREAMS: u32 = 100;

/// Polls of tasks between two looks at the sockets. With tokio's 61, whoever has a line of requests ready on a few
/// connections keeps all others waiting for that many polls, each of which answers up to 16 of them.
const POLLS_BETWEEN_LOOKS: u32 = 8;

/// What all workers are made of.
pub(super) struct WorkersOptions {
    /// One for each worker, all on the same address.
    pub(super) listeners: Vec<Bound>,
    pub(super) serve: ServeSettings,
    pub(super) pin: bool,
    pub(super) proxy: Arc<Proxy>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: LogSink,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) limited: mpsc::Sender<LimitedReport>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// How a worker serves.
#[derive(Clone)]
pub(super) struct ServeSettings {
    tls: Option<Arc<Tls>>,
    proxy_protocol: ProxyProtocol,
    trusted: Arc<TrustedProxies>,
    limits: ConnectionLimits,
    max_connections: usize,
    addresses: Option<Arc<Addresses>>,
    max_handshakes: usize,
    drain_timeout: Duration,
}

impl ServeSettings {
    pub(super) fn of(settings: &Settings, tls: Option<Arc<Tls>>, trusted: Arc<TrustedProxies>) -> Self {
        let server = &settings.server;
        let proxy_protocol = parts::proxy_protocol(&settings.public);
        let limits = ConnectionLimits {
            header_timeout: server.header_timeout,
            idle_timeout: server.idle_timeout,
            stall: parts::stall(server),
            max_headers: MAX_HEADERS,
            max_head_bytes: MAX_HEAD_BYTES,
            max_header_list: MAX_HEADER_LIST,
            max_streams: MAX_STREAMS,
        };
        Self {
            tls,
            proxy_protocol,
            trusted,
            limits,
            max_connections: server.max_connections,
            addresses: server.max_connections_per_address.map(Addresses::new),
            max_handshakes: server.max_handshakes,
            drain_timeout: server.drain_timeout,
        }
    }

    fn options(self, metrics: Arc<WorkerMetrics>) -> ServeOptions {
        let Self { tls, proxy_protocol, trusted, limits, max_connections, addresses, max_handshakes, drain_timeout } =
            self;
        let refused = Box::new(move |why| metrics.connection_refused(why as usize));
        ServeOptions {
            tls,
            proxy_protocol,
            trusted,
            limits,
            max_connections,
            addresses,
            max_handshakes,
            refused,
            drain_timeout,
        }
    }
}

/// The running threads.
pub(super) struct Workers {
    threads: Vec<JoinHandle<usize>>,
    /// The number of each worker that has ended.
    ended: Option<mpsc::UnboundedReceiver<usize>>,
}

impl Workers {
    pub(super) fn start(options: WorkersOptions) -> Result<Self, StartError> {
        let thread_error = |error| StartError::Thread("a data-path worker", error);
        let WorkersOptions { listeners, serve, pin, proxy, metrics, log, reports, limited, stopped } = options;
        let cores = if pin { core_affinity::get_core_ids().unwrap_or_default() } else { Vec::new() };
        let (ending, ended) = mpsc::unbounded_channel();
        let mut threads = Vec::with_capacity(listeners.len());
        for (number, listener) in listeners.into_iter().enumerate() {
            let core = if cores.is_empty() { None } else { Some(cores[number % cores.len()]) };
            let setup = Setup {
                listener,
                serve: serve.clone(),
                proxy: Arc::clone(&proxy),
                metrics: metrics.worker(number),
                log: log.buffer(),
                reports: reports.clone(),
                limited: limited.clone(),
                stopped: stopped.clone(),
            };
            let ending = Ending { number, told: ending.clone() };
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            let thread = thread.spawn(move || {
                let _ending = ending;
                // A failure leaves the thread where the system likes it, which is slower and no worse.
                core.map(core_affinity::set_for_current);
                setup.run()
            });
            threads.push(thread.map_err(thread_error)?);
        }
        Ok(Self { threads, ended: Some(ended) })
    }

    /// Resolves with the number of a worker that has ended.
    pub(super) fn ended(&mut self) -> impl Future<Output = usize> + use<> {
        let ended = self.ended.take();
        async move {
            match ended {
                Some(mut ended) => ended.recv().await.unwrap_or_default(),
                None => std::future::pending().await,
            }
        }
    }

    /// Waits for all; the number of connections that had to be cut off.
    pub(super) fn join(self) -> Result<usize, StopError> {
        let results = self
            .threads
            .into_iter()
            .enumerate()
            .map(|(number, thread)| thread.join().map_err(|_| StopError::WorkerEnded(number)));
        // Each is waited for, also behind one that failed.
        let results: Vec<_> = results.collect();
        results.into_iter().sum()
    }
}

/// Tells that a worker has ended, also when it panicked.
struct Ending {
    number: usize,
    told: mpsc::UnboundedSender<usize>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Nobody listens any more once the gateway stops.
        self.told.send(self.number).ok();
    }
}

/// What one worker takes with it.
struct Setup {
    listener: Bound,
    serve: ServeSettings,
    proxy: Arc<Proxy>,
    metrics: Arc<WorkerMetrics>,
    log: LogBuffer,
    reports: mpsc::Sender<Report>,
    limited: mpsc::Sender<LimitedReport>,
    stopped: watch::Receiver<bool>,
}

impl Setup {
    fn run(self) -> usize {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().max_blocking_threads(4).event_interval(POLLS_BETWEEN_LOOKS);
        let runtime = builder.build_local(LocalOptions::default());
        let runtime = runtime.expect("a runtime needs file descriptors, of which the listener had one too");
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> usize {
        let Self { listener, serve: settings, proxy, metrics, log, reports, limited, mut stopped } = self;
        let listener = listener.listen().expect("the listener is not blocking and the runtime has I/O");
        let sweep = Sweep::new();
        let usage = move |counts| reports.try_send(counts).map_err(mpsc::error::TrySendError::into_inner);
        let limited = move |counts| drop(limited.try_send(counts));
        let reports = Reports { usage: Box::new(usage), limited: Box::new(limited) };
        let refused = Arc::clone(&metrics);
        let worker = Worker::new(proxy, Rc::clone(&sweep), metrics, log, reports);
        let ticking = {
            let (sweep, worker) = (Rc::clone(&sweep), Rc::clone(&worker));
            tokio::task::spawn_local(sweep.run(move |now| worker.tick(now)))
        };
        let stop = async move {
            // An error says that the gateway is gone, which is a reason to stop too.
            drop(stopped.wait_for(|stopped| *stopped).await);
        };
        let cut_off = serve(listener, settings.options(refused), Handler(Rc::clone(&worker)), sweep, stop).await;
        ticking.abort();
        worker.finish();
        cut_off
    }
}
