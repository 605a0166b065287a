//! How tokens are found by their digest and by their account: two maps in memory, built when the store
//! is opened and kept by the writer.
//!
//! What they take grows with the tokens and their names; `cargo bench --bench store` prints it. A digest is
//! known by its first eight bytes: it is a keyed hash that nobody outside can steer, so two tokens share them
//! once in 10^12 stores of a million, and then the second is refused when it is made. Which token it is, the
//! record decides, by the whole digest.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::ops::Bound;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock};

use dashmap::{DashMap, Entry};

use super::outline::Outline;
use crate::model::{AccountId, Digest, ForeignHashes, Timestamp, TokenId};
use crate::store::changes::Change;
use crate::store::record::Traits;

/// A power of two: the more, the shorter one is locked while it grows.
const SHARDS: usize = 64;
/// How many tokens are looked at before others get their turn.
const STRIDE: usize = 4_096;

pub(super) struct Index {
    /// Asked by threads that carry traffic, whether a token can exist at all.
    digests: DashMap<u64, TokenId, BuildHasherDefault<Spread>>,
    accounts: RwLock<HashMap<AccountId, Tokens>>,
    /// By which hashes keys were imported, as bits. What is gone stays noted until the store is opened again.
    imports: AtomicU8,
}

type Tokens = BTreeMap<TokenId, Outline>;

/// Where a look at the tokens of an account has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// There is nothing more, or nothing more was wanted.
    End,
    /// After so many, of which this was the last.
    Pause { last: TokenId, count: usize },
}

/// The token that has this digest already, or one that begins with the same eight bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken(pub(super) TokenId);

impl Index {
    pub(super) fn new() -> Self {
        let digests = DashMap::with_hasher_and_shard_amount(BuildHasherDefault::default(), SHARDS);
        Self { digests, accounts: RwLock::default(), imports: AtomicU8::new(0) }
    }

    pub(super) fn owner(&self, digest: &Digest) -> Option<TokenId> {
        self.digests.get(&digest.beginning()).map(|id| *id)
    }

    pub(super) fn may_hold(&self, digest: &Digest) -> bool {
        self.digests.contains_key(&digest.beginning())
    }

