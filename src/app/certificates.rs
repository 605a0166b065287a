//! TLS files that change while the gateway runs: looked at every two seconds, and at once when somebody asks.
//!
//! What changed is read and checked whole, and then put in the place of what was there in one step. What cannot be
//! used changes nothing; it is said in the log and in the metrics. Certificate and key are two files, and whoever
//! replaces them does so one after the other: files that do not go together are told of only when a second look
//! finds the same.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use tokio::time::MissedTickBehavior;

use super::error::StartError;
use super::{Gateway, parts};
use crate::config::{self, Fingerprint, Settings};
use crate::proxy::{UpstreamOptions, UpstreamVersion};
use crate::server::Tls;
use crate::telemetry::{CertificateGauge, TlsGauge};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(2);

/// So many looks are a minute: clients that stay connected are verified again, as time goes on for their certificates.
const A_MINUTE: u64 = 30;

/// All TLS files of a gateway. Cheap to clone.
#[derive(Clone)]
pub(super) struct Certificates(Arc<Mutex<Vec<Watched>>>);

/// The files of one listener or upstream.
struct Watched {
    place: Place,
    files: Files,
    /// What is in use.
    used: Fingerprint,
    /// What could not be used, and whether that was told.
    refused: Option<(Fingerprint, bool)>,
    /// `false` from when it is told that what is in the files cannot be used, until it can.
    current: bool,
    reloaded: u64,
    failed: u64,
    certificates: Vec<CertificateGauge>,
}

/// Where the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Listener(&'static str),
    Upstream(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Listener(name) => write!(f, "listen.{name}"),
            Place::Upstream(name) => write!(f, "upstream.{name}"),
        }
    }
}

enum Files {
    Listener(config::ListenerTls, Arc<Tls>),
    Upstream(config::UpstreamTls, UpstreamVersion, Arc<ArcSwap<ClientConfig>>),
}

/// Files that could not be used: where the configuration names them, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadFault {
    pub place: String,
    pub problem: String,
}

impl Certificates {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// TLS of the listener of this name; `None`: it has none.
    pub(super) fn listener(
        &self,
        name: &'static str,
        listener: &config::Listener,
    ) -> Result<Option<Arc<Tls>>, StartError> {
        let Some(files) = listener.tls.clone() else { return Ok(None) };
        let place = Place::Listener(name);
        let used = files.fingerprint();
        let wrong = |problem: String| StartError::Tls { place: place.to_string(), problem };
        let material = files.read().map_err(|fault| wrong(fault.to_string()))?;
        let certificates = std::iter::once(&material.default).chain(&material.others).map(gauge).collect();
        let tls = Tls::new(parts::listener_tls(material)).map_err(|error| wrong(error.to_string()))?;
        let tls = Arc::new(tls);
        self.watch(place, Files::Listener(files, Arc::clone(&tls)), used, certificates);
        Ok(Some(tls))
    }

    /// The upstreams, with TLS as the settings say.
    pub(super) fn upstreams(&self, settings: &Settings) -> Result<Vec<UpstreamOptions>, StartError> {
        settings.upstreams.iter().map(|upstream| self.upstream(upstream)).collect()
    }

    fn upstream(&self, upstream: &config::Upstream) -> Result<UpstreamOptions, StartError> {
        if upstream.scheme == config::Scheme::Http {
            return parts::upstream(upstream, None);
        }
        let (files, version) = (upstream.tls.clone(), parts::upstream_version(upstream));
        let place = Place::Upstream(upstream.name.clone());
        let used = files.fingerprint();
        let material =
            files.read().map_err(|fault| StartError::Tls { place: place.to_string(), problem: fault.to_string() })?;
        let certificates = material.client.iter().map(gauge).collect();
        let config = parts::upstream_tls(material, version)
            .map_err(|error| StartError::Trust { upstream: upstream.name.clone(), error })?;
        let config = Arc::new(ArcSwap::new(config));
        if files.names_files() {
            self.watch(place, Files::Upstream(files, version, Arc::clone(&config)), used, certificates);
        }
        parts::upstream(upstream, Some(config))
    }

    fn watch(&self, place: Place, files: Files, used: Fingerprint, certificates: Vec<CertificateGauge>) {
        self.all().push(Watched {
            place,
            files,
            used,
            refused: None,
            current: true,
            reloaded: 0,
            failed: 0,
            certificates,
        });
    }

