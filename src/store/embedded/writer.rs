//! The one thread that changes anything: takes the commits that are waiting, applies each as a whole,
//! makes all of them durable at once, and answers only then.
//!
//! The order is what recovery stands on: the journal has a change before the tree, and the tree has it,
//! durably, before the anchor says that it is acknowledged.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Engine;
use super::copy::Copies;
use super::health::Health;
use super::journal::{Frame, Op};
use super::open::Ledger;
use super::point::Point;
use super::queue::Queue;
use super::tokens::op;
use crate::model::{AccountState, Noted, Revision, State, TokenId, UserState};
use crate::store::changes::{Change, Group};
use crate::store::tally::Tally;
use crate::store::{CommitError, Expect, StoreError, Write};

/// How many commits share one flush at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// A commit on its way to the writer.
pub(super) struct Commit {
    pub(super) writes: Vec<Write>,
    pub(super) answer: oneshot::Sender<Outcome>,
}

pub(super) type Outcome = Result<Revision, CommitError>;

/// One outcome a commit, in order; or why it is not known what of the group is on the disk.
pub(super) type Outcomes = Result<Vec<Outcome>, String>;

/// Why a group was not written.
enum Failure {
    /// Nothing was changed, and the next group may succeed.
    Full(String),
    /// It is not known what is on the disk.
    Fatal(String),
}

