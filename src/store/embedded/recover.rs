//! What is in a generation, and the proof that it is everything that was acknowledged.
//!
//! The tree may have lost its newest changes without a word of sled's; then the journal makes up for
//! them. Whatever the result, its records are read, added up and compared with the proof in the anchor,
//! or in the journal where that goes on further (changes that were being made when the process ended).
//! Only what is proven is served.

use std::path::Path;

use super::database;
use super::directory::Generation;
use super::disk::Disk;
use super::error::OpenError;
use super::index::Index;
use super::journal::{self, Contents};
use super::marker::Marker;
use super::point::Point;
use super::scan::{guarded, scan};
use super::tokens::TokenTree;
use crate::store::tally::Tally;
use crate::store::{StoreError, StoreKey};

/// A generation whose records are proven to be all there are.
pub(super) struct Proven {
    pub(super) tokens: TokenTree,
    pub(super) tally: Tally,
    pub(super) point: Point,
    /// `None`: it is of no use any more, and has to be begun anew.
    pub(super) journal: Option<Contents>,
    /// What was lost and made up for.
    pub(super) healed: Option<String>,
}

/// Where to look, and with what.
pub(super) struct Place<'a> {
    /// The store's directory, for messages.
    pub(super) path: &'a Path,
    pub(super) generation: &'a Generation,
    pub(super) marker: &'a Marker,
    pub(super) key: &'a StoreKey,
    pub(super) cache: u64,
}

impl Place<'_> {
    /// Opens the tree, puts right what can be, and proves it against what was `acknowledged`.
    pub(super) fn prove(&self, acknowledged: &Point) -> Result<Proven, OpenError> {
        let contents = journal::read(&self.generation.journal(), self.key, self.marker.store)
            .map_err(|error| OpenError::io(self.path, error))?;
        let db = self.open()?;
        let tree = TokenTree::new(db.clone(), Index::new());
        let found = guarded(|| tree.revision()).ok().flatten().unwrap_or(0);
        let mut reached = found;
        if contents.last().is_some_and(|last| last.revision > found)
            && contents.base().is_some_and(|base| base.revision <= found)
        {
            reached = self.replay(&tree, &contents, found)?;
        }
        let mut scanned = scan(&db, self.key);
        let mut point = self.point(reached, &scanned.as_ref().ok().map(|scan| scan.tally), acknowledged, &contents);
        let mut healed = (found < acknowledged.revision && point.is_some())
            .then(|| format!("its last {} changes were lost, and the journal had them", acknowledged.revision - found));
        if point.is_none() && self.may_replay_all(&contents, reached, acknowledged) {
            reached = self.replay(&tree, &contents, 0)?;
            scanned = scan(&db, self.key);
            point = self.point(reached, &scanned.as_ref().ok().map(|scan| scan.tally), acknowledged, &contents);
            healed = Some("some of its records were lost, and the journal had them".to_owned());
        }
        let Some(point) = point else {
            return Err(self.refusal(reached, scanned.map(|scan| scan.tally), acknowledged, &contents));
        };
        let scan = scanned.map_err(|error| OpenError::unread(self.path, error))?;
        let journal = contents.last().is_some_and(|last| *last == point).then_some(contents);
        Ok(Proven { tokens: TokenTree::new(db, scan.index), tally: scan.tally, point, journal, healed })
    }

    fn open(&self) -> Result<sled::Db, OpenError> {
        let tokens = self.generation.tokens();
        if !super::disk::log(&tokens).exists() {
            let name = tokens.strip_prefix(self.path).unwrap_or(&tokens).display().to_string();
            return Err(OpenError::damaged(self.path, format!("the file {name}/db is gone")));
        }
        database::open(&tokens, self.cache, |problem| OpenError::damaged(self.path, problem))
    }

    /// Puts every change after `revision` over the tree; the revision that this leads to.
    fn replay(&self, tree: &TokenTree, contents: &Contents, revision: u64) -> Result<u64, OpenError> {
        let mut reached = revision;
        let outcome = guarded(|| {
            contents.replay(revision, |frame| {
                reached = frame.after.revision;
                Ok::<(), StoreError>(tree.write(&frame.ops, reached)?)
            })?;
            Ok(tree.flush().and_then(|()| Disk::open(&self.generation.tokens())?.sync())?)
        });
        outcome.map_err(|error| OpenError::unread(self.path, error))?;
        Ok(reached)
    }

    /// The whole journal may be put over the tree only where it ends no earlier than the tree does: its
    /// older changes must not undo newer ones.
    fn may_replay_all(&self, contents: &Contents, reached: u64, acknowledged: &Point) -> bool {
        contents.last().is_some_and(|last| last.revision >= reached.max(acknowledged.revision))
            && contents.base() != contents.last()
    }

    /// The point at `reached`, if these records are what was there then.
    fn point(&self, reached: u64, tally: &Option<Tally>, acknowledged: &Point, contents: &Contents) -> Option<Point> {
        let known = [Some(acknowledged), contents.last()].into_iter().flatten();
        let point = known.copied().find(|point| point.revision == reached)?;
        let proven = reached >= acknowledged.revision && point.proves(self.key, self.marker.store, tally.as_ref()?);
        proven.then_some(point)
    }

    fn refusal(
        &self,
        reached: u64,
        tally: Result<Tally, StoreError>,
        acknowledged: &Point,
        contents: &Contents,
    ) -> OpenError {
        let tally = match tally {
            Ok(tally) => tally,
            Err(error) => return OpenError::unread(self.path, error),
        };
        let path = self.path.to_owned();
        let (found, promised) = (reached, acknowledged.revision);
        if found >= promised {
            let Tally { tokens, accounts, .. } = tally;
            return OpenError::damaged(
                self.path,
                format!(
                    "its {tokens} tokens and {accounts} accounts are not the {} and {} that were acknowledged, or not \
                     as they were",
                    acknowledged.tokens, acknowledged.accounts
                ),
            );
        }
        let whole = contents.last().filter(|last| last.revision == found);
        if whole.is_some_and(|last| last.proves(self.key, self.marker.store, &tally)) {
            OpenError::RolledBack { path, found, acknowledged: promised }
        } else {
            OpenError::Behind { path, found, acknowledged: promised }
        }
    }
}
