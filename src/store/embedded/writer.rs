//! The one thread that changes anything: takes the commits that are waiting, applies each as a whole,
//! makes all of them durable at once, and answers only then.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::Engine;
use super::disk::Disk;
use super::health::Health;
use super::queue::Queue;
use crate::model::{Revision, TokenId};
use crate::store::changes::{Change, check};
use crate::store::{CommitError, StoreError, Write};

/// How many commits share one flush at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// A commit on its way to the writer.
pub(super) struct Commit {
    pub(super) writes: Vec<Write>,
    pub(super) answer: oneshot::Sender<Outcome>,
}

pub(super) type Outcome = Result<Revision, CommitError>;

/// Answers every commit of `queue` until it is closed, with what `step` makes of a group of them.
///
/// If `step` fails or panics, nobody knows what of the group is on the disk: nothing of it is
/// acknowledged, and nothing more is tried.
pub(super) fn run(queue: &Queue<Commit>, health: &Health, mut step: impl FnMut(Vec<Vec<Write>>) -> Group) {
    while let Some(group) = queue.take(GROUP) {
        let (writes, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|commit| (commit.writes, commit.answer)).unzip();
        let failure = match health.check() {
            Ok(()) => match catch_unwind(AssertUnwindSafe(|| step(writes))) {
                Ok(Ok(outcomes)) => {
                    answer(answers.into_iter().zip(outcomes));
                    continue;
                }
                Ok(Err(reason)) => health.fence(&reason),
                Err(_) => health.fence("the writer panicked"),
            },
            Err(fenced) => fenced,
        };
        answer(answers.into_iter().map(|answer| (answer, Err(StoreError::Unavailable(failure.clone()).into()))));
    }
}

/// Who does not wait any longer needs no answer.
fn answer(outcomes: impl Iterator<Item = (oneshot::Sender<Outcome>, Outcome)>) {
    outcomes.for_each(|(answer, outcome)| drop(answer.send(outcome)));
}

/// One outcome a commit, in order; or why the whole group failed.
type Group = Result<Vec<Outcome>, String>;

/// What [`run`] does with a group, on the real store.
pub(super) struct Writer<'a> {
    engine: &'a Engine,
    disk: Disk,
    /// The last one given out.
    revision: Revision,
}

impl<'a> Writer<'a> {
    pub(super) fn new(engine: &'a Engine, disk: Disk, revision: Revision) -> Self {
        Self { engine, disk, revision }
    }

    pub(super) fn group(&mut self, commits: Vec<Vec<Write>>) -> Group {
        let before = self.revision;
        let mut deleted = Vec::new();
        let outcomes =
            commits.into_iter().map(|writes| self.apply(writes, &mut deleted)).collect::<Result<Vec<_>, _>>()?;
        if self.revision != before {
            self.engine.tokens.flush().map_err(|error| format!("flushing the store failed: {error}"))?;
            self.disk.sync().map_err(|error| format!("syncing the store to the disk failed: {error}"))?;
        }
        if !deleted.is_empty() {
            self.engine.usage.remove(&deleted);
        }
        Ok(outcomes)
    }

    /// Applies one commit, or says why it may not be. The outer error: it is not known what happened.
    fn apply(&mut self, writes: Vec<Write>, deleted: &mut Vec<TokenId>) -> Result<Outcome, String> {
        let revision = Revision(self.revision.0 + 1);
        let changes = match check(&self.engine.tokens, writes, revision) {
            Ok(changes) => changes,
            // The database itself has failed, perhaps at an earlier write that it did in its own time.
            Err(CommitError::Store(StoreError::Unavailable(reason))) => {
                return Err(format!("reading the store failed: {reason}"));
            }
            Err(error) => return Ok(Err(error)),
        };
        self.engine.tokens.apply(&changes, revision).map_err(|error| format!("writing the store failed: {error}"))?;
        self.revision = revision;
        deleted.extend(changes.iter().filter_map(deletion));
        Ok(Ok(revision))
    }
}

fn deletion(change: &Change) -> Option<TokenId> {
    match change {
        Change::Token { before: Some(before), after: None } => Some(before.id),
        Change::Token { .. } | Change::Account(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(queue: &Queue<Commit>) -> oneshot::Receiver<Outcome> {
        let (answer, answered) = oneshot::channel();
        queue.push(Commit { writes: Vec::new(), answer }).expect("room");
        answered
    }

    fn error(answered: oneshot::Receiver<Outcome>) -> String {
        answered.blocking_recv().expect("answered").expect_err("fenced").to_string()
    }

    #[test]
    fn a_panic_answers_everybody_and_fences() {
        let (queue, health) = (Queue::new("changes", 8), Health::default());
        let answers = [queued(&queue), queued(&queue)];
        queue.close();
        run(&queue, &health, |_| panic!("on purpose"));
        let text = "the store did not answer: writing is fenced after a failure, restart keygate once it is mended: \
                    the writer panicked";
        answers.into_iter().for_each(|answered| assert_eq!(error(answered), text));
        assert!(health.check().is_err());
    }

    #[test]
    fn after_a_failure_nothing_more_is_tried() {
        let (queue, health) = (Queue::new("changes", GROUP + 1), Health::default());
        let answers: Vec<_> = (0..=GROUP).map(|_| queued(&queue)).collect();
        queue.close();
        let mut tries = 0;
        run(&queue, &health, |_| {
            tries += 1;
            Err("no space".to_owned())
        });
        assert_eq!(tries, 1, "the second group is refused unseen");
        answers.into_iter().for_each(|answered| assert!(error(answered).ends_with("no space")));
    }
}
