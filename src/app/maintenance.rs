//! The store's directory without a gateway: proving, exporting, importing, restoring, accepting.
//!
//! Whatever replaces records is prepared aside, and takes effect at one moment or not at all.

mod error;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

pub use error::{Fault, MaintenanceError};

use super::bootstrap::sled_options;
use super::error::StartError;
use crate::auth::Accounts;
use crate::config::Settings;
use crate::model::{AccountId, Clock, Revision, Timestamp};
use crate::store::{
    Backups, ExchangeError, ExchangeReader, Finished, Header, Rebuild, Record, Replayed, SledOptions, SledStore,
    SnapshotHead, Store, StoreId, StoreKey, Summary,
};

/// The embedded store of a configuration, which no gateway has open.
pub struct Maintenance {
    options: SledOptions,
    key: StoreKey,
}

/// What a backup or an export says of itself, once that was found true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSummary {
    /// Which store it is of.
    pub store: StoreId,
    pub revision: Revision,
    pub tokens: u64,
    pub accounts: u64,
    pub created: Timestamp,
    /// The version that wrote it.
    pub keygate: String,
}

/// How an import is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Import {
    /// Everything but the last step.
    pub dry_run: bool,
    /// The file's root account may stand beside the store's own.
    pub second_root: bool,
}

/// What an import came to.
#[derive(Debug)]
pub struct Imported {
    pub added: FileSummary,
    /// `None` where it was tried only.
    pub finished: Option<Finished>,
}

/// A backup that is ready to take the store's place.
pub struct Restoration {
    pub file: FileSummary,
    pub replayed: Replayed,
    rebuild: Rebuild,
    /// There is nothing here that could tell of later changes.
    is_new: bool,
    /// The backup is one of this store.
    same: bool,
    /// Below the rebuild, so that it goes last.
    traces: Traces,
}

/// A directory that was not there before: removed again unless a store comes of it.
struct Traces(Option<PathBuf>);

/// Which acknowledged changes a restored store would lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    /// All of it: the backup is another store's.
    OtherStore,
    /// Nothing tells what was acknowledged after the backup.
    Unknown,
    Changes {
        first: Revision,
        last: Revision,
    },
}

/// What can be read of a store, ready to take its place.
pub struct Salvaged {
    pub summary: Summary,
    rebuild: Rebuild,
}

/// In the store's directory, with the process that has it.
const LOCK: &str = "keygate.lock";

type Outcome<T> = Result<T, MaintenanceError>;

/// Reads all of a file that need not be proven: its own counts and checks hold.
pub fn inspect(input: impl BufRead) -> Result<FileSummary, ExchangeError> {
    read_through(ExchangeReader::open(input)?)
}

fn read_through(mut reader: ExchangeReader<impl BufRead>) -> Result<FileSummary, ExchangeError> {
    while reader.next_entry()?.is_some() {}
    Ok(FileSummary::of(reader.header()))
}

impl Maintenance {
    pub fn new(settings: &Settings) -> Outcome<Self> {
        let options = sled_options(&settings.store, &settings.tokens.pepper).ok_or(MaintenanceError::InMemory)?;
        Ok(Self { key: options.key(), options })
    }

    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Opens as a start does, and closes again.
    pub fn verify(&self) -> Outcome<Summary> {
        self.is_there()?;
        Ok(SledStore::verify(self.options.clone())?)
    }

    /// Reads all of a file, and proves it with the configuration's pepper.
    pub fn verify_file(&self, file: &Path) -> Outcome<FileSummary> {
        self.reader(file)?.and_then(read_through).map_err(|error| of_file(file, error))
    }

    /// Writes what is there as a backup has it.
    pub fn export(&self, into: &mut dyn Write, clock: &Clock) -> Outcome<FileSummary> {
        self.with_store(|store, runtime| {
            let backups = Backups::new(store, self.key.clone());
            let created = clock.wall();
            let mut export = runtime.block_on(backups.begin(created))?;
            while let Some(lines) = runtime.block_on(export.next())? {
                into.write_all(&lines)?;
            }
            Ok(FileSummary::new(export.head(), created, env!("CARGO_PKG_VERSION")))
        })
    }

    /// Adds a file's records to those that are there: all, or none.
    pub fn import(&self, file: &Path, how: Import) -> Outcome<Imported> {
        is_rereadable(file)?;
        let added = self.verify_file(file)?;
        let is_new = self.is_new();
        if is_new && how.dry_run {
            // Nothing is there that a record could be in the way of.
            return Ok(Imported { added, finished: None });
        }
        let root = if is_new { None } else { self.root()? };
        let root = root.filter(|_| !how.second_root);
        self.guarded(|| {
            let traces = self.traces();
            let mut rebuild = Rebuild::begin(self.options.clone())?;
            rebuild.present()?;
            let added = self.put_all(file, &mut rebuild, root)?;
            let finished = if how.dry_run { None } else { Some(rebuild.finish()?) };
            traces.keep();
            Ok(Imported { added, finished })
        })
    }

    /// Makes of a backup and of what the present store's journal has since a store to replace it with.
    pub fn restore(&self, file: &Path) -> Outcome<Restoration> {
        is_rereadable(file)?;
        self.verify_file(file)?;
        let is_new = self.is_new();
        self.guarded(|| {
            let traces = self.traces();
            let mut rebuild = Rebuild::begin(self.options.clone())?;
            // What counts is what is put: the file may be another one than a moment ago.
            let summary = self.put_all(file, &mut rebuild, None)?;
            rebuild.adopt(summary.store);
            // Another store's later changes have nothing to do with this one's.
            let same = summary.store == rebuild.store();
            let replayed = if same { rebuild.replay(summary.revision)? } else { Replayed::default() };
            Ok(Restoration { file: summary, replayed, rebuild, is_new, same, traces })
        })
    }

