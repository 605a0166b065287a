//! The composition root: settings in, a running gateway out. The only place that knows every part.
//!
//! Threads: one for each data-path worker, two of the control runtime (management API, look-ups, usage),
//! those of the store, and one that writes the access log. [`Gateway`] owns them all and ends them in
//! order: first the workers drain, then the management API stops, then what is held in memory is
//! stored, and the store is closed last.

mod admin;
mod audit;
mod bootstrap;
mod certificates;
mod error;
mod events;
mod lead;
mod leaks;
mod log;
mod maintenance;
mod open_files;
mod parts;
mod policies;
mod purge;
mod readiness;
mod signals;
mod usage;
mod workers;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;

pub use crate::store::Finished;
pub use audit::{Action as AuditAction, AuditError, AuditLog};
pub use bootstrap::{Bootstrap, FirstToken, bootstrap};
pub use certificates::ReloadFault;
pub use error::{Remedy, StartError, StopError};
pub use lead::{Lead, lead};
pub use maintenance::{
    Fault, FileSummary, Import, Imported, Loss, Maintenance, MaintenanceError, Restoration, Salvaged, inspect,
};
pub use open_files::OpenFiles;
pub use signals::Signals;

use crate::admin::Readiness;
use crate::audit::Audit;
use crate::auth::{Accounts, Lifecycle, LifecycleError, LoginGuard, LoginLimits, Passwords, Users, Verifier};
use crate::config::Settings;
use crate::limit::TokenLimits;
use crate::model::{Clock, TokenText};
use crate::proxy::{Proxy, ProxyOptions, reject_reasons};
use crate::server::{self, Place};
use crate::store::{Backups, Store};
use crate::telemetry::{GatewayGauges, Metrics, MetricsLayout, Redaction};
use certificates::Certificates;
use readiness::readiness;
use usage::UsageFolder;
use workers::Workers;

/// How often idle rate-limit keys are forgotten.
const PRUNE: Duration = Duration::from_secs(5);

/// How long each thing that is left to do at the end may take.
const LAST_WORK: Duration = Duration::from_secs(10);

/// A gateway that serves. Dropping it without [`Gateway::stop`] ends it without a drain.
pub struct Gateway {
    runtime: Runtime,
    workers: Workers,
    admin: admin::AdminServer,
    /// Their sockets' files go with them.
    places: parts::Places,
    usage: tokio::task::JoinHandle<()>,
    events: events::Running,
    leak_worker: tokio::task::JoinHandle<()>,
    log: Option<JoinHandle<()>>,
    store: Arc<dyn Store>,
    audit: Audit,
    lifecycle: Lifecycle,
    purge: purge::Purge,
    certificates: Certificates,
    accounts: Accounts,
    stopping: Arc<AtomicBool>,
    /// Told once, when the gateway is to stop.
    stop: watch::Sender<bool>,
    /// Told once the workers are done, so that the management API says until then that it is not ready.
    stop_admin: watch::Sender<bool>,
    drain_timeout: Duration,
    first_token: Option<TokenText>,
    proxy_tls: bool,
    admin_tls: bool,
}

