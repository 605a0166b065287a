//! The second tree: how much each token was used.
//!
//! It has a directory of its own, because its many overwrites would bloat the one that matters. It is
//! flushed by sled's own timer and at the end; what a crash loses is a count.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::super::record::Stored;
use super::tokens::{TokenTree, damaged, failed};
use crate::model::{Timestamp, TokenId, Usage};
use crate::store::StoreError;

/// How many are merged before a deletion gets its turn.
const CHUNK: usize = 64;

pub(super) struct UsageTree {
    db: sled::Db,
    /// Held while usage is merged or removed: else a merge that saw the token just before its
    /// deletion could write its usage just after.
    order: Mutex<()>,
}

impl UsageTree {
    pub(super) fn new(db: sled::Db) -> Self {
        Self { db, order: Mutex::new(()) }
    }

    pub(super) fn record(&self, tokens: &TokenTree, usage: &[(TokenId, Usage)]) -> Result<(), StoreError> {
        for chunk in usage.chunks(CHUNK) {
            let _in_order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, usage) in chunk {
                if let Some(account) = tokens.account_of(*id)? {
                    self.merge(*id, usage.clone())?;
                    if let Some(last) = usage.last_used {
                        tokens.index().used(account, *id, last);
                    }
                }
            }
        }
        Ok(())
    }

    fn merge(&self, id: TokenId, usage: Usage) -> Result<(), StoreError> {
        let known = match self.get(id) {
            // A count that cannot be read is lost; it must not stop the counting for ever.
            Err(StoreError::Damaged { record, problem }) => {
                tracing::warn!(record, problem, "a usage record is damaged and starts again from nothing");
                Usage::default()
            }
            other => other?,
        };
        self.set(id, &known.and(usage))
    }

    pub(super) fn get(&self, id: TokenId) -> Result<Usage, StoreError> {
        match self.db.get(id.to_bytes()).map_err(|error| failed(id, error))? {
            Some(value) => {
                Usage::decode(&value).map_err(|problem| damaged(format_args!("of the use of {id}"), problem))
            }
            None => Ok(Usage::default()),
        }
    }

    /// When each token was last used that was.
    pub(super) fn last_uses(&self) -> impl Iterator<Item = Result<(TokenId, Timestamp), StoreError>> + '_ {
        self.db.iter().filter_map(|entry| {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(error) => return Some(Err(failed("list of uses", error))),
            };
            let id = TokenId::from_bytes(key.as_ref().try_into().ok()?);
            match Usage::decode(&value) {
                Ok(usage) => usage.last_used.map(|at| Ok((id, at))),
                Err(problem) => Some(Err(damaged(format_args!("of the use of {id}"), problem))),
            }
        })
    }

    /// In place of what is known.
    pub(super) fn set(&self, id: TokenId, usage: &Usage) -> Result<(), StoreError> {
        self.db.insert(id.to_bytes(), usage.encode()).map(drop).map_err(|error| failed(id, error))
    }

    /// Forgets tokens that were deleted.
    pub(super) fn remove(&self, ids: &[TokenId]) {
        let _in_order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if let Err(error) = self.db.remove(id.to_bytes()) {
                tracing::warn!(%id, %error, "the usage of a deleted token could not be removed");
            }
        }
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        self.db.flush()?;
        Ok(())
    }
}