    /// Reads what can be read, proven or not.
    pub fn salvage(&self) -> Outcome<Salvaged> {
        self.is_there()?;
        self.guarded(|| {
            let mut rebuild = Rebuild::begin(self.options.clone())?;
            let summary = rebuild.salvage()?;
            Ok(Salvaged { summary, rebuild })
        })
    }

    /// Every record of the file, or the line of the first that has no place.
    fn put_all(&self, file: &Path, rebuild: &mut Rebuild, root: Option<AccountId>) -> Outcome<FileSummary> {
        let of_file = |error| of_file(file, error);
        let mut reader = self.reader(file)?.map_err(of_file)?;
        while let Some(entry) = reader.next_entry().map_err(of_file)? {
            let line = entry.line;
            let is_root = match &entry.record {
                Record::Account(account) => account.parent.is_none().then_some(account.id),
                Record::User(_) | Record::Note(_) | Record::Token(..) => None,
            };
            if let (Some(account), Some(root)) = (is_root, root)
                && account != root
            {
                return Err(MaintenanceError::SecondRoot { file: file.to_owned(), line, account, root });
            }
            let put = rebuild.put(entry.record);
            put.map_err(|error| MaintenanceError::Record { file: file.to_owned(), line, error })?;
        }
        Ok(FileSummary::of(reader.header()))
    }

    fn reader(&self, file: &Path) -> Outcome<Result<ExchangeReader<BufReader<File>>, ExchangeError>> {
        let opened = File::open(file).map_err(|error| of_file(file, error.into()))?;
        Ok(ExchangeReader::open(BufReader::new(opened)).and_then(|reader| reader.proven_by(self.key.clone())))
    }

    fn root(&self) -> Outcome<Option<AccountId>> {
        self.with_store(|store, runtime| {
            let accounts = Accounts::new(runtime.block_on(store.accounts())?);
            Ok(accounts.root().map(|root| root.id))
        })
    }

    fn with_store<T>(&self, work: impl FnOnce(std::sync::Arc<dyn Store>, &Runtime) -> Outcome<T>) -> Outcome<T> {
        self.is_there()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StartError::Thread("the runtime", error))?;
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(SledStore::open(self.options.clone())?);
        let done = work(std::sync::Arc::clone(&store), &runtime);
        runtime.block_on(store.close())?;
        done
    }

    /// What is not there is not begun by looking at it.
    fn is_there(&self) -> Outcome<()> {
        if self.is_new() { Err(MaintenanceError::NoStore(self.options.path.clone())) } else { Ok(()) }
    }

    /// Neither a store nor anything that tells of one.
    fn is_new(&self) -> bool {
        // The lock is left by whoever looked before.
        let is_lock = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|e| e.file_name() == LOCK);
        let is_empty = std::fs::read_dir(&self.options.path).map(|mut entries| entries.all(is_lock));
        let nothing = match is_empty {
            Ok(is_empty) => is_empty,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        nothing && self.options.anchor.symlink_metadata().is_err()
    }

    fn traces(&self) -> Traces {
        let path = &self.options.path;
        Traces(path.symlink_metadata().is_err().then(|| path.clone()))
    }

    /// The database may panic on damaged files.
    fn guarded<T>(&self, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(MaintenanceError::Panicked(self.options.path.clone())))
    }
}

impl FileSummary {
    fn of(header: &Header) -> Self {
        Self::new(&header.head, header.created, &header.keygate)
    }

    fn new(head: &SnapshotHead, created: Timestamp, keygate: &str) -> Self {
        let SnapshotHead { store, revision, tokens, accounts, proof: _ } = *head;
        Self { store, revision, tokens, accounts, created, keygate: keygate.to_owned() }
    }
}

impl Restoration {
    pub fn loss(&self) -> Loss {
        match self.replayed.missing {
            _ if self.replayed.complete || self.is_new => Loss::Nothing,
            _ if !self.same => Loss::OtherStore,
            Some((first, last)) => Loss::Changes { first, last },
            None => Loss::Unknown,
        }
    }

    pub fn finish(self) -> Outcome<Finished> {
        let finished = self.rebuild.finish()?;
        self.traces.keep();
        Ok(finished)
    }
}

impl Traces {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Where anything but the lock is in it, it stays.
            let _ = std::fs::remove_file(path.join(LOCK));
            let _ = std::fs::remove_dir(&path);
        }
    }
}

impl Salvaged {
    pub fn accept(self) -> Outcome<Finished> {
        Ok(self.rebuild.finish()?)
    }
}

/// A pipe is empty when it is read for the second time, and would seem to be no backup.
fn is_rereadable(file: &Path) -> Outcome<()> {
    let kind = file.metadata().map_err(|error| of_file(file, error.into()))?.file_type();
    // A directory has an error of its own.
    if kind.is_file() || kind.is_dir() { Ok(()) } else { Err(MaintenanceError::NotRereadable(file.to_owned())) }
}

fn of_file(file: &Path, error: ExchangeError) -> MaintenanceError {
    MaintenanceError::File { file: file.to_owned(), error }
}