impl Gateway {
    /// Binds, opens the store, starts every thread, and returns when requests are served.
    ///
    /// Addresses are bound first, so that a taken port is told before a large store was read.
    pub fn start(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let count = parts::worker_count(&settings.server);
        let (public, public_place) = server::bind(&parts::address(&settings.public), count)?;
        let (mut admin_listener, admin_place) = server::bind(&parts::address(&settings.admin), 1)?;
        let admin_listener = admin_listener.remove(0);
        let certificates = Certificates::new();
        let public_tls = certificates.listener("public", &settings.public)?;
        let admin_tls = certificates.listener("admin", &settings.admin)?;
        let store = bootstrap::open_store(&settings.store, &settings.tokens.pepper)?;

        let audit = bootstrap::open_audit(&settings, &clock)?;
        let runtime = control_runtime()?;
        let (stop, stopped) = watch::channel(false);
        let (stop_admin, admin_stopped) = watch::channel(false);
        let accounts = Accounts::new(runtime.block_on(store.accounts())?);
        let users = Users::new(runtime.block_on(store.users())?, Arc::new(settings.roles.clone()));
        let limits = Arc::new(TokenLimits::new(settings.tokens.rate_limit));
        let options = parts::verifier(&settings);
        let (verifier, loader) = Verifier::new(options, Arc::clone(&store), Arc::clone(&limits), users.clone());
        runtime.spawn(loader.run());
        let lifecycle =
            Lifecycle::new(Arc::clone(&store), verifier.clone(), accounts.clone(), users.clone(), clock.clone())
                .with_sealer(policies::sealer(&settings.tokens)?);
        runtime.spawn(lifecycle.clone().rehash_imports());
        runtime.block_on(lifecycle.recall_requests())?;
        let first_token = runtime.block_on(bootstrap::first_token(&settings, &lifecycle, &accounts, &audit))?;
        policies::report_unknown(&accounts, &settings.policies, &users);
        let policies = Arc::new(settings.policies.clone());
        let sources = events::Sources {
            settings: &settings,
            lifecycle: &lifecycle,
            accounts: &accounts,
            policies: &policies,
            store: &store,
            clock: &clock,
        };
        let (events, limited) = events::Running::start(sources, runtime.handle())?;
        let (leaks, leak_worker) = leaks::start(&settings, &lifecycle, &policies, &events.events, &audit)?;
        let leak_worker = runtime.spawn(leak_worker.run());
        let purge =
            purge::Purge { lifecycle: lifecycle.clone(), policies: Arc::clone(&policies), audit: audit.clone() };
        runtime.spawn(purge.clone().run());

        let trusted = parts::trusted_proxies(&settings);
        let proxy = Proxy::new(ProxyOptions {
            verifier: verifier.clone(),
            accounts: accounts.clone(),
            clock,
            routes: parts::routes(&settings),
            upstreams: certificates.upstreams(&settings)?,
            realm: settings.server.realm.clone(),
            redaction: Redaction::new(settings.tokens.prefix.as_str()),
            near_expiry: parts::near_expiry(&settings.tokens),
            forwarding: parts::forwarding(&settings, &trusted),
            failure_limit: settings.server.failure_limit,
        })?;
        let login_guard = Arc::new(LoginGuard::new(LoginLimits::default()));
        runtime.spawn(prune(Arc::clone(&proxy), limits, Arc::clone(&login_guard)));
        let layout = MetricsLayout {
            routes: settings.routes.iter().map(|route| route.name.clone()).collect(),
            upstreams: settings.upstreams.iter().map(|upstream| upstream.name.clone()).collect(),
            reject_reasons: reject_reasons(),
            cut_reasons: server::Cut::ALL.iter().map(|cut| cut.label()).collect(),
            refused_reasons: server::Refused::ALL.iter().map(|why| why.label()).collect(),
        };
        let metrics = Arc::new(Metrics::new(layout, count));
        let (log_sink, log) = log::start(settings.log.access)?;
        let route_names = settings.routes.iter().map(|route| route.name.clone().into_boxed_str()).collect();
        let (folder, reports) = UsageFolder::new(Arc::clone(&store), route_names);
        let usage = runtime.spawn(folder.run());
        let workers = Workers::start(workers::WorkersOptions {
            listeners: public,
            serve: workers::ServeSettings::of(&settings, public_tls, Arc::clone(&trusted)),
            pin: settings.server.pin_workers,
            proxy: Arc::clone(&proxy),
            metrics: Arc::clone(&metrics),
            log: log_sink.clone(),
            reports,
            limited,
            stopped,
        })?;

        runtime.spawn(certificates.clone().run());
        let stopping = Arc::new(AtomicBool::new(false));
        let ready = readiness(Arc::clone(&store), audit.clone(), Arc::clone(&stopping));
        let gauges = {
            let (verifier, ready, webhooks) = (verifier.clone(), Arc::clone(&ready), events.webhooks.clone());
            let certificates = certificates.clone();
            move || {
                let (cached_tokens, cached_unknown) = verifier.cache_sizes();
                GatewayGauges {
                    cached_tokens,
                    cached_unknown,
                    log_lines_dropped: log_sink.dropped(),
                    ready: !matches!(ready(), Readiness::NotReady(_)),
                    store_writable: ready() == Readiness::Ready,
                    webhooks: webhooks.counts().into_iter().map(events::gauge).collect(),
                    tls: certificates.gauges(),
                }
            }
        };
        let proxy_tls = settings.public.tls.is_some();
        runtime.block_on(audit::note_gateway(&audit, AuditAction::GatewayStart));
        let admin = admin::AdminServer::start(admin::AdminOptions {
            runtime: runtime.handle(),
            listener: admin_listener,
            tls: admin_tls.clone(),
            idle_timeout: settings.server.idle_timeout,
            stall: parts::stall(&settings.server),
            trust: admin::Trust::of(&settings, trusted),
            state: admin::state(
                &settings,
                &public_place.url(proxy_tls),
                admin::Parts {
                    lifecycle: &lifecycle,
                    verifier: &verifier,
                    accounts: &accounts,
                    users: &users,
                    passwords: Passwords::new()?,
                    login_guard,
                    proxy: &proxy,
                    policies,
                    webhooks: events.webhooks.clone(),
                    leaks,
                    audit: audit.clone(),
                    backups: Backups::new(Arc::clone(&store), bootstrap::store_key(&settings.tokens.pepper)),
                },
                ready,
                move || metrics.render(gauges()),
            ),
            stopped: admin_stopped,
        })?;
        let drain_timeout = settings.server.drain_timeout;
        let admin_tls = admin_tls.is_some();
        Ok(Self {
            runtime,
            workers,
            admin,
            places: parts::Places { public: public_place, admin: admin_place },
            usage,
            events,
            leak_worker,
            log,
            store,
            audit,
            lifecycle,
            purge,
            certificates,
            accounts,
            stopping,
            stop,
            stop_admin,
            drain_timeout,
            first_token,
            proxy_tls,
            admin_tls,
        })
    }

