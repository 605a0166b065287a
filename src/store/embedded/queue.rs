//! A bounded queue between callers, who never wait for room in it, and the store's own threads, who
//! wait for work.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::store::StoreError;

pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    bound: usize,
    /// In the error message of a full queue.
    what: &'static str,
}

struct Inner<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(what: &'static str, bound: usize) -> Self {
        let inner = Mutex::new(Inner { waiting: VecDeque::new(), closed: false });
        Self { inner, changed: Condvar::new(), bound, what }
    }

    pub(super) fn push(&self, item: T) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(StoreError::Closed);
        }
        if inner.waiting.len() >= self.bound {
            return Err(StoreError::Unavailable(format!("{} {} are waiting already", self.bound, self.what)));
        }
        inner.waiting.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Up to `most` of what is waiting, at least one; `None` once the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<Vec<T>> {
        let mut inner = self.lock();
        while inner.waiting.is_empty() {
            if inner.closed {
                return None;
            }
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let count = inner.waiting.len().min(most);
        Some(inner.waiting.drain(..count).collect())
    }

    /// Takes nothing more; what is waiting is still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// No code of others runs under the lock, so a poisoned one is still consistent.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_says_what_is_waiting() {
        let queue = Queue::new("reads", 2);
        queue.push(1).expect("room");
        queue.push(2).expect("room");
        let error = queue.push(3).expect_err("it is full").to_string();
        assert_eq!(error, "the store did not answer: 2 reads are waiting already");
        assert_eq!(queue.take(10), Some(vec![1, 2]));
        queue.push(3).expect("room again");
    }

    #[test]
    fn a_closed_queue_is_emptied_and_then_ends() {
        let queue = Queue::new("reads", 2);
        queue.push(1).expect("room");
        queue.close();
        assert!(matches!(queue.push(2), Err(StoreError::Closed)));
        assert_eq!(queue.take(1), Some(vec![1]));
        assert_eq!(queue.take(1), None);
    }
}
