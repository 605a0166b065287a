//! Many connections that ask without a pause, and note when each request began and ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use keygate::model::Clock;

use super::client::Client;
use super::wait::eventually;

/// One request of a [`Load`].
#[derive(Debug, Clone)]
pub struct Shot {
    /// Before its first byte was sent.
    pub begun: Instant,
    /// After its last byte had come.
    pub ended: Instant,
    pub status: u16,
    /// Of the problem; empty where there is none.
    pub code: String,
}

/// Requests that go on until [`Load::stop`].
pub struct Load {
    threads: Vec<JoinHandle<Vec<Shot>>>,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clock: Clock,
}

impl Load {
    /// `connections` keep-alive connections; every other one sends eight requests before it reads the
    /// first answer, so that many are under way at any time.
    pub fn start(proxy: SocketAddr, token: &str, connections: usize) -> Self {
        let (stop, done, clock) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), Clock::system());
        let request = format!("GET /v1/devices/7 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        let threads = (0..connections)
            .map(|number| {
                let gun = Gun { request: request.clone(), ahead: if number % 2 == 0 { 1 } else { 8 } };
                let (stop, done, clock) = (Arc::clone(&stop), Arc::clone(&done), clock.clone());
                std::thread::spawn(move || gun.fire(proxy, &clock, &stop, &done))
            })
            .collect();
        Self { threads, stop, done, clock }
    }

    /// Waits until so many more requests have been answered.
    #[track_caller]
    pub fn wait_for(&self, more: usize) {
        let until = self.done.load(Ordering::Relaxed) + more;
        eventually("answers under load", || (self.done.load(Ordering::Relaxed) >= until).then_some(()));
    }

    /// Does `work`, and says when it was begun and when it was done.
    pub fn during(&self, work: impl FnOnce()) -> (Instant, Instant) {
        let begun = self.clock.mono();
        work();
        (begun, self.clock.mono())
    }

    /// Every request that was made.
    pub fn stop(self) -> Vec<Shot> {
        self.stop.store(true, Ordering::Relaxed);
        let shots = self.threads.into_iter().flat_map(|thread| thread.join().expect("a client that did not fail"));
        shots.collect()
    }
}

struct Gun {
    request: String,
    ahead: usize,
}

impl Gun {
    fn fire(&self, proxy: SocketAddr, clock: &Clock, stop: &AtomicBool, done: &AtomicUsize) -> Vec<Shot> {
        let mut client = Client::connect(proxy);
        let mut shots = Vec::new();
        let all = self.request.repeat(self.ahead);
        while !stop.load(Ordering::Relaxed) {
            let begun = clock.mono();
            client.send(&all);
            for _ in 0..self.ahead {
                let answer = client.read_answer("GET");
                let code = if answer.status < 400 { String::new() } else { answer.problem() };
                shots.push(Shot { begun, ended: clock.mono(), status: answer.status, code });
            }
            done.fetch_add(self.ahead, Ordering::Relaxed);
        }
        shots
    }
}
