//! Work that is due at its times, however long the work before it takes: a pause shows as what it does to all who
//! wait. Other benches use it as well.

use std::thread;
use std::time::{Duration, Instant};

use keygate::model::Clock;

use crate::Outcome;
use crate::client::Client;
use crate::samples::Samples;

/// A thread that does its share at the times when it is due: how long each took, and what came of it.
type Share<T> = thread::JoinHandle<Outcome<(Samples, Vec<T>)>>;

/// Threads at work.
pub struct Paced<T> {
    threads: Vec<Share<T>>,
}

/// So many a second in all, over so many connections.
pub fn paced<T: Send + 'static, W>(
    a_second: f64,
    seconds: u64,
    connections: u64,
    connect: impl Fn(u64) -> Outcome<Client>,
    work: W,
) -> Outcome<Paced<T>>
where
    W: FnMut(&mut Client, u64) -> Outcome<T> + Clone + Send + 'static,
{
    let clock = Clock::system();
    let begin = clock.mono() + Duration::from_millis(50);
    let step = Duration::from_secs_f64(connections as f64 / a_second);
    let threads = (0..connections).map(|of| {
        let (mut client, mut work, clock) = (connect(of)?, work.clone(), clock.clone());
        // Not all at the same instant.
        let first = begin + step.mul_f64(of as f64 / connections as f64);
        Ok(thread::spawn(move || {
            let (mut samples, mut results) = (Samples::default(), Vec::new());
            let mut due = first;
            while due < begin + Duration::from_secs(seconds) {
                wait_until(due, &clock);
                results.push(work(&mut client, of)?);
                // From when it was due, and not from when it could be sent.
                samples.add(clock.mono() - due);
                due += step;
            }
            Ok((samples, results))
        }))
    });
    Ok(Paced { threads: threads.collect::<Outcome<_>>()? })
}

fn wait_until(due: Instant, clock: &Clock) {
    if let Some(left) = due.checked_duration_since(clock.mono()) {
        thread::sleep(left);
    }
}

impl<T> Paced<T> {
    pub fn wait_with_results(self) -> Outcome<(Samples, Vec<T>)> {
        let (mut samples, mut results) = (Samples::default(), Vec::new());
        for thread in self.threads {
            let (taken, of_thread) = thread.join().map_err(|_| "a thread of the load panicked")??;
            samples.join(taken);
            results.extend(of_thread);
        }
        Ok((samples, results))
    }

    pub fn wait(self) -> Outcome<Samples> {
        Ok(self.wait_with_results()?.0)
    }
}
