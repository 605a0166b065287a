//! The end of a store: waits for its threads, writes out what is held in memory, frees the directory.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use super::Engine;
use super::database;
use super::directory::{Directory, Generation};
use super::disk::Disk;
use crate::store::StoreError;

type Ended = Result<(), StoreError>;

/// How long a drop waits for the end.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);
const PAUSES: u128 = PATIENCE.as_millis() / PAUSE.as_millis();

/// Happens once, whoever asks for it how often.
pub(super) struct Closing {
    parts: Mutex<Option<Parts>>,
    ended: watch::Sender<Option<Ended>>,
}

/// What has to be taken apart, in order.
struct Parts {
    threads: Vec<JoinHandle<()>>,
    engine: Arc<Engine>,
    directory: Directory,
    /// sled's: of tokens, and of usage.
    databases: [PathBuf; 2],
}

impl Closing {
    pub(super) fn new(engine: Arc<Engine>, directory: Directory, generation: &Generation) -> Self {
        let databases = [generation.tokens(), directory.usage()];
        let parts = Parts { threads: Vec::new(), engine, directory, databases };
        Self { parts: Mutex::new(Some(parts)), ended: watch::Sender::new(None) }
    }

    /// Starts a thread of the store, which has to end by itself once the store refuses work.
    pub(super) fn spawn(&self, name: &str, work: impl FnOnce(&Engine) + Send + 'static) -> io::Result<()> {
        if let Some(parts) = self.lock().as_mut() {
            let engine = Arc::clone(&parts.engine);
            parts.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || work(&engine))?);
        }
        Ok(())
    }

    /// Answers when the directory is free again.
    pub(super) async fn finish(&self) -> Ended {
        self.begin();
        let mut ended = self.ended.subscribe();
        let last = ended.wait_for(Option::is_some).await.map(|ended| ended.clone());
        last.ok().flatten().unwrap_or_else(|| Err(unfinished("nobody is left to report it")))
    }

    /// Waits for the end, but not for long: for a drop, which cannot report and must not hang.
    pub(super) fn finish_soon(&self) {
        self.begin();
        for _ in 0..PAUSES {
            if self.ended.borrow().is_some() {
                return;
            }
            thread::sleep(PAUSE);
        }
        tracing::error!("the store did not close in time");
    }

    /// In a thread of its own, since it waits for others and for the disk.
    fn begin(&self) {
        let Some(parts) = self.lock().take() else { return };
        let ended = self.ended.clone();
        let end = move || {
            let result = catch_unwind(AssertUnwindSafe(|| parts.end()));
            ended.send_replace(Some(result.unwrap_or_else(|_| Err(unfinished("the database panicked")))));
        };
        if let Err(error) = thread::Builder::new().name("store-close".to_owned()).spawn(end) {
            self.ended.send_replace(Some(Err(unfinished(&error.to_string()))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Parts>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn end(self) -> Ended {
        let Self { threads, engine, directory, databases } = self;
        let panicked = threads.into_iter().filter_map(|thread| thread.join().err()).count();
        let flushed = flush(&engine, &databases);
        drop(engine);
        databases.iter().for_each(|database| database::wait_until_closed(database));
        drop(directory);
        match panicked {
            0 => flushed.map_err(|error| unfinished(&error.to_string())),
            _ => Err(unfinished("one of its threads had panicked")),
        }
    }
}

fn flush(engine: &Engine, databases: &[PathBuf; 2]) -> io::Result<()> {
    engine.tokens.flush()?;
    engine.usage.flush()?;
    databases.iter().try_for_each(|database| Disk::open(database)?.sync())
}

fn unfinished(reason: &str) -> StoreError {
    StoreError::Unavailable(format!("it could not be closed in order: {reason}"))
}
