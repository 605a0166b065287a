//! The one thread that writes: takes the entries that wait, writes all of them at once, syncs them, moves
//! the anchor, and answers only then.
//!
//! A full disk passes: nothing of the group is written, and it is tried again at the next one. After a
//! write or a sync that failed otherwise, nobody knows what is on the disk, and nothing more is tried. A
//! segment is ended only when nothing is open that was announced before it, so that a start finds all
//! that is open in the last two.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::action::{Action, Effect};
use super::anchor::Anchor;
use super::change::Change;
use super::entry::{Entry, Object, ObjectKind, Outcome};
use super::error::Unrecorded;
use super::files::{Owned, Segment};
use super::line::{ChainKey, Line, Link};
use super::open::{AuditOptions, Opened, note};
use super::published::Published;
use super::reserve::Reserve;
use super::retention;
use crate::model::{Clock, Timestamp};

/// How many entries share one sync at most: bounds how long the first of them waits.
const GROUP: usize = 512;
/// Entries of what was done that could not be written, and are tried again.
const MOST_OWED: usize = 4_096;
/// How often what is owed is tried again, and old segments are looked for.
const TICK: Duration = Duration::from_secs(1);

/// What the thread is asked for.
pub(super) enum Job {
    /// The answer is the line's number.
    Begin(Box<Entry>, oneshot::Sender<Result<u64, Unrecorded>>),
    Settle {
        intent: Option<u64>,
        entries: Vec<Entry>,
        answer: oneshot::Sender<Result<u64, Unrecorded>>,
    },
    /// Nothing comes after it.
    End,
}

pub(super) struct Writer {
    options: AuditOptions,
    clock: Clock,
    published: Arc<Published>,
    segments: Vec<Segment>,
    file: File,
    len: u64,
    link: Link,
    anchor: Anchor,
    open: BTreeMap<u64, Line>,
    reserve: Reserve,
    /// What was done and is not written yet.
    owed: VecDeque<(Option<u64>, Vec<Entry>)>,
    /// Until the directory is let go.
    _owned: Owned,
}

/// Lines that are to be written together.
struct Batch {
    text: Vec<u8>,
    link: Link,
    lines: Vec<Line>,
}

/// Why a batch was not written.
enum Failure {
    /// It is as if it had not been tried.
    Full(String),
    Fatal(String),
}

impl Writer {
    pub(super) fn new(opened: Opened, options: AuditOptions, clock: Clock, published: Arc<Published>) -> Self {
        let Opened { owned, segments, file, len, link, anchor, open } = opened;
        let reserve = Reserve::new(&options.directory);
        let owed = VecDeque::new();
        let mut writer =
            Self { options, clock, published, segments, file, len, link, anchor, open, reserve, owed, _owned: owned };
        if writer.link == Link::START {
            let entry = Entry::system(Action::AuditBegin, Object::whole(ObjectKind::Audit), Change::none());
            writer.owed.push_back((None, vec![entry]));
        }
        writer.owe_interrupted();
        writer.publish();
        writer
    }

    /// What was announced when the last process ended: nobody knows how it ended.
    fn owe_interrupted(&mut self) {
        for (intent, line) in &self.open {
            if let Some(entry) = line.interrupted() {
                tracing::warn!(
                    event = "audit_interrupted",
                    action = line.action,
                    request_id = line.request_id,
                    "the last process ended before it noted how this ended"
                );
                self.owed.push_back((Some(*intent), vec![entry]));
            }
        }
    }

