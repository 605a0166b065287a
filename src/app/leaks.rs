//! What reports of leaked tokens need: whose keys are believed, and who acts.

use std::sync::Arc;

use super::error::StartError;
use super::events::target;
use crate::audit::Audit;
use crate::auth::Lifecycle;
use crate::config::{self, Settings};
use crate::event::Events;
use crate::leak::{Desk, KeySource, Keys, Leaks, Worker};
use crate::model::Policies;
use crate::telemetry::Redaction;

pub(super) fn start(
    settings: &Settings,
    lifecycle: &Lifecycle,
    policies: &Arc<Policies>,
    events: &Events,
    audit: &Audit,
) -> Result<(Leaks, Worker), StartError> {
    let redaction = Redaction::new(settings.tokens.prefix.as_str());
    let (desk, worker) = Desk::new(lifecycle, policies, (events.clone(), audit.clone()), redaction);
    let source = settings.leaks.github_keys.as_ref().map(source).transpose()?;
    let keys = source.map(|source| Keys::new(source, lifecycle.clock().clone()));
    Ok((Leaks::new(desk, keys), worker))
}

fn source(source: &config::KeySource) -> Result<KeySource, StartError> {
    Ok(match source {
        config::KeySource::File(path) => KeySource::File(path.clone()),
        config::KeySource::Url { url, ca, allow_private } => {
            KeySource::Url(target(url, ca.as_deref(), *allow_private, "`leaks.github_keys`")?)
        }
    })
}
