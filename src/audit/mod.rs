//! The audit log: one entry for each action of the management, chained so that nothing of it can be
//! altered, removed or put elsewhere unseen.
//!
//! An action that changes something is announced first ([`Audit::begin`]), then done, then told
//! ([`Audit::settle`]), and only then answered. Both are on the disk before the next step is taken. So no
//! answered action lacks its entry, and one that a crash cut off in between has its announcement, which
//! the next start turns into an entry that says that nobody knows how it ended.
//!
//! Knows the vocabulary of [`crate::model`] and nothing of HTTP. Holds no secret: [`change`] says what may
//! be told of a record.

mod accept;
mod action;
mod anchor;
mod change;
mod denials;
mod entry;
mod error;
mod export;
mod files;
mod finding;
mod line;
mod memory;
mod open;
mod published;
mod query;
mod read;
mod reserve;
mod retention;
mod scan;
mod verify;
mod walk;
mod writer;

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use self::accept::accept;
pub use self::action::{Action, Effect};
pub use self::change::{Change, Fields, Told};
pub use self::entry::{Actor, Entry, Object, ObjectKind, Outcome};
pub use self::error::{Unreadable, Unrecorded};
pub use self::export::AuditExport;
pub use self::finding::{Fault, Finding, VerifyError};
pub use self::line::{ChainKey, Line};
pub use self::open::{AuditOpenError, AuditOptions, anchor_beside};
pub use self::query::{Page, Place, Query};
pub use self::verify::{Verified, verify, verify_file};

use self::denials::Denials;
use self::memory::MemoryLog;
use self::open::Start;
use self::published::Published;
use self::writer::{Job, Writer};
use crate::model::{Clock, TokenId};

/// Entries that may wait at a time.
const WAITING: usize = 4_096;
/// How long an entry may take. A disk that fails does not always say so: some calls never return.
const PATIENCE: Duration = Duration::from_secs(10);

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    clock: Clock,
    denials: Arc<Denials>,
    log: Arc<Log>,
}

enum Log {
    Memory(Mutex<MemoryLog>),
    Disk(Disk),
}

/// The threads and files of a log on the disk.
struct Disk {
    published: Arc<Published>,
    /// `None`: it is only read, since what lies there is not what was written.
    jobs: Mutex<Option<SyncSender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// As long as nobody writes, nobody else may either.
    _owned: Option<files::Owned>,
}

/// That an action was announced. To be given back with how it ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what was announced is to be settled"]
pub struct Intent(u64);

impl Audit {
    /// Entries in memory, the last ones alone.
    pub fn in_memory(key: ChainKey, clock: Clock) -> Self {
        Self::of(Log::Memory(Mutex::new(MemoryLog::new(key))), clock)
    }

    /// The log in a directory, which is begun where there is none. One that is not what was written is
    /// opened all the same, and takes nothing: [`Audit::health`] says why.
    pub fn open(options: AuditOptions, clock: Clock) -> Result<Self, AuditOpenError> {
        let disk = match open::open(&options)? {
            Start::Broken(why, owned, segments) => {
                tracing::error!(
                    event = "audit_broken",
                    why,
                    "the audit log is not what was written: changes are refused"
                );
                let why = format!("{why}; see `keygate audit verify`");
                let published = Arc::new(Published::broken(segments, why));
                Disk { published, jobs: Mutex::default(), writer: Mutex::default(), _owned: Some(owned) }
            }
            Start::Opened(opened) => {
                let published = Arc::new(Published::default());
                let path = options.directory.clone();
                let writer = Writer::new(*opened, options, clock.clone(), Arc::clone(&published));
                let (jobs, taken) = sync_channel(WAITING);
                let thread = std::thread::Builder::new().name("audit-writer".to_owned());
                let thread = thread.spawn(move || writer.run(&taken));
                let thread = thread.map_err(|error| AuditOpenError::Io { path, error })?;
                Disk { published, jobs: Mutex::new(Some(jobs)), writer: Mutex::new(Some(thread)), _owned: None }
            }
        };
        Ok(Self::of(Log::Disk(disk), clock))
    }

    fn of(log: Log, clock: Clock) -> Self {
        Self { clock, denials: Arc::default(), log: Arc::new(log) }
    }