    /// Until the end is asked for, or nobody could ask any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        self.reserve.take();
        loop {
            let first = match jobs.recv_timeout(TICK) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let group: Vec<_> = first.into_iter().chain(jobs.try_iter().take(GROUP - 1)).collect();
            let is_end = group.iter().any(|job| matches!(job, Job::End));
            let done = catch_unwind(AssertUnwindSafe(|| self.step(group)));
            if done.is_err() {
                self.published.fence("its writer panicked");
            }
            if is_end {
                break;
            }
        }
    }

    fn step(&mut self, group: Vec<Job>) {
        if let Some(why) = self.published.fenced() {
            return refuse(group, &why);
        }
        self.pay();
        if group.is_empty() {
            return self.tidy();
        }
        let (written, refused) = match self.published.full() {
            None => (group, Vec::new()),
            Some(_) => group.into_iter().partition(|job| job.must_go_on()),
        };
        if let Some(why) = self.published.full() {
            refuse(refused, &why);
        }
        self.write(written);
    }

    /// Writes the jobs as one batch. Where there is no room, what must not wait is tried out of the reserve.
    fn write(&mut self, jobs: Vec<Job>) {
        let (mut batch, mut answers) = (self.batch(), Vec::new());
        for job in &jobs {
            answers.push(self.add(&mut batch, job));
        }
        let why = match self.append(batch) {
            Ok(()) => {
                let sent = jobs.into_iter().zip(answers);
                return sent.for_each(|(job, number)| job.answer(Ok(number)));
            }
            Err(Failure::Fatal(why)) => return refuse(jobs, &self.published.fence(&why)),
            Err(Failure::Full(why)) => self.published.fill(&why),
        };
        let (urgent, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.must_go_on());
        refuse(others, &why);
        if urgent.is_empty() {
            return;
        }
        if self.reserve.give_up() { self.write(urgent) } else { self.owe(urgent, &why) }
    }

    /// What was done is kept, to be written once there is room.
    fn owe(&mut self, jobs: Vec<Job>, why: &Unrecorded) {
        for job in jobs {
            if let Job::Settle { intent, entries, .. } = &job
                && self.owed.len() < MOST_OWED
            {
                self.owed.push_back((*intent, entries.clone()));
            }
            job.answer(Err(why.clone()));
        }
    }

    /// Writes what is owed, where that can be done.
    fn pay(&mut self) {
        if self.published.full().is_some() && self.reserve.take() {
            self.published.empty();
        }
        if self.owed.is_empty() {
            return;
        }
        let mut batch = self.batch();
        for (intent, entries) in &self.owed {
            settle(&mut batch, &self.options.key, self.clock.wall(), *intent, entries);
        }
        match self.append(batch) {
            Ok(()) => self.owed.clear(),
            Err(Failure::Fatal(why)) => drop(self.published.fence(&why)),
            Err(Failure::Full(why)) => drop(self.published.fill(&why)),
        }
    }

    fn batch(&self) -> Batch {
        Batch { text: Vec::new(), link: self.link, lines: Vec::new() }
    }

    /// The number of the job's last line.
    fn add(&self, batch: &mut Batch, job: &Job) -> u64 {
        let now = self.clock.wall();
        match job {
            Job::Begin(entry, _) => {
                let line = Line::new(&Entry { outcome: Outcome::Begun, ..(**entry).clone() }, batch.link, now, None);
                batch.push(line, &self.options.key);
            }
            Job::Settle { intent, entries, .. } => settle(batch, &self.options.key, now, *intent, entries),
            Job::End => {}
        }
        batch.link.seq
    }

    /// On the disk, with the anchor behind it, when it returns.
    fn append(&mut self, batch: Batch) -> Result<(), Failure> {
        if batch.lines.is_empty() {
            return Ok(());
        }
        if self.len > 0 && self.len + batch.text.len() as u64 > self.options.segment_size && self.may_end() {
            self.begin_segment().map_err(|error| self.failed("beginning a segment", error))?;
        }
        let written = self.file.write_all_at(&batch.text, self.len);
        if let Err(error) = written {
            // A part of it may stand there.
            let cut = self.file.set_len(self.len);
            let failure = self.failed("writing", error);
            return Err(
                cut.map_or_else(|error| Failure::Fatal(format!("cutting off a part failed: {error}")), |()| failure)
            );
        }
        self.file.sync_data().map_err(|error| Failure::Fatal(format!("syncing failed: {error}")))?;
        self.anchor.write(batch.link).map_err(|error| Failure::Fatal(format!("writing the anchor failed: {error}")))?;
        self.len += batch.text.len() as u64;
        self.link = batch.link;
        batch.lines.into_iter().for_each(|line| note(&mut self.open, line));
        self.publish();
        Ok(())
    }

    fn failed(&self, doing: &str, error: io::Error) -> Failure {
        let text = format!("{doing} failed: {error}");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Full(text),
            _ => Failure::Fatal(text),
        }
    }

    fn may_end(&self) -> bool {
        let first = self.segments.last().map_or(0, |segment| segment.first);
        self.open.keys().next().is_none_or(|oldest| *oldest >= first)
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let segment = Segment::new(&self.options.directory, self.link.seq + 1);
        (self.file, self.len) = (segment.create()?, 0);
        self.segments.push(segment);
        Ok(())
    }

    /// Drops what is too old, once the log says so.
    fn tidy(&mut self) {
        let Some(retention) = self.options.retention else { return };
        let oldest_open = self.open.keys().next().copied().unwrap_or(u64::MAX);
        let due = retention::due(&self.segments, oldest_open, self.clock.wall(), retention);
        let Some(due) = due.filter(|_| self.published.full().is_none()) else { return };
        let mut batch = self.batch();
        settle(&mut batch, &self.options.key, self.clock.wall(), None, &[due.entry()]);
        match self.append(batch) {
            Ok(()) => {
                self.segments.drain(..due.count);
                self.publish();
                due.remove(&self.options.directory);
            }
            Err(Failure::Fatal(why)) => drop(self.published.fence(&why)),
            Err(Failure::Full(why)) => drop(self.published.fill(&why)),
        }
    }

    fn publish(&self) {
        self.published.set(self.segments.clone(), self.len);
    }
}

impl Batch {
    fn push(&mut self, line: Line, key: &ChainKey) {
        let (text, link) = line.seal(key);
        self.text.extend_from_slice(&text);
        self.link = link;
        self.lines.push(line);
    }
}

/// The last of the entries settles what was announced: a part of them, where a crash left no more, does not.
fn settle(batch: &mut Batch, key: &ChainKey, now: Timestamp, intent: Option<u64>, entries: &[Entry]) {
    for (number, entry) in entries.iter().enumerate() {
        let settles = intent.filter(|_| number + 1 == entries.len());
        batch.push(Line::new(entry, batch.link, now, settles), key);
    }
}

impl Job {
    /// What was done is to be told, and what takes rights away is to be done.
    fn must_go_on(&self) -> bool {
        match self {
            Self::Begin(entry, _) => entry.action.effect() == Effect::Ends,
            Self::Settle { intent, entries, .. } => {
                let was_changed =
                    |entry: &Entry| entry.outcome == Outcome::Done && entry.action.effect() != Effect::Shows;
                intent.is_some() || entries.iter().any(was_changed)
            }
            Self::End => true,
        }
    }

    /// Who does not wait any longer needs no answer.
    fn answer(self, outcome: Result<u64, Unrecorded>) {
        match self {
            Self::Begin(_, answer) | Self::Settle { answer, .. } => drop(answer.send(outcome)),
            Self::End => {}
        }
    }
}

fn refuse(jobs: Vec<Job>, why: &Unrecorded) {
    jobs.into_iter().for_each(|job| job.answer(Err(why.clone())));
}
