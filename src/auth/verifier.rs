//! What a presented token is: text → digest → hot cache → store.
//!
//! A cache hit is answered on the caller's own thread. A miss goes to a [`Loader`], a task of the
//! control path, so that no store read ever runs on a thread that carries proxied traffic. The loader
//! takes all waiting misses at once and reads each digest a single time, whoever asked first.
//!
//! A text that has not this installation's form can be a key that was imported, where there are any.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::cache::{CacheOptions, Cached, TokenCache};
use super::principal::Principal;
use super::rehash::{Rehash, Rehashing};
use super::users::Users;
use super::verdict::{Answered, Source, Verdict, VerifyError};
use crate::limit::TokenLimits;
use crate::model::{
    Digest, ForeignHash, RequestKey, Token, TokenHasher, TokenId, TokenPrefix, TokenText, TokenTextError,
    may_be_foreign, parse_token,
};
use crate::store::{Store, StoreError};

/// How many misses may wait; one more is answered as an outage (worst case: 4,096 × 100 bytes).
const QUEUE: usize = 4_096;
/// How many misses one read of the store takes together.
const BATCH: usize = 256;
/// How often an imported key is looked for while its digest is replaced.
const FOREIGN_LOOKS: usize = 4;
/// After this long without an answer the store counts as away.
const STORE_DEADLINE: Duration = Duration::from_secs(5);

type Reply = oneshot::Sender<Result<Option<Arc<Principal>>, StoreError>>;

struct Miss {
    digest: Digest,
    reply: Reply,
}

struct Shared {
    prefix: TokenPrefix,
    hasher: TokenHasher,
    cache: TokenCache,
    rehashing: Rehashing,
}

/// Answers what a token is. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    misses: mpsc::Sender<Miss>,
}

/// The task that reads the store for misses; see [`Loader::run`].
pub struct Loader {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    limits: Arc<TokenLimits>,
    users: Users,
    misses: mpsc::Receiver<Miss>,
}

/// What a verifier is made of.
pub struct VerifierOptions {
    pub prefix: TokenPrefix,
    pub hasher: TokenHasher,
    pub cache: CacheOptions,
}

impl Verifier {
    /// The verifier and its loader, which the caller runs on the control path.
    pub fn new(
        options: VerifierOptions,
        store: Arc<dyn Store>,
        limits: Arc<TokenLimits>,
        users: Users,
    ) -> (Self, Loader) {
        let VerifierOptions { prefix, hasher, cache } = options;
        let shared = Arc::new(Shared { prefix, hasher, cache: TokenCache::new(cache), rehashing: Rehashing::new() });
        let (misses, waiting) = mpsc::channel(QUEUE);
        let verifier = Self { shared: Arc::clone(&shared), store: Arc::clone(&store), misses };
        (verifier, Loader { shared, store, limits, users, misses: waiting })
    }

    /// What is known now of what was presented before; `None`: it is nobody's any more.
    pub async fn look_up_again(&self, principal: &Principal) -> Result<Option<Arc<Principal>>, VerifyError> {
        let digest = principal.digest();
        let found = self.known(digest).await?;
        let Some(own) = principal.own().filter(|_| found.is_none()) else { return Ok(found) };
        // The imported key got this installation's own digest since, or is getting it.
        if let Some(mut waiting) = self.shared.rehashing.of(digest) {
            drop(waiting.changed().await);
        }
        self.known(own).await
    }

    async fn known(&self, digest: &Digest) -> Result<Option<Arc<Principal>>, VerifyError> {
        let found = match self.shared.cache.look_up(digest) {
            Cached::Known(principal) => Some(principal),
            Cached::Unknown => None,
            Cached::Miss => Box::pin(self.load(*digest)).await.map_err(VerifyError)?,
        };
        Ok(found.filter(|principal| principal.is_of(digest)))
    }

    /// A number that changes whenever the token behind the digest does, and now and then for nothing.
    pub fn generation(&self, digest: &Digest) -> u64 {
        self.shared.cache.current(digest)
    }

    /// What `text` is, and where that was found.
    pub async fn verify(&self, text: &str) -> Answered {
        match self.own_digest(text) {
            Ok(digest) => self.look_up(digest).await,
            Err(error) => self.verify_foreign(text, error).await,
        }
    }

    /// The digest of a text that has the form of a token of this installation.
    pub(super) fn own_digest(&self, text: &str) -> Result<Digest, TokenTextError> {
        parse_token(text, &self.shared.prefix).map(|_| self.shared.hasher.digest(text))
    }

    /// What a text is that has not that form, for this reason.
    pub(super) async fn verify_foreign(&self, text: &str, error: TokenTextError) -> Answered {
        if self.may_be_imported(text) {
            return Box::pin(self.look_up_foreign(text)).await;
        }
        (Source::Text, Ok(Verdict::NotAToken(error)))
    }

    /// Whether it can be a key that was imported. Where none was, no text is looked at any further.
    fn may_be_imported(&self, text: &str) -> bool {
        may_be_foreign(text, &self.shared.prefix) && !self.store.imports().is_empty()
    }