/// Answers every commit of `queue` until it is closed, with what `step` makes of a group of them.
///
/// If `step` fails or panics, nobody knows what of the group is on the disk: nothing of it is
/// acknowledged, and nothing more is tried.
pub(super) fn run(queue: &Queue<Commit>, health: &Health, mut step: impl FnMut(Vec<Vec<Write>>) -> Outcomes) {
    while let Some(group) = queue.take(GROUP) {
        let (writes, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|commit| (commit.writes, commit.answer)).unzip();
        let failure = match health.check_fence() {
            Ok(()) => match moving(health, || step(writes)) {
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

/// However it ends, it has ended.
fn moving<T>(health: &Health, step: impl FnOnce() -> T) -> std::thread::Result<T> {
    let done = catch_unwind(AssertUnwindSafe(step));
    health.moved();
    done
}

/// Who does not wait any longer needs no answer.
fn answer(outcomes: impl Iterator<Item = (oneshot::Sender<Outcome>, Outcome)>) {
    outcomes.for_each(|(answer, outcome)| drop(answer.send(outcome)));
}

/// What [`run`] does with a group, on the real store.
pub(super) struct Writer<'a> {
    engine: &'a Engine,
    ledger: Ledger,
    copies: Arc<Copies>,
    /// The disk was full when the last group came.
    full: bool,
}

/// A group whose commits were checked, before anything is written.
struct Staged {
    outcomes: Vec<Outcome>,
    changes: Vec<Change>,
    ops: Vec<Op>,
    /// What the operations replace, in their order.
    replaced: Vec<Option<Vec<u8>>>,
    tally: Tally,
    revision: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(engine: &'a Engine, ledger: Ledger, copies: Arc<Copies>) -> Self {
        Self { engine, ledger, copies, full: false }
    }

    pub(super) fn group(&mut self, commits: Vec<Vec<Write>>) -> Outcomes {
        let empty: Vec<bool> = commits.iter().map(Vec::is_empty).collect();
        let full = self.engine.space.check().err();
        self.tell(full.as_deref());
        let staged = self.stage(commits, full.as_deref())?;
        if staged.ops.is_empty() {
            return Ok(staged.outcomes);
        }
        if full.is_some() {
            self.engine.space.release();
        }
        let written = self.write(&staged);
        if full.is_some() {
            self.engine.space.reserve();
        }
        match written {
            Ok(()) => Ok(staged.outcomes),
            Err(Failure::Full(reason)) => Ok(empty.into_iter().map(|empty| self.without(empty, &reason)).collect()),
            Err(Failure::Fatal(reason)) => Err(reason),
        }
    }

    /// What a commit comes to when nothing of its group was written.
    fn without(&self, empty: bool, reason: &str) -> Outcome {
        if empty { Ok(Revision(self.ledger.point.revision)) } else { Err(StoreError::Full(reason.to_owned()).into()) }
    }

    /// Once for each time that the disk is full, and once when it is not any more.
    fn tell(&mut self, full: Option<&str>) {
        match (self.full, full) {
            (false, Some(reason)) => {
                tracing::error!(event = "store_full", reason, "the store takes no changes until there is room");
            }
            (true, None) => {
                tracing::info!(event = "store_has_room", "the store takes changes again");
                self.engine.space.reserve();
            }
            _ => {}
        }
        self.full = full.is_some();
    }

    /// Checks each commit on what the ones before it make. On a `full` disk, only what takes rights away
    /// goes on, out of the reserve. The error: the database cannot be read.
    fn stage(&self, commits: Vec<Vec<Write>>, full: Option<&str>) -> Result<Staged, String> {
        let mut group = Group::new(&self.engine.tokens);
        let mut staged = Staged {
            outcomes: Vec::with_capacity(commits.len()),
            changes: Vec::new(),
            ops: Vec::new(),
            replaced: Vec::new(),
            tally: self.ledger.tally,
            revision: self.ledger.point.revision,
        };
        for writes in commits {
            if let Some(reason) = full
                && !writes.iter().all(takes_away)
            {
                staged.outcomes.push(Err(StoreError::Full(reason.to_owned()).into()));
                continue;
            }
            // Without a write, what was written before is durable already.
            let next = Revision(staged.revision + u64::from(!writes.is_empty()));
            let outcome = match group.commit(writes, next) {
                Ok(changes) => {
                    staged.revision = next.0;
                    staged.changes.extend(changes);
                    Ok(next)
                }
                // The database itself has failed, perhaps at an earlier write that it did in its own time.
                Err(CommitError::Store(StoreError::Unavailable(reason))) => {
                    return Err(format!("reading the store failed: {reason}"));
                }
                Err(error) => Err(error),
            };
            staged.outcomes.push(outcome);
        }
        self.add_up(&mut staged)?;
        Ok(staged)
    }

    /// What the changes write and replace, and what the records come to with them.
    fn add_up(&self, staged: &mut Staged) -> Result<(), String> {
        let mut written: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::new();
        for change in &staged.changes {
            let (key, value) = op(change);
            let old = match written.get(&key) {
                Some(old) => old.clone(),
                None => self.engine.tokens.raw(&key).map_err(|error| error.to_string())?,
            };
            if let Some(old) = &old {
                staged.tally.remove(&self.ledger.key, &key, old);
            }
            if let Some(new) = &value {
                staged.tally.add(&self.ledger.key, &key, new);
            }
            written.insert(key.clone(), value.clone());
            staged.replaced.push(old);
            staged.ops.push((key, value));
        }
        Ok(())
    }

    fn write(&mut self, staged: &Staged) -> Result<(), Failure> {
        let Self { engine, ledger, copies, .. } = self;
        let fatal = |doing: &str, error: std::io::Error| Failure::Fatal(format!("{doing} failed: {error}"));
        let _turn = copies.turn();
        let after = Point::of(&ledger.key, ledger.store, staged.revision, &staged.tally);
        ledger.journal.append(&Frame { before: &ledger.point, after: &after, ops: &staged.ops }).map_err(|failed| {
            if failed.harmless {
                Failure::Full(format!("the journal could not be written: {}", failed.error))
            } else {
                fatal("writing the journal", failed.error)
            }
        })?;
        copies.keep(&staged.ops, &staged.replaced);
        let applied = engine.tokens.apply(&staged.changes, &staged.ops, staged.revision);
        applied.map_err(|error| fatal("writing the store", error))?;
        engine.tokens.flush().map_err(|error| fatal("flushing the store", error))?;
        ledger.disk.sync().map_err(|error| fatal("syncing the store to the disk", error))?;
        ledger.anchor.write(&after).map_err(|error| fatal("writing the anchor", error))?;
        (ledger.tally, ledger.point) = (staged.tally, after);
        copies.advance(&ledger.point, &ledger.tally);
        let deleted: Vec<TokenId> = staged.changes.iter().filter_map(deletion).collect();
        if !deleted.is_empty() {
            engine.usage.remove(&deleted);
        }
        Ok(())
    }
}

/// Revocations and the like, which must not wait.
fn takes_away(write: &Write) -> bool {
    match write {
        Write::DeleteToken { .. } | Write::DeleteAccount { .. } | Write::DeleteUser { .. } => true,
        Write::PutNote { note, .. } => note.what == Noted::ImportDeleted,
        Write::DeleteNote { .. } => true,
        Write::PutUser { user, expect } => *expect != Expect::Absent && user.state == UserState::Disabled,
        Write::PutToken { token, expect } => *expect != Expect::Absent && token.state != State::Active,
        Write::PutAccount { account, expect } => *expect != Expect::Absent && account.state == AccountState::Suspended,
    }
}

fn deletion(change: &Change) -> Option<TokenId> {
    match change {
        Change::Token { before: Some(before), after: None } => Some(before.id),
        _ => None,
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
            Err("no disk".to_owned())
        });
        assert_eq!(tries, 1, "the second group is refused unseen");
        answers.into_iter().for_each(|answered| assert!(error(answered).ends_with("no disk")));
    }

    #[test]
    fn want_of_room_passes() {
        let (queue, health) = (Queue::new("changes", GROUP + 1), Health::default());
        let mut answers: Vec<_> = (0..=GROUP).map(|_| queued(&queue)).collect();
        queue.close();
        let mut tries = 0;
        run(&queue, &health, |group| {
            tries += 1;
            if tries == 1 {
                return Ok(group.into_iter().map(|_| Err(StoreError::Full("no room".to_owned()).into())).collect());
            }
            Ok(group.into_iter().map(|_| Ok(Revision(7))).collect())
        });
        let last = answers.pop().expect("one more than a group");
        assert_eq!(last.blocking_recv().expect("answered").expect("there is room"), Revision(7));
        answers.into_iter().for_each(|answered| assert!(error(answered).ends_with("no room")));
        assert_eq!(health.check(), Ok(()));
    }
}
