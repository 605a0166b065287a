//! Writing: a copy of the store, line by line, as fast as it is asked for.

use std::sync::Arc;

use super::form;
use super::header::Header;
use crate::model::Timestamp;
use crate::store::tally::Tally;
use crate::store::{Record, Snapshot, SnapshotHead, Store, StoreError, StoreKey, record, snapshot_head};

/// Makes copies of one store. Cheap to clone.
#[derive(Clone)]
pub struct Backups {
    store: Arc<dyn Store>,
    key: StoreKey,
}

/// A copy that is being written.
///
/// What is read is added up again: a copy that does not come to what was acknowledged ends in an error
/// and not with its last line.
pub struct Export {
    snapshot: Box<dyn Snapshot>,
    key: StoreKey,
    tally: Tally,
    lines: u64,
    next: Next,
}

enum Next {
    Header(Header),
    Records,
    Nothing,
}

impl Backups {
    /// `key` is the store's own.
    pub fn new(store: Arc<dyn Store>, key: StoreKey) -> Self {
        Self { store, key }
    }

    /// A copy of what is there now.
    pub async fn begin(&self, now: Timestamp) -> Result<Export, StoreError> {
        Ok(Export::of(self.store.snapshot().await?, self.key.clone(), now))
    }
}

impl Export {
    /// `key` is the store's own.
    pub fn of(snapshot: Box<dyn Snapshot>, key: StoreKey, now: Timestamp) -> Self {
        let header = Header::new(*snapshot.head(), now, &key);
        Self { snapshot, key, tally: Tally::default(), lines: 0, next: Next::Header(header) }
    }

    pub fn head(&self) -> &SnapshotHead {
        self.snapshot.head()
    }

    /// The next lines, all of them whole; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut text = Vec::new();
        match std::mem::replace(&mut self.next, Next::Records) {
            Next::Header(header) => {
                header.write(&mut text);
                self.lines += 1;
            }
            Next::Records => {
                let records = self.snapshot.next().await?;
                records.iter().for_each(|record| self.record(record, &mut text));
                if records.is_empty() {
                    self.is_whole()?;
                    form::write_end(self.lines + 1, &mut text);
                    self.next = Next::Nothing;
                }
            }
            Next::Nothing => {
                self.next = Next::Nothing;
                return Ok(None);
            }
        }
        Ok(Some(text))
    }

    fn record(&mut self, record: &Record, text: &mut Vec<u8>) {
        let (name, value) = record::entry(record);
        self.tally.add(&self.key, &name, &value);
        form::write(record, text);
        self.lines += 1;
    }

    fn is_whole(&self) -> Result<(), StoreError> {
        let SnapshotHead { store, revision, .. } = *self.head();
        if snapshot_head(&self.key, store, revision, &self.tally) == *self.head() {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "what was read for a copy is not what was acknowledged up to change {}",
            revision.0
        )))
    }
}
