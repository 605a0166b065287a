//! Changes of tokens: what is written for one, and who is told of it once it is durable.

use std::sync::{Arc, OnceLock};

use super::Lifecycle;
use crate::model::{Digest, Note, Revision, Timestamp, Token};
use crate::store::{Expect, Write};

/// A change of one token. None before: it was made; none after: it was deleted.
#[derive(Debug, Clone)]
pub struct TokenChange {
    pub before: Option<Token>,
    pub after: Option<Token>,
}

impl TokenChange {
    /// What makes it durable, if nobody else changed the token meanwhile. Of an imported key that is deleted
    /// it stays noted that it was there: what imported it once could do it again, and give its bearer back what
    /// was taken.
    pub(super) fn writes(&self, now: Timestamp) -> impl Iterator<Item = Write> + use<> {
        let (write, note) = match (&self.before, &self.after) {
            (None, None) => (None, None),
            (None, Some(token)) => (Some(Write::PutToken { token: token.clone(), expect: Expect::Absent }), None),
            (Some(before), Some(token)) => {
                let expect = Expect::Revision(before.revision);
                (Some(Write::PutToken { token: token.clone(), expect }), None)
            }
            (Some(before), None) => {
                let note = Note::of_deletion(before.id, now);
                (Some(Write::DeleteToken { id: before.id, expect: before.revision }), note)
            }
        };
        write.into_iter().chain(note.map(|note| Write::PutNote { note, expect: Expect::Absent }))
    }

    /// Of a text that it has no more, the caches know what it was worth; so of both.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.before.iter().chain(&self.after).flat_map(Token::digests)
    }

    /// With the revision that the store gave the change.
    pub(super) fn at(mut self, revision: Revision) -> Self {
        if let Some(after) = &mut self.after {
            after.revision = revision;
        }
        self
    }
}

/// Takes changes; must wait for nothing. Whoever listens may come later than the first change.
#[derive(Clone, Default)]
pub struct Told(Arc<OnceLock<Listener>>);

type Listener = Box<dyn Fn(&TokenChange) + Send + Sync>;

impl Told {
    pub(super) fn tell(&self, change: &TokenChange) {
        if let Some(listener) = self.0.get() {
            listener(change);
        }
    }
}

impl Lifecycle {
    /// Has this one told of every change of a token from now on. The first who asks is the only one.
    pub fn tell(&self, listener: impl Fn(&TokenChange) + Send + Sync + 'static) {
        drop(self.told.0.set(Box::new(listener)));
    }
}