    /// By this installation's own digest, as imported keys are known once they were used; else by each
    /// foreign hash that some were imported by. For a key that nobody has, that is a hash or two and looks
    /// into memory: no read of the store.
    async fn look_up_foreign(&self, text: &str) -> Answered {
        let own = self.shared.hasher.digest(text);
        for _ in 0..FOREIGN_LOOKS {
            let found = self.look_up(own).await;
            if !matches!(found.1, Ok(Verdict::Unknown)) {
                return found;
            }
            let mut waiting = None;
            for hash in self.store.imports().iter() {
                let foreign = self.shared.hasher.foreign_digest(hash, &hash.of(text));
                let found = self.look_up(foreign).await;
                match &found.1 {
                    Ok(Verdict::Unknown) => waiting = waiting.or_else(|| self.shared.rehashing.of(&foreign)),
                    Ok(Verdict::Known(principal)) => {
                        // Of one that was rotated, the old text's digest ends with its overlap.
                        if principal.token.digest == foreign {
                            principal.has_own(own);
                            self.warn_of_another(text, hash, principal.token.id);
                            self.shared.rehashing.ask(Rehash { id: principal.token.id, foreign, own });
                        }
                        return found;
                    }
                    Ok(Verdict::NotAToken(_)) | Err(_) => return found,
                }
            }
            // While the digest of a key is replaced, there is a moment in which it has neither.
            match waiting {
                Some(mut waiting) => drop(waiting.changed().await),
                None => break,
            }
        }
        // It may have been replaced between the two looks.
        self.look_up(own).await
    }

    /// A key that was imported by two hashes is two tokens, of which one is never found any more.
    fn warn_of_another(&self, text: &str, hash: ForeignHash, token: TokenId) {
        let hasher = &self.shared.hasher;
        let is_there = |other: &ForeignHash| self.store.may_hold(&hasher.foreign_digest(*other, &other.of(text)));
        if let Some(other) = self.store.imports().iter().filter(|other| *other != hash).find(is_there) {
            let (hash, other) = (hash.name(), other.name());
            tracing::warn!(%token, hash, other, "a key was imported by two hashes; the token of the other is not used");
        }
    }

    pub(super) async fn look_up(&self, digest: Digest) -> Answered {
        match self.shared.cache.look_up(&digest) {
            Cached::Known(principal) => (Source::Cache, Ok(matching(&digest, Some(principal)))),
            Cached::Unknown => (Source::Negative, Ok(Verdict::Unknown)),
            // Well-formed texts that nobody was given cost no look-up, however many they are.
            Cached::Miss if !self.store.may_hold(&digest) => (Source::Negative, Ok(Verdict::Unknown)),
            Cached::Miss => {
                // Boxed: misses are rare, and their state would lie in every request's.
                let loaded = Box::pin(self.load(digest)).await;
                (Source::Store, loaded.map(|found| matching(&digest, found)).map_err(VerifyError))
            }
        }
    }

    /// Whether `text` has the form of a token of this installation.
    pub fn is_own(&self, text: &str) -> bool {
        parse_token(text, &self.shared.prefix).is_ok()
    }

    /// Whether `text` is, as far as memory tells, a key that was imported.
    pub fn is_imported(&self, text: &str) -> bool {
        if !self.may_be_imported(text) {
            return false;
        }
        let hasher = &self.shared.hasher;
        let foreign = self.store.imports();
        let mut foreign = foreign.iter().map(|hash| hasher.foreign_digest(hash, &hash.of(text)));
        self.store.may_hold(&hasher.digest(text)) || foreign.any(|digest| self.store.may_hold(&digest))
    }

    /// How many principals are remembered at most.
    pub(super) fn remembers(&self) -> u64 {
        self.shared.cache.room()
    }

    /// Entries in the cache: principals, unknown digests.
    pub fn cache_sizes(&self) -> (u64, u64) {
        self.shared.cache.sizes()
    }

    /// Under what a token with this text could be known, an imported one too; what is replaced stands before
    /// what replaces it. Empty for what is certainly no token.
    pub(super) fn digests_of(&self, text: &str) -> Vec<Digest> {
        let hasher = &self.shared.hasher;
        let foreign = self.may_be_imported(text).then(|| self.store.imports());
        let foreign = foreign.iter().flat_map(|hashes| hashes.iter());
        let mut digests: Vec<Digest> = foreign.map(|hash| hasher.foreign_digest(hash, &hash.of(text))).collect();
        if self.is_own(text) || !digests.is_empty() {
            digests.push(hasher.digest(text));
        }
        digests
    }

    pub(super) fn prefix(&self) -> &TokenPrefix {
        &self.shared.prefix
    }

    pub(super) fn digest(&self, text: &TokenText) -> Digest {
        self.shared.hasher.digest(text.expose())
    }

    pub(super) fn digest_of_invitation(&self, text: &str) -> Digest {
        self.shared.hasher.digest(text)
    }

