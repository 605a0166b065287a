//! Events and webhooks: made of settings, started, fed, and ended.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::error::StartError;
use crate::auth::{Accounts, Lifecycle};
use crate::config::{self, Settings, StoreSettings};
use crate::event::{Distances, Events, Keeper, Loaded, Schedule, WebhookCounts, WebhookOptions, Webhooks};
use crate::model::{Clock, Policies, TokenId};
use crate::outbound::{Target, TargetTls};
use crate::proxy::{UpstreamVersion, client_config};
use crate::store::Store;
use crate::telemetry::{Limited, WebhookGauge};

pub(super) type LimitedReport = Vec<(TokenId, Limited)>;

/// Reports that may wait; further ones are not told.
const WAITING: usize = 64;

/// What events are made from.
pub(super) struct Sources<'a> {
    pub(super) settings: &'a Settings,
    pub(super) lifecycle: &'a Lifecycle,
    pub(super) accounts: &'a Accounts,
    pub(super) policies: &'a Arc<Policies>,
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) clock: &'a Clock,
}

/// What runs, and how it is ended.
pub(super) struct Running {
    pub(super) webhooks: Webhooks,
    pub(super) events: Events,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts deliveries, and has the lifecycle tell of every change from now on.
    pub(super) fn start(
        sources: Sources<'_>,
        runtime: &Handle,
    ) -> Result<(Self, mpsc::Sender<LimitedReport>), StartError> {
        let Sources { settings, lifecycle, accounts, policies, store, clock } = sources;
        let options = settings.webhooks.iter().map(webhook).collect::<Result<Vec<_>, _>>()?;
        let (is_any, webhooks) = (!options.is_empty(), Webhooks::new(options, clock.clone()));
        let distances = Distances::new(settings.events.expiring.clone());
        let (known, rules) = (accounts.clone(), Arc::clone(policies));
        let events = Events::new(webhooks.clone(), known, rules, clock.clone(), distances);
        let path = file(&settings.store).filter(|_| is_any);
        let loaded = path.as_deref().map(Loaded::read);
        let done = loaded.as_ref().and_then(Loaded::done);
        let schedule = Schedule::new(events.clone(), accounts.clone(), Arc::clone(store), done);
        if let Some(loaded) = loaded {
            loaded.restore(&webhooks);
        }
        let (stop, stopped) = watch::channel(false);
        let (limited, reports) = mpsc::channel(WAITING);
        let mut tasks = Vec::new();
        if is_any {
            listen(lifecycle, &events, &schedule);
            tasks.push(runtime.spawn(webhooks.clone().run(stopped.clone())));
            tasks.push(runtime.spawn(schedule.clone().run(stopped.clone())));
            if let Some(path) = path {
                tasks.push(runtime.spawn(Keeper { path, webhooks: webhooks.clone(), schedule }.run(stopped)));
            }
        }
        tasks.push(runtime.spawn(fold(reports, events.clone(), Arc::clone(store))));
        Ok((Self { webhooks, events, stop, tasks }, limited))
    }

    /// Waits until what runs has ended; what was not delivered is saved.
    pub(super) async fn stopped(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            drop(task.await);
        }
    }
}

fn listen(lifecycle: &Lifecycle, events: &Events, schedule: &Schedule) {
    let (events, schedule) = (events.clone(), schedule.clone());
    lifecycle.tell(move |change| {
        events.changed(change);
        if let Some(token) = &change.after {
            schedule.note(token);
        }
    });
}

/// Tells of tokens that the workers refused over a limit, until no worker is left.
async fn fold(mut reports: mpsc::Receiver<LimitedReport>, events: Events, store: Arc<dyn Store>) {
    while let Some(report) = reports.recv().await {
        for (id, limited) in report {
            if !events.is_news(id, limited.first) {
                continue;
            }
            match store.token(id).await {
                Ok(Some(token)) => events.over_limit(&token, limited.first, limited.refused),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(target: "keygate::webhook", %error, token = %id, "it is not told that the token is over its limit")
                }
            }
        }
    }
}

pub(super) fn gauge(counts: WebhookCounts) -> WebhookGauge {
    let WebhookCounts { name, pending, dead, delivered, failed, dropped } = counts;
    WebhookGauge { name, pending, dead, delivered, failed, dropped }
}

/// Beside the store, where there is one on the disk.
fn file(store: &StoreSettings) -> Option<PathBuf> {
    match store {
        StoreSettings::Memory => None,
        StoreSettings::Sled { path, .. } => {
            let mut name = path.clone().into_os_string();
            name.push(".webhooks");
            Some(name.into())
        }
    }
}

fn webhook(webhook: &config::Webhook) -> Result<WebhookOptions, StartError> {
    let config::Webhook { name, url, secrets, events, accounts, queue, attempts, .. } = webhook.clone();
    let place = format!("webhook `{name}`");
    Ok(WebhookOptions {
        name,
        url: shown(&url),
        target: target(&url, webhook.ca.as_deref(), webhook.allow_private, &place)?,
        secrets,
        events,
        accounts,
        queue,
        attempts,
        retry_after: webhook.retry_after,
        timeout: webhook.timeout,
    })
}

/// The URL without its path: in that of a chat's webhook stands a secret.
fn shown(url: &config::WebUrl) -> String {
    let scheme = if url.scheme == config::Scheme::Https { "https" } else { "http" };
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let rest = if url.path == "/" { "/" } else { "/…" };
    format!("{scheme}://{host}:{}{rest}", url.port)
}

pub(super) fn target(
    url: &config::WebUrl,
    ca: Option<&Path>,
    allow_private: bool,
    place: &str,
) -> Result<Target, StartError> {
    let tls = match url.scheme {
        config::Scheme::Http => None,
        config::Scheme::Https => {
            let roots = ca.map(config::read_authorities).transpose();
            let roots =
                roots.map_err(|fault| StartError::Tls { place: place.to_owned(), problem: fault.to_string() })?;
            let config = client_config(roots, None, UpstreamVersion::Http1)
                .map_err(|error| StartError::Outbound { place: place.to_owned(), error })?;
            let name = ServerName::try_from(url.host.clone()).expect("the configuration was checked for names");
            Some(TargetTls { config, name })
        }
    };
    let (host, path) = (url.host.clone(), url.path.clone());
    Ok(Target { host, port: url.port, path, tls, allow_private })
}
