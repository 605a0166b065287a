//! The use of tokens, folded: what the workers counted goes to the store every few seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::model::{Day, Seen, TokenId, Usage};
use crate::store::{Store, StoreError};
use crate::telemetry::TokenUse;

/// Between two writes. Workers report every two seconds, so "last used" is right to five.
const PERIOD: Duration = Duration::from_secs(3);
/// Reports that may wait; a worker keeps its counts when there is no room.
const WAITING: usize = 64;

/// Tokens whose use is held while the store takes none; of further ones it is lost.
const MOST: usize = 400_000;

pub(super) type Report = Vec<(TokenId, TokenUse)>;

/// Adds reports up and stores them.
pub(super) struct UsageFolder {
    store: Arc<dyn Store>,
    reports: mpsc::Receiver<Report>,
    /// By their places in the configuration.
    routes: Arc<[Box<str>]>,
    counts: HashMap<TokenId, Usage>,
}

impl UsageFolder {
    pub(super) fn new(store: Arc<dyn Store>, routes: Arc<[Box<str>]>) -> (Self, mpsc::Sender<Report>) {
        let (sender, reports) = mpsc::channel(WAITING);
        (Self { store, reports, routes, counts: HashMap::new() }, sender)
    }

    /// Until every sender is gone; what is held then is stored before it returns.
    pub(super) async fn run(mut self) {
        let mut interval = tokio::time::interval(PERIOD);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => self.add(report),
                    None => return self.store().await,
                },
                _ = interval.tick() => self.store().await,
            }
        }
    }

    fn add(&mut self, report: Report) {
        for (token, used) in report {
            let usage = self.usage_of(&used);
            self.absorb(token, usage);
        }
    }

    fn absorb(&mut self, token: TokenId, usage: Usage) {
        if self.counts.len() < MOST || self.counts.contains_key(&token) {
            let sum = self.counts.entry(token).or_default();
            *sum = std::mem::take(sum).and(usage);
        }
    }

    /// What a worker counted within seconds, as one day's use.
    fn usage_of(&self, used: &TokenUse) -> Usage {
        let begin = Usage {
            days: vec![(Day::of(used.last), used.requests)],
            secrets: used.secrets().to_vec(),
            ..Usage::new(used.requests, Some(used.last))
        };
        used.ways().fold(begin, |usage, way| {
            let route = self.routes.get(way.route).cloned().unwrap_or_default();
            let routes = vec![Seen { what: route, requests: way.requests, last: way.last }];
            let peers = way.peer.map(|what| Seen { what, requests: way.requests, last: way.last });
            let peers = peers.into_iter().collect();
            usage.and(Usage { routes, peers, ..Usage::default() })
        })
    }

    async fn store(&mut self) {
        if self.counts.is_empty() {
            return;
        }
        let counts: Vec<_> = self.counts.drain().collect();
        // Kept until it is known that the store has them; an outage must not lose what was counted.
        if let Err(error) = self.store.record_usage(counts.clone()).await {
            // Want of room lasts, and the store has told it.
            if !matches!(error, StoreError::Full(_)) {
                tracing::warn!(%error, tokens = counts.len(), "the use of tokens could not be stored; it is kept and tried again");
            }
            counts.into_iter().for_each(|(token, usage)| self.absorb(token, usage));
        }
    }
}