    /// At most `limit` tokens of `account` after `after`.
    pub(super) fn page(&self, account: AccountId, after: Option<TokenId>, limit: usize) -> Vec<TokenId> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let Some(tokens) = accounts.get(&account) else { return Vec::new() };
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        tokens.range((first, Bound::Unbounded)).take(limit).map(|(id, _)| *id).collect()
    }

    pub(super) fn is_of(&self, account: AccountId, token: TokenId) -> bool {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&account).is_some_and(|tokens| tokens.contains_key(&token))
    }

    /// Shows the next few thousand tokens of an account to `see`, in the order of their ids, until it has
    /// seen enough.
    pub(super) fn look(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        descending: bool,
        mut see: impl FnMut(TokenId, &Outline) -> bool,
    ) -> Looked {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let Some(tokens) = accounts.get(&account) else { return Looked::End };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        let mut show = |(id, outline): (&TokenId, &Outline)| {
            last = Some(*id);
            see(*id, outline)
        };
        let (more, end) = if descending {
            let mut range = tokens.range((Bound::Unbounded, begin)).rev();
            (range.by_ref().take(STRIDE).all(&mut show), range.next().is_none())
        } else {
            let mut range = tokens.range((begin, Bound::Unbounded));
            (range.by_ref().take(STRIDE).all(&mut show), range.next().is_none())
        };
        match last {
            Some(last) if more && !end => Looked::Pause { last, count: STRIDE },
            _ => Looked::End,
        }
    }

    /// That a token was used.
    pub(super) fn used(&self, account: AccountId, token: TokenId, at: Timestamp) {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(outline) = accounts.get_mut(&account).and_then(|tokens| tokens.get_mut(&token)) {
            outline.used(at);
        }
    }

    pub(super) fn imports(&self) -> ForeignHashes {
        ForeignHashes::from_bits(self.imports.load(Ordering::Acquire))
    }

    /// Before it can be found, so that whoever is told of it looks for it.
    fn note_import(&self, id: TokenId) {
        if let Some(hash) = id.imported_by() {
            self.imports.fetch_or(ForeignHashes::default().with(hash).bits(), Ordering::AcqRel);
        }
    }

    pub(super) fn add_digest(&self, digest: &Digest, id: TokenId) -> Result<(), Taken> {
        self.note_import(id);
        match self.digests.entry(digest.beginning()) {
            Entry::Occupied(other) => Err(Taken(*other.get())),
            Entry::Vacant(free) => {
                free.insert(id);
                Ok(())
            }
        }
    }

    pub(super) fn remove_digest(&self, digest: &Digest, id: TokenId) {
        self.digests.remove_if(&digest.beginning(), |_, owner| *owner == id);
    }

    /// Tokens of an account that has none here yet or only earlier ones.
    pub(super) fn add_tokens(&self, account: AccountId, tokens: Vec<(TokenId, Outline)>) {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let known = accounts.entry(account).or_default();
        // Made of a sorted list, the tree's nodes are full.
        let mut more: Tokens = tokens.into_iter().collect();
        known.append(&mut more);
    }

    /// Before the record changes: whoever finds a token here finds its record too.
    pub(super) fn leave(&self, change: &Change) {
        let Change::Token { before: Some(before), after } = change else { return };
        let stays = |digest: &Digest| after.as_ref().is_some_and(|after| after.digests().any(|of| of == *digest));
        for gone in before.digests().filter(|digest| !stays(digest)) {
            self.remove_digest(&gone, before.id);
        }
        if after.as_ref().is_none_or(|after| after.account != before.account) {
            let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(tokens) = accounts.get_mut(&before.account) {
                tokens.remove(&before.id);
                if tokens.is_empty() {
                    accounts.remove(&before.account);
                }
            }
        }
    }

    /// After the record has changed.
    pub(super) fn enter(&self, change: &Change) {
        let Change::Token { before: _, after: Some(after) } = change else { return };
        self.note_import(after.id);
        for digest in after.digests() {
            self.digests.insert(digest.beginning(), after.id);
        }
        let outline = Outline::of(&Traits::of(after));
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let tokens = accounts.entry(after.account).or_default();
        let outline = match tokens.get(&after.id) {
            Some(former) => outline.used_as(former),
            None => outline,
        };
        tokens.insert(after.id, outline);
    }
}

/// A digest is spread already.
#[derive(Default)]
struct Spread(u64);

impl std::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    /// Not used for these keys; still a hash.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(first: u8) -> Digest {
        Digest::from_bytes([first; 32])
    }

    #[test]
    fn a_digest_belongs_to_one_token() {
        let index = Index::new();
        let (one, two) = (TokenId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]));
        assert!(!index.may_hold(&digest(7)));
        assert_eq!(index.add_digest(&digest(7), one), Ok(()));
        assert_eq!(index.add_digest(&digest(7), two), Err(Taken(one)));
        index.remove_digest(&digest(7), two);
        assert_eq!(index.owner(&digest(7)), Some(one), "only its owner gives it up");
        index.remove_digest(&digest(7), one);
        assert!(!index.may_hold(&digest(7)));
    }

    fn outlined(id: TokenId) -> (TokenId, Outline) {
        let labels = Default::default();
        let traits = Traits {
            kind: crate::model::Kind::Service,
            state: crate::model::State::Active,
            name: "",
            has_description: false,
            has_not_before: false,
            expires: None,
            created: 0,
            user: None,
            created_by: None,
            labels,
        };
        (id, Outline::of(&traits))
    }

    #[test]
    fn pages_follow_the_ids() {
        let index = Index::new();
        let home = AccountId::from_bytes([9; 16]);
        let ids: Vec<TokenId> = (1..=5).map(|number| TokenId::from_bytes([number; 16])).collect();
        index.add_tokens(home, ids[..2].iter().copied().map(outlined).collect());
        index.add_tokens(home, ids[2..].iter().copied().map(outlined).collect());
        assert_eq!(index.page(home, None, 3), ids[..3]);
        assert_eq!(index.page(home, Some(ids[2]), 9), ids[3..]);
        assert_eq!(index.page(AccountId::from_bytes([8; 16]), None, 9), []);
        assert!(index.is_of(home, ids[4]));
    }
}