    pub(super) fn foreign_digest(&self, hash: ForeignHash, bytes: &[u8]) -> Digest {
        self.shared.hasher.foreign_digest(hash, bytes)
    }

    pub(super) fn request_key(&self, by: TokenId, call: &str, key: &str) -> RequestKey {
        self.shared.hasher.of_request(by, call, key)
    }

    pub(super) fn rehashing(&self) -> &Rehashing {
        &self.shared.rehashing
    }

    /// Forgets what is known of the digest, everywhere on this node.
    pub(super) fn invalidate(&self, digest: &Digest) {
        self.shared.cache.invalidate(digest);
    }

    async fn load(&self, digest: Digest) -> Result<Option<Arc<Principal>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.misses
            .try_send(Miss { digest, reply })
            .map_err(|_| StoreError::Unavailable("too many look-ups wait".into()))?;
        answer.await.map_err(|_| StoreError::Unavailable("the look-up was given up".into()))?
    }
}

/// The table found the entry by a hash of the digest and by equality; this last comparison, in
/// constant time, holds even if a table should ever be wrong.
fn matching(digest: &Digest, found: Option<Arc<Principal>>) -> Verdict {
    match found {
        Some(principal) if principal.is_of(digest) => Verdict::Known(principal),
        _ => Verdict::Unknown,
    }
}

impl Loader {
    /// Reads the store for misses until every [`Verifier`] is gone, and then never returns: whoever
    /// runs it ends it.
    pub async fn run(mut self) -> Infallible {
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            if self.misses.recv_many(&mut waiting, BATCH).await == 0 {
                return std::future::pending().await;
            }
            if guarded(self.load(&mut waiting)).await.is_err() {
                // Who waited has been told that there is no answer, by the loss of what it waited on.
                tracing::error!("a look-up of tokens panicked; it is given up, and later ones go on");
                waiting.clear();
            }
        }
    }

    async fn load(&mut self, waiting: &mut Vec<Miss>) {
        let mut asked: HashMap<Digest, Vec<Reply>> = HashMap::new();
        for Miss { digest, reply } in waiting.drain(..) {
            // A batch before this one may have brought it in.
            match self.shared.cache.look_up(&digest) {
                Cached::Known(principal) => drop(reply.send(Ok(Some(principal)))),
                Cached::Unknown => drop(reply.send(Ok(None))),
                Cached::Miss => asked.entry(digest).or_default().push(reply),
            }
        }
        if asked.is_empty() {
            return;
        }
        let digests: Vec<Digest> = asked.keys().copied().collect();
        let tickets: Vec<_> = digests.iter().map(|digest| self.shared.cache.begin_fill(digest)).collect();
        let found = match tokio::time::timeout(STORE_DEADLINE, self.store.tokens_by_digest(digests.clone())).await {
            Ok(found) => found,
            Err(_) => Err(StoreError::Unavailable(format!("no answer within {} s", STORE_DEADLINE.as_secs()))),
        };
        match found {
            Ok(tokens) => {
                for ((digest, ticket), token) in digests.into_iter().zip(tickets).zip(tokens) {
                    let principal = token.and_then(|token| self.principal(token, &digest));
                    self.shared.cache.finish_fill(digest, ticket, principal.clone());
                    answer(asked.remove(&digest), &Ok(principal));
                }
            }
            // One damaged record must not keep the others of its batch out.
            Err(StoreError::Damaged { .. }) if asked.len() > 1 => {
                for (digest, replies) in asked {
                    let mut alone = replies.into_iter().map(|reply| Miss { digest, reply }).collect();
                    Box::pin(self.load(&mut alone)).await;
                }
            }
            // No verdict, and so nothing to remember.
            Err(error) => {
                tracing::error!(%error, tokens = digests.len(), "tokens could not be looked up");
                // Who waits behind them would wait as long again, and for the same answer. They are taken before anybody
                // is answered: who asks after that may be answered by a store that is back.
                let behind = std::iter::from_fn(|| self.misses.try_recv().ok()).map(|miss| miss.reply).collect();
                let error = Err(error);
                asked.into_values().chain([behind]).for_each(|replies| answer(Some(replies), &error));
            }
        }
    }

    /// Whose text with this digest is; `None` where the store gave another token, which is nobody's then.
    fn principal(&self, token: Token, digest: &Digest) -> Option<Arc<Principal>> {
        let secret = token.secret_of(digest)?;
        let limiter = self.limits.of(token.rate_limit);
        Some(Arc::new(Principal::new(token, secret, limiter, &self.users)))
    }
}

/// A panic costs those who wait for this work, and not everybody who comes later. The cache is left whole: it is
/// changed by single steps, each after all that could fail.
async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, ()> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Err(_) => Poll::Ready(Err(())),
    })
    .await
}

fn answer(replies: Option<Vec<Reply>>, with: &Result<Option<Arc<Principal>>, StoreError>) {
    for reply in replies.into_iter().flatten() {
        // A caller that has gone away needs no answer.
        drop(reply.send(with.clone()));
    }
}
