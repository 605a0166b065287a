//! Keys of other systems: taken over by their hash, and given this installation's own digest once they are
//! presented.

use std::convert::Infallible;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Lifecycle, LifecycleError, NewToken, TokenChange};
use crate::auth::rehash::Rehash;
use crate::auth::verifier::Verifier;
use crate::model::{ForeignHash, Note, NoteId, Revision, Timestamp, Token, TokenId};
use crate::store::{StoreError, Write};

/// How many digests are replaced side by side; the store's writer takes them together.
const BATCH: usize = 256;
/// After one that failed: the store may be full, and each request asks again.
const PAUSE: Duration = Duration::from_secs(1);

/// A key to take over.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub hash: ForeignHash,
    /// Of that algorithm's size.
    pub bytes: Box<[u8]>,
    pub new: NewToken,
    /// Also if it was here before and was deleted.
    pub again: bool,
}

/// What became of a key.
#[derive(Debug)]
pub enum Imported {
    Made(Box<Token>),
    /// It was taken over before, as this token.
    There(TokenId),
    /// It was taken over before, and its token deleted.
    Deleted(TokenId, Timestamp),
}

/// Whether a key was here before.
#[derive(Debug)]
pub enum Former {
    Never,
    There,
    Deleted(Note),
}

/// A token that is to be made, and what is noted of the one before it.
#[derive(Clone)]
struct Draft {
    token: Token,
    deleted: Option<Note>,
}

impl Draft {
    /// What is noted goes with what takes its place, or stays.
    fn forgotten(&self) -> Option<Write> {
        self.deleted.as_ref().map(|note| Write::DeleteNote { id: note.id, expect: note.revision })
    }

    fn change(&self) -> TokenChange {
        TokenChange { before: None, after: Some(self.token.clone()) }
    }

    fn made(self, revision: Revision) -> Imported {
        Imported::Made(Box::new(Token { revision, ..self.token }))
    }
}

impl Lifecycle {
    /// The token that stands for the key, whether it is there or not.
    pub fn id_of_import(&self, hash: ForeignHash, bytes: &[u8]) -> TokenId {
        TokenId::of_import(hash, &self.verifier.foreign_digest(hash, bytes))
    }

    /// Whether the key of this token was here before.
    pub async fn former_import(&self, id: TokenId) -> Result<Former, LifecycleError> {
        if self.store.token(id).await?.is_some() {
            return Ok(Former::There);
        }
        Ok(self.store.note(NoteId::of_import(id)).await?.map_or(Former::Never, Former::Deleted))
    }

    /// Takes each key over, or says why not: one does not depend on another. What is made together is
    /// durable together.
    pub async fn import(&self, keys: Vec<ForeignKey>) -> Vec<Result<Imported, LifecycleError>> {
        let mut taken = Vec::with_capacity(keys.len());
        let mut together = Vec::new();
        for key in keys {
            let limit = key.new.max_active;
            let outcome = match (self.drafted(key).await, limit) {
                (Err(error), _) => Err(error),
                (Ok(Err(known)), _) => Ok(known),
                // Whether there is a place depends on those before it.
                (Ok(Ok(draft)), Some(max)) => {
                    let (lifecycle, account) = (self.clone(), draft.token.account);
                    self.in_place(account, max, async move { lifecycle.put_import(draft).await }).await
                }
                (Ok(Ok(draft)), None) => {
                    let id = draft.token.id;
                    together.push((taken.len(), draft));
                    Ok(Imported::There(id))
                }
            };
            taken.push(outcome);
        }
        for (at, outcome) in self.put_together(together).await {
            taken[at] = outcome;
        }
        taken
    }

    /// The token that is to be made; or what became of the key before.
    async fn drafted(&self, key: ForeignKey) -> Result<Result<Draft, Imported>, LifecycleError> {
        let ForeignKey { hash, bytes, new, again } = key;
        let digest = self.verifier.foreign_digest(hash, &bytes);
        let id = TokenId::of_import(hash, &digest);
        let deleted = match self.former_import(id).await? {
            Former::There => return Ok(Err(Imported::There(id))),
            Former::Deleted(note) if !again => return Ok(Err(Imported::Deleted(id, note.made))),
            Former::Deleted(note) => Some(note),
            Former::Never => None,
        };
        if self.accounts.get(new.account).is_none() {
            return Err(LifecycleError::NoAccount(new.account));
        }
        // Its text is not known here, so there can be no copy of it.
        let (token, _) = self.draft(NewToken { retrievable: false, ..new })?;
        let token = Token { id, digest, hint: String::new(), ..token };
        Ok(Ok(Draft { token, deleted }))
    }