    /// Whether entries are taken at present.
    pub fn health(&self) -> Result<(), Unrecorded> {
        match &*self.log {
            Log::Memory(_) => Ok(()),
            Log::Disk(disk) => disk.published.health(),
        }
    }

    /// Announces what is about to be done, durably.
    pub async fn begin(&self, entry: Entry) -> Result<Intent, Unrecorded> {
        let seq = match &*self.log {
            Log::Memory(log) => {
                let mut log = locked(log);
                let line = Line::new(&Entry { outcome: Outcome::Begun, ..entry }, log.last(), self.clock.wall(), None);
                log.push(line);
                log.last().seq
            }
            Log::Disk(disk) => disk.ask(|answer| Job::Begin(Box::new(entry), answer)).await?,
        };
        Ok(Intent(seq))
    }

    /// Tells what was done, durably: all of `entries`, which end what was announced by `intent`.
    pub async fn settle(&self, intent: Option<Intent>, entries: Vec<Entry>) -> Result<(), Unrecorded> {
        let intent = intent.map(|intent| intent.0);
        match &*self.log {
            Log::Memory(log) => {
                let mut log = locked(log);
                for entry in &entries {
                    let line = Line::new(entry, log.last(), self.clock.wall(), intent);
                    log.push(line);
                }
                Ok(())
            }
            Log::Disk(disk) => disk.ask(|answer| Job::Settle { intent, entries, answer }).await.map(drop),
        }
    }

    /// One entry of which nothing was announced.
    pub async fn record(&self, entry: Entry) -> Result<(), Unrecorded> {
        self.settle(None, vec![entry]).await
    }

    /// Whether one more refusal of a token is to be noted; if so, how many were not since the last.
    pub fn admit_denial(&self, token: TokenId) -> Option<u64> {
        self.denials.admit(token, self.clock.mono())
    }

    /// A page of entries, newest first.
    pub async fn list(&self, query: Query) -> Result<Page, Unreadable> {
        let extent = match &*self.log {
            Log::Memory(log) => return Ok(locked(log).list(&query)),
            Log::Disk(disk) => disk.published.extent(),
        };
        let read = tokio::task::spawn_blocking(move || read::list(&extent.0, extent.1, &query)).await;
        let read = read.map_err(|_| Unreadable("its reader panicked".to_owned()))?;
        read.map_err(|error| Unreadable(error.to_string()))
    }

    /// All of the log as it is now, oldest first.
    pub fn export(&self) -> AuditExport {
        match &*self.log {
            Log::Memory(log) => AuditExport::of_text(locked(log).text()),
            Log::Disk(disk) => {
                let (segments, len) = disk.published.extent();
                AuditExport::of_segments(segments, len)
            }
        }
    }

    /// Writes what is left, and lets the directory go. Blocks until that is done.
    pub fn close(&self) {
        if let Log::Disk(disk) = &*self.log {
            disk.close();
        }
    }
}

impl Disk {
    async fn ask(&self, job: impl FnOnce(oneshot::Sender<Result<u64, Unrecorded>>) -> Job) -> Result<u64, Unrecorded> {
        if let Some(why) = self.published.fenced() {
            return Err(why);
        }
        let (answer, answered) = oneshot::channel();
        let jobs = locked(&self.jobs).clone().ok_or(Unrecorded::Closed)?;
        jobs.try_send(job(answer)).map_err(|error| match error {
            TrySendError::Full(_) => Unrecorded::Busy,
            TrySendError::Disconnected(_) => Unrecorded::Closed,
        })?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Unrecorded::Closed),
            Err(_) => Err(self.published.stall(PATIENCE.as_secs())),
        }
    }

    /// What is waiting is still written.
    fn close(&self) {
        if let Some(jobs) = locked(&self.jobs).take() {
            // Others may still have a sender for a moment.
            let _ = jobs.send(Job::End);
        }
        if let Some(writer) = locked(&self.writer).take() {
            let _ = writer.join();
        }
    }
}

impl Drop for Disk {
    /// So that the directory is free at once.
    fn drop(&mut self) {
        self.close();
    }
}

/// No code of others runs under a lock, so a poisoned one is still consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
