//! The stream of a backup: whole, or noticeably broken off; and one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::world::World;
use crate::model::{Account, AccountId, Digest, Token, TokenId, Usage, User};
use crate::store::{
    CommitError, Impaired, MemoryStore, Record, Snapshot, SnapshotHead, Store, StoreError, StoreFuture, Write,
};

/// A store in memory of which one copy is read at a time, record by record.
struct OneCopy {
    inner: Arc<MemoryStore>,
    running: Arc<AtomicBool>,
    /// Pieces until a copy fails.
    fails_after: usize,
}

struct Slow {
    copy: Box<dyn Snapshot>,
    records: Vec<Record>,
    running: Arc<AtomicBool>,
    left: usize,
}

impl Snapshot for Slow {
    fn head(&self) -> &SnapshotHead {
        self.copy.head()
    }

    fn next(&mut self) -> StoreFuture<'_, Result<Vec<Record>, StoreError>> {
        Box::pin(async move {
            self.left = self.left.checked_sub(1).ok_or(StoreError::Closed)?;
            self.records.extend(self.copy.next().await?);
            Ok(self.records.drain(..self.records.len().min(1)).collect())
        })
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.running.store(false, Ordering::SeqCst);
    }
}

impl Store for OneCopy {
    fn tokens_by_digest(&self, digests: Vec<Digest>) -> StoreFuture<'_, Result<Vec<Option<Token>>, StoreError>> {
        self.inner.tokens_by_digest(digests)
    }

    fn token(&self, id: TokenId) -> StoreFuture<'_, Result<Option<Token>, StoreError>> {
        self.inner.token(id)
    }

    fn list_tokens(
        &self,
        account: AccountId,
        after: Option<TokenId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Token>, StoreError>> {
        self.inner.list_tokens(account, after, limit)
    }

    fn search(&self, search: crate::store::Search) -> StoreFuture<'_, Result<crate::store::Found, StoreError>> {
        self.inner.search(search)
    }

    fn count(&self, search: crate::store::Search) -> StoreFuture<'_, Result<crate::store::Count, StoreError>> {
        self.inner.count(search)
    }

    fn accounts(&self) -> StoreFuture<'_, Result<Vec<Account>, StoreError>> {
        self.inner.accounts()
    }

    fn users(&self) -> StoreFuture<'_, Result<Vec<User>, StoreError>> {
        self.inner.users()
    }

    fn note(&self, id: crate::model::NoteId) -> StoreFuture<'_, Result<Option<crate::model::Note>, StoreError>> {
        self.inner.note(id)
    }

    fn notes(
        &self,
        after: Option<crate::model::NoteId>,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<crate::model::Note>, StoreError>> {
        self.inner.notes(after, limit)
    }

    fn commit(&self, writes: Vec<Write>) -> StoreFuture<'_, Result<crate::model::Revision, CommitError>> {
        self.inner.commit(writes)
    }

    fn record_usage(&self, usage: Vec<(TokenId, Usage)>) -> StoreFuture<'_, Result<(), StoreError>> {
        self.inner.record_usage(usage)
    }

    fn usage(&self, ids: Vec<TokenId>) -> StoreFuture<'_, Result<Vec<Usage>, StoreError>> {
        self.inner.usage(ids)
    }

    fn may_hold(&self, digest: &Digest) -> bool {
        self.inner.may_hold(digest)
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        Box::pin(async move {
            if self.running.swap(true, Ordering::SeqCst) {
                return Err(StoreError::Copying);
            }
            let copy = self.inner.snapshot().await?;
            let running = Arc::clone(&self.running);
            Ok(Box::new(Slow { copy, records: Vec::new(), running, left: self.fails_after }) as Box<dyn Snapshot>)
        })
    }

    fn health(&self) -> Result<(), Impaired> {
        self.inner.health()
    }

    fn close(&self) -> StoreFuture<'_, Result<(), StoreError>> {
        self.inner.close()
    }
}

/// A world whose copies end in an error after so many records, and whether one is being read.
async fn world(fails_after: usize) -> (World, Arc<AtomicBool>) {
    let running = Arc::<AtomicBool>::default();
    let copied = Arc::clone(&running);
    let world = World::with_copies(move |inner| Arc::new(OneCopy { inner, running: copied, fails_after })).await;
    for _ in 0..20 {
        world.make(world.root.id, &[("devices", "read")]).await;
    }
    (world, running)
}

async fn ask(world: &World) -> Response<Body> {
    let request = Request::get("/v1/store/backup").header("authorization", format!("Bearer {}", world.admin.text));
    world.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible")
}

/// Lets the tasks run until there is no copy.
async fn until_free(running: &AtomicBool) {
    while running.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_backup_is_all_of_the_store_in_lines() {
    let (world, running) = world(usize::MAX).await;
    let answer = world.get("/v1/store/backup").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("cache-control"), "no-store");
    let lines: Vec<_> = answer.text.lines().collect();
    assert_eq!(lines.len(), 1 + 3 + 21 + 1);
    assert!(lines[0].starts_with("{\"keygate_store\":1,") && lines[25].starts_with("{\"end\":{\"lines\":26}"));
    assert!(!answer.text.contains(&world.admin.text), "no token's text is in it");
    until_free(&running).await;
}

#[tokio::test]
async fn one_backup_is_made_at_a_time_and_a_client_that_hangs_up_frees_it() {
    let (world, running) = world(usize::MAX).await;
    let first = ask(&world).await;
    assert_eq!(first.status(), StatusCode::OK);
    world.get("/v1/store/backup").await.expect_problem(409, "backup_running");
    drop(first);
    until_free(&running).await;
    world.get("/v1/store/backup").await.expect(200);
}

#[tokio::test]
async fn a_backup_that_fails_half_way_is_no_whole_answer() {
    let (world, running) = world(10).await;
    let response = ask(&world).await;
    assert_eq!(response.status(), StatusCode::OK, "its beginning was fine");
    let error = response.into_body().collect().await.expect_err("the connection has to end with it");
    assert!(error.to_string().contains("the answer broke off"), "{error}");
    until_free(&running).await;
}