    /// All of them in one commit; where that is refused, one by one, so that each is told apart.
    async fn put_together(&self, drafts: Vec<(usize, Draft)>) -> Vec<(usize, Result<Imported, LifecycleError>)> {
        if drafts.is_empty() {
            return Vec::new();
        }
        let forgotten = drafts.iter().filter_map(|(_, draft)| draft.forgotten()).collect();
        let changes = drafts.iter().map(|(_, draft)| draft.change()).collect();
        match self.commit_after(forgotten, changes).await {
            Ok(revision) => drafts.into_iter().map(|(at, draft)| (at, Ok(draft.made(revision)))).collect(),
            // Two lines of one key, or somebody else imports the same.
            Err(LifecycleError::Conflict(_)) => {
                let mut outcomes = Vec::with_capacity(drafts.len());
                for (at, draft) in drafts {
                    outcomes.push((at, self.put_import(draft).await));
                }
                outcomes
            }
            Err(error) => {
                // Each is told the same; what is to be done is to try again.
                let told = match &error {
                    LifecycleError::Store(error) => error.clone(),
                    other => StoreError::Unavailable(other.to_string()),
                };
                drafts.into_iter().map(|(at, _)| (at, Err(told.clone().into()))).collect()
            }
        }
    }

    async fn put_import(&self, draft: Draft) -> Result<Imported, LifecycleError> {
        let id = draft.token.id;
        let conflict = match self.commit_after(draft.forgotten().into_iter().collect(), vec![draft.change()]).await {
            Ok(revision) => return Ok(draft.made(revision)),
            Err(conflict @ LifecycleError::Conflict(_)) => conflict,
            Err(error) => return Err(error),
        };
        match self.former_import(id).await? {
            Former::There => Ok(Imported::There(id)),
            Former::Deleted(note) => Ok(Imported::Deleted(id, note.made)),
            Former::Never => Err(conflict),
        }
    }

    /// Gives imported keys that were presented this installation's own digest, for as long as it is run.
    pub async fn rehash_imports(self) -> Infallible {
        let Some(mut asked) = self.verifier.rehashing().asked() else { return std::future::pending().await };
        let mut batch = Vec::with_capacity(BATCH);
        while asked.recv_many(&mut batch, BATCH).await > 0 {
            let mut work = JoinSet::new();
            for rehash in batch.drain(..) {
                let lifecycle = self.clone();
                work.spawn(async move { lifecycle.rehash(rehash).await });
            }
            let mut failed = None;
            while let Some(done) = work.join_next().await {
                failed = done.ok().and_then(Result::err).or(failed);
            }
            if let Some(error) = failed {
                tracing::warn!(%error, "an imported key was not re-hashed; it is tried again when it is used again");
                tokio::time::sleep(PAUSE).await;
            }
        }
        std::future::pending().await
    }

    async fn rehash(&self, rehash: Rehash) -> Result<(), LifecycleError> {
        let _landing = Landing(&self.verifier, rehash);
        let done = self.change(rehash.id, |token| {
            // Rotated meanwhile, it has a text of its own, and the old one ends as that says.
            if token.digest == rehash.foreign {
                token.digest = rehash.own;
            }
            Ok(())
        });
        let done = done.await;
        match done {
            // Deleted meanwhile.
            Ok(_) | Err(LifecycleError::NoToken(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The end of one, however it ends: somebody may wait for it.
struct Landing<'a>(&'a Verifier, Rehash);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let Self(verifier, rehash) = self;
        // What is known by the text alone may be older, such as that it is nobody's.
        verifier.invalidate(&rehash.foreign);
        verifier.invalidate(&rehash.own);
        verifier.rehashing().landed(&rehash.foreign);
    }
}
