//! Requests that may come again: each makes what it asks for once.
//!
//! What a request made is noted in the store in the same commit, so a retry finds it whenever it comes and
//! whatever became of the gateway. Here is what is known of those notes in memory: which requests are under
//! way, and which notes there are, so that a key that is new costs no look into the store.
//!
//! Bounded: [`MOST`] notes in all and [`MOST_OF_ONE`] of one token's requests; the oldest go first (worst
//! case: 100,000 × 200 bytes).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::seal::Sealer;
use crate::model::{Digest, NoteId, Revision, Timestamp, TokenId};

/// For how long a request can come again.
pub(super) const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
const MOST: usize = if cfg!(test) { 1_000 } else { 100_000 };
pub(super) const MOST_OF_ONE: usize = if cfg!(test) { 100 } else { 10_000 };

/// A request that is under way, and may come again. Nobody else has it until the last clone is gone.
#[derive(Clone)]
pub struct Once(Arc<UnderWay>);

struct UnderWay {
    register: Arc<Register>,
    request: Request,
}

/// What is to be noted of a request.
pub(super) struct Request {
    pub(super) id: NoteId,
    pub(super) by: TokenId,
    pub(super) digest: Digest,
    pub(super) sealer: Sealer,
    /// The note whose place the new one takes: it was of a request that is not remembered any more.
    pub(super) old: Option<Revision>,
}

impl Once {
    pub(super) fn request(&self) -> &Request {
        &self.0.request
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.register.locked().under_way.remove(&self.request.id);
    }
}

/// The notes that there are, and the requests that are under way.
#[derive(Default)]
pub(super) struct Register(Mutex<State>);

#[derive(Default)]
struct State {
    under_way: HashSet<NoteId>,
    notes: HashMap<NoteId, (TokenId, Timestamp)>,
    by_end: BTreeSet<(Timestamp, NoteId)>,
    by_token: HashMap<TokenId, BTreeSet<(Timestamp, NoteId)>>,
}

impl Register {
    /// Takes the request's place, unless it is taken.
    pub(super) fn begin(&self, id: NoteId) -> Option<Begun<'_>> {
        let is_new = self.locked().under_way.insert(id);
        // Not made in vain: its end would be that of the other's.
        is_new.then(|| Begun { register: self, id: Some(id) })
    }

    pub(super) fn knows(&self, id: NoteId) -> bool {
        self.locked().notes.contains_key(&id)
    }

    /// A note that there is, or is about to be. Those that have no place beside it are to be deleted.
    pub(super) fn add(&self, id: NoteId, by: TokenId, until: Timestamp) -> Vec<NoteId> {
        let mut state = self.locked();
        state.remove(id);
        state.notes.insert(id, (by, until));
        state.by_end.insert((until, id));
        state.by_token.entry(by).or_default().insert((until, id));
        let mut gone = Vec::new();
        while let Some(oldest) = state.oldest_too_many(by) {
            state.remove(oldest);
            gone.push(oldest);
        }
        gone
    }

    /// Some of those that are over.
    pub(super) fn over(&self, now: Timestamp, limit: usize) -> Vec<NoteId> {
        let mut state = self.locked();
        let over = state.by_end.iter().take_while(|(until, _)| *until <= now).take(limit);
        let over: Vec<_> = over.map(|(_, id)| *id).collect();
        over.iter().for_each(|id| state.remove(*id));
        over
    }

    /// No code of others runs under the lock, so a poisoned one is still consistent.
    fn locked(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn oldest_too_many(&self, by: TokenId) -> Option<NoteId> {
        let of_token = self.by_token.get(&by)?;
        let of = if of_token.len() > MOST_OF_ONE { of_token } else { &self.by_end };
        (of_token.len() > MOST_OF_ONE || self.notes.len() > MOST).then(|| of.first().map(|(_, id)| *id)).flatten()
    }

    fn remove(&mut self, id: NoteId) {
        let Some((by, until)) = self.notes.remove(&id) else { return };
        self.by_end.remove(&(until, id));
        if let Some(of_token) = self.by_token.get_mut(&by) {
            of_token.remove(&(until, id));
            if of_token.is_empty() {
                self.by_token.remove(&by);
            }
        }
    }
}

/// A place that was taken, and is given back unless it is [kept](Self::keep).
pub(super) struct Begun<'a> {
    register: &'a Register,
    id: Option<NoteId>,
}

impl Begun<'_> {
    pub(super) fn keep(mut self, register: Arc<Register>, request: Request) -> Once {
        self.id = None;
        Once(Arc::new(UnderWay { register, request }))
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.register.locked().under_way.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(number: u64) -> NoteId {
        NoteId::from_bytes(u128::from(number).to_be_bytes())
    }

    fn at(millis: usize) -> Timestamp {
        Timestamp::from_millis(millis as i64)
    }

    #[test]
    fn a_request_is_under_way_once() {
        let register = Register::default();
        let begun = register.begin(note(1)).expect("nobody has it");
        assert!(register.begin(note(1)).is_none() && register.begin(note(2)).is_some());
        drop(begun);
        assert!(register.begin(note(1)).is_some());
    }

    #[test]
    fn whoever_asks_for_much_forgets_its_own_and_nobody_elses() {
        let register = Register::default();
        let (much, other) = (TokenId::fresh(), TokenId::fresh());
        assert!(register.add(note(0), other, at(0)).is_empty());
        for number in 1..=MOST_OF_ONE {
            assert!(register.add(note(number as u64), much, at(number)).is_empty());
        }
        assert_eq!(register.add(note(99_999), much, at(99_999)), [note(1)]);
        assert!(register.knows(note(0)) && !register.knows(note(1)));
        // Once more the same, which is no further one.
        assert!(register.add(note(99_999), much, at(99_999)).is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let register = Register::default();
        let mut gone = Vec::new();
        for number in 0..MOST + 3 {
            gone.extend(register.add(note(number as u64), TokenId::from_bytes([(number % 16) as u8; 16]), at(number)));
        }
        assert_eq!(gone, [note(0), note(1), note(2)]);
        assert_eq!(register.over(at(4), 10), [note(3), note(4)]);
        assert_eq!(register.over(at(4), 10), []);
        assert_eq!(register.locked().by_token.values().map(BTreeSet::len).sum::<usize>(), MOST - 2);
    }
}
