//! Where finds are handed in: judged at once, and worked through one after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::worker::{Taken, Worker};
use crate::audit::Audit;
use crate::auth::Lifecycle;
use crate::event::Events;
use crate::model::Policies;
use crate::telemetry::Redaction;

/// Batches that may wait.
const WAITING: usize = 64;
/// How long a reporter waits for what is done. A batch that takes longer is dealt with behind the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of what a reporter says, in characters.
const MOST_TEXT: usize = 1_000;

/// One text, and where it was found. Not `Debug`: it holds a secret.
pub struct Find {
    pub text: zeroize::Zeroizing<String>,
    pub source: String,
    pub url: String,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A token of ours.
    Real,
    /// Nobody's.
    False,
}

impl Label {
    /// As GitHub wants it.
    pub const fn name(self) -> &'static str {
        match self {
            Label::Real => "true_positive",
            Label::False => "false_positive",
        }
    }
}

/// There is no room for more; nothing of the batch was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What was handed in together, and who waits for it.
pub(super) struct Batch {
    pub(super) finds: Vec<Taken>,
    pub(super) done: oneshot::Sender<()>,
}

/// Takes finds. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    lifecycle: Lifecycle,
    /// No text of ours is in what reporters say of their finds.
    redaction: Arc<Redaction>,
    into: mpsc::Sender<Batch>,
}

impl Desk {
    pub fn new(
        lifecycle: &Lifecycle,
        policies: &Arc<Policies>,
        (events, audit): (Events, Audit),
        redaction: Redaction,
    ) -> (Self, Worker) {
        let (into, batches) = mpsc::channel(WAITING);
        let worker = Worker::new(lifecycle.clone(), Arc::clone(policies), events, audit, batches);
        (Self { lifecycle: lifecycle.clone(), redaction: Arc::new(redaction), into }, worker)
    }

    /// Says of each text what it is. What is ours is dealt with by then, unless that takes long.
    pub async fn hand_in(&self, finds: Vec<Find>) -> Result<Vec<Label>, Full> {
        let mut taken = Vec::new();
        let mut judge = |find: Find| {
            let digests = self.lifecycle.digests_of(&find.text);
            if digests.is_empty() {
                return Label::False;
            }
            let shown = |text: &str| self.shown(&text.replace(&*find.text, "[token]"));
            let (source, url) = (shown(&find.source), shown(&find.url));
            taken.push(Taken { digests, source, url });
            Label::Real
        };
        let labels = finds.into_iter().map(&mut judge).collect();
        if taken.is_empty() {
            return Ok(labels);
        }
        let (done, waiting) = oneshot::channel();
        match self.into.try_send(Batch { finds: taken, done }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(Full),
        }
        drop(tokio::time::timeout(PATIENCE, waiting).await);
        Ok(labels)
    }

    /// For logs and receivers: bounded, on one line, and without any token of ours, which may stand in a URL.
    fn shown(&self, text: &str) -> String {
        let text: String = text.chars().filter(|c| !c.is_control()).take(MOST_TEXT).collect();
        let mut shown = String::with_capacity(text.len());
        self.redaction.append(&mut shown, &text);
        shown
    }
}
