//! A load that does not wait, and the upstream behind it, on one thread.
//!
//! Requests are due at fixed times, whatever became of those before them, and each is measured from the time that it
//! was due: one that waits for another's answer has waited. The thread never sleeps, since a timer counts in
//! milliseconds and waking a processor takes longer than a request; and it is one for both sides, lest what is
//! measured is how two of them share a processor.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use keygate::model::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};

use crate::Outcome;
use crate::request::PATH;
use crate::samples::Samples;

/// Clients, of one connection each.
pub const CLIENTS: u32 = 64;

/// The thread, and where its upstream listens.
pub struct Place {
    pub port: u16,
    handle: Handle,
    answered: Arc<AtomicU64>,
    body: String,
}

impl Place {
    /// Serves for as long as the process lives, on the processor of whoever calls it.
    pub fn start(body: String) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let (port, handle, answered) = (listener.local_addr()?.port(), runtime.handle().clone(), Arc::default());
        let count: Arc<AtomicU64> = Arc::clone(&answered);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer: Arc<str> = answer.into();
        thread::spawn(move || {
            runtime.block_on(async {
                while let Ok((stream, _)) = listener.accept().await {
                    // Until the connection is closed, in whatever way.
                    let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
                    tokio::spawn(async move { drop(serve(stream, &answer, &count).await) });
                }
            })
        });
        Ok(Self { port, handle, answered, body })
    }

    /// How many requests the upstream was sent so far.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// So many requests a second to a port of this machine, and how long each took since it was due.
    pub fn load(&self, port: u16, token: &str, rate: f64, seconds: u32) -> Outcome<Samples> {
        let every = Duration::from_secs_f64(f64::from(CLIENTS) / rate);
        let number = (rate * f64::from(seconds) / f64::from(CLIENTS)).ceil() as u32;
        let request = format!("GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let (request, body): (Arc<str>, Arc<str>) = (request.into(), self.body.as_str().into());
        let (done, outcome) = mpsc::channel();
        self.handle.spawn(async move {
            // Whoever started it waits for it.
            let _ = done.send(all(port, request, body, every, number).await);
        });
        outcome.recv()?
    }
}

async fn all(port: u16, request: Arc<str>, body: Arc<str>, every: Duration, number: u32) -> Outcome<Samples> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let start = Clock::system().mono() + Duration::from_millis(10);
    let mut clients = JoinSet::new();
    for (client, stream) in (0..).zip(streams) {
        let first = start + every * client / CLIENTS;
        let (request, body) = (Arc::clone(&request), Arc::clone(&body));
        clients.spawn(async move {
            let due = (0..number).map(|turn| first + every * turn);
            self::client(stream, &request, &body, due).await
        });
    }
    let mut taken = Samples::default();
    while let Some(client) = clients.join_next().await {
        taken.join(client??);
    }
    Ok(taken)
}

async fn client(
    mut stream: TcpStream,
    request: &str,
    body: &str,
    due: impl Iterator<Item = Instant>,
) -> Outcome<Samples> {
    let (clock, mut taken, mut answer) = (Clock::system(), Samples::default(), Vec::new());
    for due in due {
        while clock.mono() < due {
            yield_now().await;
        }
        stream.write_all(request.as_bytes()).await?;
        answer.clear();
        while !answer.ends_with(body.as_bytes()) {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(format!("no answer but {:?}", String::from_utf8_lossy(&answer)).into());
            }
        }
        taken.add(clock.mono().saturating_duration_since(due));
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err("an answer that is no 200".into());
        }
    }
    Ok(taken)
}

/// Answers every head; there are no bodies.
async fn serve(mut stream: TcpStream, answer: &str, count: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut held = Vec::new();
    while stream.read_buf(&mut held).await? > 0 {
        while let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            held.drain(..end + 4);
            count.fetch_add(1, Ordering::Relaxed);
            stream.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}
