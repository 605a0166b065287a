//! Threads that answer questions to the store, so that no thread that carries traffic waits for a disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::queue::Queue;
use crate::store::{StoreError, StoreFuture};

/// The asking side of one or more threads that share an `E`.
pub(super) struct Readers<E> {
    queue: Arc<Queue<Job<E>>>,
}

impl<E> Clone for Readers<E> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

type Job<E> = Box<dyn FnOnce(&E) + Send>;

impl<E: 'static> Readers<E> {
    pub(super) fn new(what: &'static str, bound: usize) -> Self {
        Self { queue: Arc::new(Queue::new(what, bound)) }
    }

    /// What one of the threads runs until [`Self::close`].
    pub(super) fn runner(&self) -> impl FnOnce(&E) + Send + 'static {
        let queue = Arc::clone(&self.queue);
        move |engine| {
            while let Some(jobs) = queue.take(1) {
                jobs.into_iter().for_each(|job| job(engine));
            }
        }
    }

    /// Runs `work` on one of the threads. If the future is dropped before its turn, it is not run.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&E) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.queue.push(Box::new(move |engine: &E| {
                if !answer.is_closed() {
                    // The caller may be gone by now; then nobody misses the answer.
                    let _ = answer.send(guarded(|| work(engine)));
                }
            }))?;
            answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable("its thread has ended".to_owned())))
        })
    }

    pub(super) fn close(&self) {
        self.queue.close();
    }
}

/// A panic costs its own caller alone. Engines keep no state of their own that it could leave halfway.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the database panicked".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_for_its_caller_and_for_nobody_else() {
        let readers = Readers::<()>::new("reads", 8);
        let runner = readers.runner();
        let thread = std::thread::spawn(move || runner(&()));
        let error = readers.ask(|()| -> Result<(), _> { panic!("on purpose") }).await.expect_err("it panicked");
        assert_eq!(error.to_string(), "the store did not answer: the database panicked");
        assert_eq!(readers.ask(|()| Ok(7)).await.expect("the thread lives on"), 7);
        readers.close();
        assert!(matches!(readers.ask(|()| Ok(7)).await, Err(StoreError::Closed)));
        thread.join().expect("it ends when closed");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_done() {
        let readers = Readers::<()>::new("reads", 8);
        let mut asked = readers.ask(|()| -> Result<(), _> { unreachable!("its caller is gone") });
        let waker = std::task::Waker::noop();
        assert!(asked.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
        drop(asked);
        readers.close();
        readers.runner()(&());
    }
}