    /// Where clients connect.
    pub fn proxy(&self) -> &Place {
        &self.places.public
    }

    /// Where tokens are managed.
    pub fn admin(&self) -> &Place {
        &self.places.admin
    }

    pub fn proxy_url(&self) -> String {
        self.proxy().url(self.proxy_tls)
    }

    pub fn admin_url(&self) -> String {
        self.admin().url(self.admin_tls)
    }

    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The first administrator's token, where this start made it: with a store in memory only.
    pub fn first_token(&self) -> Option<&TokenText> {
        self.first_token.as_ref()
    }

    /// Runs a future on the control runtime, and waits for it.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Begins to listen for SIGTERM, SIGINT and SIGHUP. To be called before anybody is told that the gateway
    /// serves, so that none of them ends it without a drain.
    pub fn catch_signals(&self) -> Result<Signals, StopError> {
        let _inside = self.runtime.enter();
        Signals::catch().map_err(StopError::Signals)
    }

    /// Serves until a signal to stop, and then stops as [`Gateway::stop`] does. At SIGHUP, TLS files are read again.
    pub fn run_until_signal(mut self, mut signals: Signals) -> Result<(), StopError> {
        let ended = self.workers.ended();
        let certificates = self.certificates.clone();
        let cause = self.runtime.block_on(async {
            tokio::select! {
                signal = signals.stopping(|| certificates.reload_in_background()) => Ok(signal),
                worker = ended => Err(StopError::WorkerEnded(worker)),
            }
        });
        match &cause {
            Ok(signal) => tracing::info!(signal, "stopping: requests in flight are finished"),
            Err(error) => tracing::error!(%error, "stopping"),
        }
        let stopped = self.stop();
        cause.map(drop).and(stopped)
    }

    /// Removes what has expired now, as it is done every hour. How many tokens that were.
    pub fn purge(&self) -> Result<u64, LifecycleError> {
        self.runtime.block_on(self.purge.once())
    }

    /// Takes no more connections, lets requests in flight finish until the drain time-out, stores what
    /// is held in memory, and closes the store.
    pub fn stop(self) -> Result<(), StopError> {
        let Self {
            runtime,
            workers,
            admin,
            places,
            usage,
            events,
            leak_worker,
            log,
            store,
            audit,
            stopping,
            stop,
            stop_admin,
            drain_timeout,
            ..
        } = self;
        stopping.store(true, Ordering::SeqCst);
        // Before the listeners are gone, so that nobody finds a socket that does not answer.
        drop(places.public);
        stop.send_replace(true);
        let drained = workers.join();
        drop(places.admin);
        stop_admin.send_replace(true);
        runtime.block_on(admin.stopped(drain_timeout));
        // The workers are gone, and with them every sender: the folder stores the rest and ends.
        let usage = runtime.block_on(in_time("storing the use of tokens", usage));
        // The management API is gone, and with it every desk: what was handed in is dealt with.
        let leaks = runtime.block_on(in_time("dealing with leaked tokens", leak_worker));
        let events = runtime.block_on(in_time("saving what webhooks have to tell", events.stopped()));
        runtime.block_on(audit::note_gateway(&audit, AuditAction::GatewayStop));
        audit.close();
        let closed = runtime.block_on(in_time("closing the store", store.close()));
        runtime.shutdown_timeout(Duration::from_secs(1));
        let log = log.map_or(Ok(()), log::join);
        let cut_off = drained?;
        if cut_off > 0 {
            tracing::warn!(connections = cut_off, "the drain time-out passed with requests in flight");
        }
        leaks?.map_err(|_| StopError::Thread("leaked tokens"))?;
        events?;
        usage?.map_err(|_| StopError::Thread("usage"))?;
        log?;
        closed?.map_err(StopError::Store)
    }
}

/// What does not end must not keep the process: whoever sent the signal waits for it.
async fn in_time<F: Future>(what: &'static str, work: F) -> Result<F::Output, StopError> {
    tokio::time::timeout(LAST_WORK, work).await.map_err(|_| StopError::Stuck(what))
}

fn control_runtime() -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|error| StartError::Thread("the control threads", error))
}

async fn prune(proxy: Arc<Proxy>, limits: Arc<TokenLimits>, login_guard: Arc<LoginGuard>) {
    let mut interval = tokio::time::interval(PRUNE);
    loop {
        interval.tick().await;
        proxy.prune();
        limits.prune();
        login_guard.prune();
    }
}
