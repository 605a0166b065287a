//! What a request made, for when it comes again.

use std::sync::Arc;

use super::{Lifecycle, LifecycleError};
use crate::auth::once::{Once, REMEMBERED, Request};
use crate::auth::seal::Sealer;
use crate::model::{Made, MadeObject, Note, NoteId, Noted, Secret, State, Token, TokenId, TokenText, Usage};
use crate::store::{Expect, StoreError, Write};

/// How many notes are read or deleted at a time.
const BATCH: usize = if cfg!(test) { 2 } else { 512 };

/// A request with a key.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The token that asks.
    pub by: TokenId,
    /// Method and target.
    pub call: &'a str,
    /// That the request gives itself.
    pub key: &'a str,
    pub contents: &'a [u8],
}

/// Whether it was done before.
pub enum Asking {
    First(Once),
    Again(Again),
}

/// What it came to when it was done.
pub struct Again {
    made: Made,
    sealer: Sealer,
}

impl Lifecycle {
    /// Finds out whether the request was done before. Until the answer is dropped, nobody else has it.
    pub async fn asked(&self, asked: Asked<'_>) -> Result<Asking, LifecycleError> {
        let Asked { by, call, key, contents } = asked;
        let key = self.verifier.request_key(by, call, key);
        let (id, digest, sealer) = (key.id(), key.digest(contents), Sealer::of_key(&key.sealing())?);
        let begun = self.requests.begin(id).ok_or(LifecycleError::UnderWay)?;
        let note = if self.requests.knows(id) { self.store.note(id).await? } else { None };
        let old = match note {
            Some(Note { what: Noted::Made(made), .. }) if self.clock.wall() < made.until => {
                return if made.request == digest {
                    Ok(Asking::Again(Again { made, sealer }))
                } else {
                    Err(LifecycleError::OtherRequest)
                };
            }
            other => other.map(|note| note.revision),
        };
        let request = Request { id, by, digest, sealer, old };
        Ok(Asking::First(begun.keep(Arc::clone(&self.requests), request)))
    }

    /// The same, that notes what it makes for the request.
    pub fn once(&self, once: Option<Once>) -> Self {
        Self { once, ..self.clone() }
    }

    /// What notes that the request has made the object, and with which text; `None`: it does not come again.
    pub(super) fn noted(
        &self,
        object: MadeObject,
        text: Option<(TokenId, &TokenText)>,
    ) -> Result<Option<Write>, LifecycleError> {
        let Some(once) = &self.once else { return Ok(None) };
        let Request { id, by, digest, sealer, old } = once.request();
        let sealed = text.map(|(id, text)| sealer.seal(id, text)).transpose()?;
        let now = self.clock.wall();
        let until = now.plus(REMEMBERED);
        let gone = self.requests.add(*id, *by, until);
        if !gone.is_empty() {
            let lifecycle = self.clone();
            tokio::spawn(async move { lifecycle.forget(gone).await });
        }
        let what = Noted::Made(Made { by: *by, request: *digest, object, sealed, until });
        let note = Note { id: *id, made: now, what, revision: Default::default() };
        Ok(Some(Write::PutNote { note, expect: old.map_or(Expect::Absent, Expect::Revision) }))
    }

    /// Learns from the store which requests may come again: once, at the start.
    pub async fn recall_requests(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let notes = self.store.notes(after, BATCH).await?;
            for note in &notes {
                if let Noted::Made(made) = &note.what {
                    let gone = self.requests.add(note.id, made.by, made.until);
                    self.forget(gone).await;
                }
            }
            match notes.last() {
                Some(last) if notes.len() == BATCH => after = Some(last.id),
                _ => return Ok(()),
            }
        }
    }

    /// Forgets the requests that cannot come again any more.
    pub async fn forget_requests(&self) {
        loop {
            let over = self.requests.over(self.clock.wall(), BATCH);
            if over.is_empty() {
                return;
            }
            self.forget(over).await;
        }
    }

    /// A note that stays for now is found at the next start.
    async fn forget(&self, notes: Vec<NoteId>) {
        for id in notes {
            let Ok(Some(note)) = self.store.note(id).await else { continue };
            // One that took its place since is another one.
            drop(self.store.commit(vec![Write::DeleteNote { id, expect: note.revision }]).await);
        }
    }
}

impl Again {
    pub fn object(&self) -> MadeObject {
        self.made.object
    }

    /// The text that was answered, as long as nothing says that it arrived: it was not used, and is still the
    /// token's.
    pub fn text(&self, token: &Token, usage: &Usage, lifecycle: &Lifecycle) -> Option<TokenText> {
        let sealed = self.made.sealed.as_deref()?;
        if was_used(token, usage) || matches!(token.state, State::Revoked { .. }) {
            return None;
        }
        let text = self.sealer.open(token.id, lifecycle.verifier.prefix(), sealed).ok()?;
        (lifecycle.verifier.digest(&text) == token.digest).then_some(text)
    }
}

/// Whether the token's present text was used.
fn was_used(token: &Token, usage: &Usage) -> bool {
    match token.number_of(Secret::Present) {
        None => usage.last_used.is_some(),
        Some(number) => usage.secrets.iter().any(|of| of.number == number),
    }
}
