//! What one thread looked up last: a small table before the hot cache, which no other thread touches.
//!
//! Each look-up in the hot cache writes to memory that all threads share, to know what is in use. An entry here is good
//! as long as its digest has the generation that was read before the look-up that it comes from. An invalidation counts
//! that up behind the removal too, before it returns; so a change shows with the next request, as it does in the cache
//! itself.

use std::cell::RefCell;
use std::sync::Arc;

use super::principal::Principal;
use super::verdict::{Answered, Source, Verdict};
use super::verifier::Verifier;
use crate::model::Digest;

/// Places of the table at most: 72 KiB of memory for each thread.
const PLACES: usize = 1_024;
/// After so many finds the hot cache is asked again, so that it knows what is in use and keeps that.
const FINDS: u8 = 64;

/// The verifier, with what one thread asked it last.
pub struct ThreadVerifier {
    verifier: Verifier,
    recent: RefCell<Recent>,
}

impl ThreadVerifier {
    pub fn new(verifier: Verifier) -> Self {
        // No thread alone remembers more than all together may.
        let places = usize::try_from(verifier.remembers()).map_or(PLACES, |most| most.clamp(1, PLACES));
        Self { verifier, recent: RefCell::new(Recent::new(places)) }
    }

    /// The same as [`Verifier::verify`].
    pub async fn verify(&self, text: &str) -> Answered {
        let digest = match self.verifier.own_digest(text) {
            Ok(digest) => digest,
            Err(error) => return self.verifier.verify_foreign(text, error).await,
        };
        // Before the look-up: what is invalidated in the midst of it has another one by then.
        let generation = self.verifier.generation(&digest);
        if let Some(principal) = self.recent.borrow_mut().find(&digest, generation) {
            return (Source::Cache, Ok(Verdict::Known(principal)));
        }
        let found = self.verifier.look_up(digest).await;
        if let (Source::Cache, Ok(Verdict::Known(principal))) = &found {
            self.recent.borrow_mut().note(digest, generation, principal);
        }
        found
    }
}

/// The table. A digest has one place, and takes it when it is noted there twice, with no other in between: where more
/// tokens are in use than there are places, nearly all of them would only push each other out.
struct Recent(Box<[Place]>);

#[derive(Default)]
struct Place {
    /// The beginning of the digest that was noted last. Few that meet in a place have the same.
    noted: u64,
    entry: Option<Entry>,
}

struct Entry {
    digest: Digest,
    generation: u64,
    principal: Arc<Principal>,
    finds_left: u8,
}

impl Recent {
    fn new(places: usize) -> Self {
        Self(std::iter::repeat_with(Place::default).take(places).collect())
    }

    /// By other bytes than the generation and the hot cache.
    fn place(&mut self, digest: &Digest) -> &mut Place {
        let [.., a, b] = *digest.as_bytes();
        let at = usize::from(u16::from_le_bytes([a, b])) % self.0.len();
        &mut self.0[at]
    }

    fn find(&mut self, digest: &Digest, generation: u64) -> Option<Arc<Principal>> {
        let entry = self.place(digest).entry.as_mut()?;
        if entry.digest != *digest || entry.generation != generation {
            return None;
        }
        entry.finds_left = entry.finds_left.checked_sub(1)?;
        Some(Arc::clone(&entry.principal))
    }

    fn note(&mut self, digest: Digest, generation: u64, principal: &Arc<Principal>) {
        let place = self.place(&digest);
        if std::mem::replace(&mut place.noted, digest.beginning()) == digest.beginning() {
            let principal = Arc::clone(principal);
            place.entry = Some(Entry { digest, generation, principal, finds_left: FINDS });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::principal::tests::principal;

    #[test]
    fn an_entry_ends_with_its_generation_and_after_its_finds() {
        let (mut recent, principal) = (Recent::new(PLACES), principal());
        let digest = *principal.digest();
        assert!(recent.find(&digest, 7).is_none(), "there is nothing yet");
        recent.note(digest, 7, &principal);
        assert!(recent.find(&digest, 7).is_none(), "once is not often");
        recent.note(digest, 7, &principal);
        assert!(recent.find(&digest, 7).is_some_and(|found| Arc::ptr_eq(&found, &principal)));
        assert!(recent.find(&digest, 8).is_none(), "the token was changed");
        recent.note(digest, 7, &principal);
        assert_eq!((0..=FINDS).filter(|_| recent.find(&digest, 7).is_some()).count(), usize::from(FINDS));
    }

    #[test]
    fn another_digest_in_the_same_place_is_not_taken_for_it_and_does_not_push_it_out_at_once() {
        let (mut recent, principal) = (Recent::new(PLACES), principal());
        let digest = *principal.digest();
        let mut other = *digest.as_bytes();
        other[5] ^= 1;
        let other = Digest::from_bytes(other);
        (0..2).for_each(|_| recent.note(digest, 0, &principal));
        assert!(recent.find(&other, 0).is_none());
        recent.note(other, 0, &principal);
        assert!(recent.find(&digest, 0).is_some() && recent.find(&other, 0).is_none());
    }
}