    /// Each look leaves the list whole, so one that panicked does not spoil it.
    fn all(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn are_none(&self) -> bool {
        self.all().is_empty()
    }

    /// Takes up what has changed; where somebody asked, all of it, and tells what cannot be used.
    pub(super) fn look(&self, asked: bool) -> Vec<ReloadFault> {
        self.all().iter_mut().filter_map(|watched| watched.look(asked)).collect()
    }

    /// At a signal: nobody waits for it.
    pub(super) fn reload_in_background(&self) {
        if self.are_none() {
            tracing::info!("SIGHUP: the configuration names no TLS files, and nothing else is read again");
            return;
        }
        let certificates = self.clone();
        tokio::task::spawn_blocking(move || certificates.look(true));
    }

    fn verify_clients(&self) {
        // Under the same lock as changes.
        for watched in self.all().iter() {
            if let Files::Listener(_, tls) = &watched.files {
                tls.verify_again();
            }
        }
    }

    pub(super) fn gauges(&self) -> Vec<TlsGauge> {
        let gauge = |watched: &Watched| TlsGauge {
            of: match &watched.place {
                Place::Listener(name) => ("listener", (*name).to_owned()),
                Place::Upstream(name) => ("upstream", name.clone()),
            },
            reloaded: watched.reloaded,
            failed: watched.failed,
            current: watched.current,
            certificates: watched.certificates.clone(),
        };
        self.all().iter().map(gauge).collect()
    }

    /// For as long as the gateway runs.
    pub(super) async fn run(self) {
        if self.are_none() {
            return;
        }
        let mut interval = tokio::time::interval(PERIOD);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for count in 1u64.. {
            interval.tick().await;
            let certificates = self.clone();
            // Files may lie on a disk that is slow, or far away.
            if tokio::task::spawn_blocking(move || certificates.look(false)).await.is_err() {
                tracing::error!("a look at TLS files panicked; they are looked at again");
            }
            if count.is_multiple_of(A_MINUTE) {
                self.verify_clients();
            }
        }
    }
}

impl Gateway {
    /// Reads all TLS files again, as at SIGHUP. What cannot be used.
    pub fn reload_certificates(&self) -> Vec<ReloadFault> {
        self.certificates.look(true)
    }

    /// Has clients that showed certificates verified again at their next requests, as it is done every minute.
    pub fn verify_clients(&self) {
        self.certificates.verify_clients();
    }
}

impl Watched {
    fn look(&mut self, asked: bool) -> Option<ReloadFault> {
        let found = self.files.fingerprint();
        if found == self.used && !asked {
            self.refused = None;
            if !std::mem::replace(&mut self.current, true) {
                tracing::info!(place = %self.place, "TLS files are again those that are in use");
            }
            return None;
        }
        match self.files.take_up() {
            Ok(certificates) => {
                (self.used, self.refused, self.current, self.certificates) = (found, None, true, certificates);
                self.reloaded += 1;
                tracing::info!(place = %self.place, "TLS files were read again and are in use");
                None
            }
            Err(problem) => {
                let (same, told) = self.refused.map_or((false, false), |(before, told)| (before == found, told));
                let tell = asked || (same && !told);
                if tell {
                    self.failed += 1;
                    self.current = false;
                    tracing::error!(
                        place = %self.place,
                        problem,
                        "TLS files cannot be used; those that were read before stay in use"
                    );
                }
                self.refused = Some((found, tell || (same && told)));
                tell.then(|| ReloadFault { place: self.place.to_string(), problem })
            }
        }
    }
}

impl Files {
    fn fingerprint(&self) -> Fingerprint {
        match self {
            Files::Listener(files, _) => files.fingerprint(),
            Files::Upstream(files, ..) => files.fingerprint(),
        }
    }

    /// Puts what is in the files in the place of what was. All of it, or nothing.
    fn take_up(&self) -> Result<Vec<CertificateGauge>, String> {
        match self {
            Files::Listener(files, tls) => {
                let material = files.read().map_err(|fault| fault.to_string())?;
                let certificates = std::iter::once(&material.default).chain(&material.others).map(taken_up).collect();
                tls.replace(parts::listener_tls(material)).map_err(|error| error.to_string())?;
                Ok(certificates)
            }
            Files::Upstream(files, version, config) => {
                let material = files.read().map_err(|fault| fault.to_string())?;
                let certificates = material.client.iter().map(taken_up).collect();
                config.store(parts::upstream_tls(material, *version).map_err(|error| error.to_string())?);
                Ok(certificates)
            }
        }
    }
}

/// At the start, the check of the configuration has told of it.
fn taken_up(identity: &config::Identity) -> CertificateGauge {
    let gauge = gauge(identity);
    if let Some(outdated) = identity.outdated() {
        tracing::warn!(sni = gauge.sni, "a certificate that was read again {outdated}");
    }
    gauge
}

fn gauge(identity: &config::Identity) -> CertificateGauge {
    CertificateGauge { sni: identity.names.first().cloned().unwrap_or_default(), not_after: identity.not_after.secs() }
}
