//! Lists of tokens: which ones are meant is told from the index as far as it can, and of the rest by the
//! records.
//!
//! A call looks at a bounded number of tokens and reads a bounded number of records, and holds up nobody:
//! it has a thread of its own, and lets go of the index every few thousand tokens.

use std::cmp::Ordering;

use super::index::{Index, Looked};
use super::outline::{Meant, Outline};
use super::tokens::TokenTree;
use crate::model::{AccountId, Timestamp, TokenId};
use crate::store::search::KeyRef;
use crate::store::{Count, Found, Order, Place, Search, SortBy, StoreError};

/// Tokens that one call looks at. More are listed in the order of creation only, account by account.
const MOST_LOOKED_AT: usize = 1_000_000;
/// Records that one call reads and that turn out not to be meant.
const MOST_READ: usize = 2_048;
/// Records that a count reads.
const MOST_COUNTED: usize = 20_000;
/// Candidates that are taken out of the index at a time where their records decide.
const BATCH: usize = 1_024;

/// A token that may be the next one of a list.
struct Candidate {
    account: AccountId,
    place: Place,
    last_used: Option<Timestamp>,
}

pub(super) fn search(tokens: &TokenTree, search: &Search) -> Result<Found, StoreError> {
    let mut search = search.clone();
    let mut found = Vec::new();
    let mut missed = 0;
    loop {
        // One more than asked for tells whether there are more.
        let wanted = (search.limit + 1 - found.len()).max(if search.filter.asks_records() { BATCH } else { 0 });
        let Candidates { best, end } = candidates(tokens.index(), &search, wanted)?;
        let is_last = best.len() < wanted;
        for Candidate { account, place, last_used } in best {
            if found.len() == search.limit || missed == MOST_READ {
                return Ok(Found { tokens: found, next: search.after });
            }
            let token = tokens.listed(account, place.id)?;
            match token.filter(|token| search.filter.has(token, last_used, search.now)) {
                Some(token) => found.push(token),
                None => missed += 1,
            }
            search.after = Some(place);
        }
        if is_last {
            return Ok(Found { tokens: found, next: end });
        }
    }
}

pub(super) fn count(tokens: &TokenTree, search: &Search) -> Result<Count, StoreError> {
    let (mut count, mut doubtful) = (0, Vec::new());
    let mut too_many = false;
    let looked = walk(tokens.index(), search, |account, id, outline, meant| {
        match meant {
            Meant::Yes => count += 1,
            _ if doubtful.len() == MOST_COUNTED => too_many = true,
            _ => doubtful.push((account, id, outline.last_used())),
        }
        !too_many
    });
    if too_many || looked.is_err() {
        return Ok(Count::TooMany);
    }
    for (account, id, last_used) in doubtful {
        let token = tokens.listed(account, id)?;
        count += u64::from(token.is_some_and(|token| search.filter.has(&token, last_used, search.now)));
    }
    Ok(Count::Exactly(count))
}

/// The first ones behind the beginning, in the search's order.
struct Candidates {
    best: Vec<Candidate>,
    /// Where the look ended before the end of the list.
    end: Option<Place>,
}

fn candidates(index: &Index, search: &Search, wanted: usize) -> Result<Candidates, StoreError> {
    let mut top = Top::new(search.order, wanted);
    let looked = walk(index, search, |account, id, outline, _| {
        let last_used = outline.last_used();
        let key = search.order.key(outline.name(), outline.expires(), last_used);
        if !search.is_behind(key, id) {
            return true;
        }
        top.offer(key, id, || Candidate { account, place: Place { key: key.to_owned(), id }, last_used })
            // In the order of creation, whatever follows in this account is behind it too.
            || search.order.by != SortBy::Created
    });
    let end = match looked {
        Ok(()) => None,
        // What was found up to here is the beginning of what there is.
        Err(last) if search.order.by == SortBy::Created && search.accounts.len() == 1 => Some(last),
        Err(_) => return Err(StoreError::TooWide(MOST_LOOKED_AT)),
    };
    Ok(Candidates { best: top.finish(), end })
}

/// Shows every token that may be meant to `see`, which says whether to go on in this account. The error is
/// where the walk ended, if there was more to look at than one call may.
fn walk(
    index: &Index,
    search: &Search,
    mut see: impl FnMut(AccountId, TokenId, &Outline, Meant) -> bool,
) -> Result<(), Place> {
    let by_id = search.order.by == SortBy::Created;
    let descending = by_id && search.order.descending;
    let mut left = MOST_LOOKED_AT;
    for &account in &search.accounts {
        let mut after = search.after.as_ref().filter(|_| by_id).map(|place| place.id);
        loop {
            let looked = index.look(account, after, descending, |id, outline| {
                match outline.is_meant(&search.filter, search.now) {
                    Meant::No => true,
                    meant => see(account, id, outline, meant),
                }
            });
            match looked {
                Looked::End => break,
                Looked::Pause { last, count } => {
                    after = Some(last);
                    left = left.saturating_sub(count);
                    if left == 0 {
                        return Err(Place { key: KeyRef::Created.to_owned(), id: last });
                    }
                }
            }
        }
    }
    Ok(())
}

/// The first `wanted` of many, in whatever order they come.
struct Top {
    order: Order,
    wanted: usize,
    kept: Vec<Candidate>,
    /// Behind it nothing is wanted any more.
    last: Option<Place>,
}

impl Top {
    fn new(order: Order, wanted: usize) -> Self {
        Self { order, wanted, kept: Vec::new(), last: None }
    }

    /// Whether it was among the first so far.
    fn offer(&mut self, key: KeyRef<'_>, id: TokenId, candidate: impl FnOnce() -> Candidate) -> bool {
        let behind = |last: &Place| self.order.compare((key, id), last.as_ref()) == Ordering::Greater;
        if self.last.as_ref().is_some_and(behind) {
            return false;
        }
        self.kept.push(candidate());
        // Cutting at twice the number costs each candidate the same, however many come.
        let full = if self.last.is_none() { self.wanted } else { 2 * self.wanted };
        if self.kept.len() >= full {
            self.cut();
        }
        true
    }

    fn cut(&mut self) {
        let order = self.order;
        let compare = |a: &Candidate, b: &Candidate| order.compare(a.place.as_ref(), b.place.as_ref());
        let (_, last, _) = self.kept.select_nth_unstable_by(self.wanted - 1, compare);
        self.last = Some(last.place.clone());
        self.kept.truncate(self.wanted);
    }

    fn finish(mut self) -> Vec<Candidate> {
        let order = self.order;
        self.kept.sort_unstable_by(|a, b| order.compare(a.place.as_ref(), b.place.as_ref()));
        self.kept.truncate(self.wanted);
        self.kept
    }
}
