//! A crowd that sends its heads a byte a second: each is to be closed in time, and all memory to come back.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::crowd;
use crate::gateway::{Gateway, Listener};
use crate::honest;
use crate::options::Options;
use crate::report::{Bar, Report};
use crate::{MB, Outcome};

/// Of the whole process, with 10,000 connections.
const MEMORY: f64 = 200.0;
/// What a connection may last longer than its time.
const LATE: Duration = Duration::from_secs(1);
/// After that it is not waited for.
const LOST: Duration = Duration::from_secs(30);
/// How long memory may take to come back.
const COMES_BACK: u32 = 20;

pub async fn measure(upstream: u16, options: &Options, report: &mut Report) -> Outcome<()> {
    if !options.wants("slow heads") {
        return Ok(());
    }
    let (count, limit) = (options.connections(), Duration::from_secs(options.header_timeout()));
    eprintln!("{count} connections, a byte a second");
    let gateway = Gateway::start(upstream, Listener::Plain, &format!("header_timeout = \"{}s\"", limit.as_secs()))?;
    honest::warm(&gateway)?;
    let before = gateway.resident()?;
    let mut slow = JoinSet::new();
    let connecting = Arc::new(Semaphore::new(64));
    for number in 0..count {
        let (port, connecting) = (gateway.port, Arc::clone(&connecting));
        slow.spawn(async move {
            let permit = connecting.acquire_owned().await?;
            let stream = crowd::connect(port, number).await?;
            drop(permit);
            Outcome::Ok(timeout(limit + LOST, lasts(stream)).await.ok())
        });
    }
    let (mut most, mut lasted) = (before, Vec::new());
    let mut looking = interval(Duration::from_millis(200));
    while lasted.len() < count as usize {
        tokio::select! {
            Some(one) = slow.join_next() => lasted.push(one??),
            _ = looking.tick() => most = most.max(gateway.resident()?),
        }
    }
    let mut after = gateway.resident()?;
    for _ in 0..COMES_BACK {
        if after <= before * 1.1 {
            break;
        }
        sleep(Duration::from_millis(500)).await;
        // The allocator gives pages back when a thread next asks for some.
        honest::warm(&gateway)?;
        after = gateway.resident()?;
    }
    let late = lasted.iter().filter(|lasted| lasted.is_none_or(|lasted| lasted > limit + LATE)).count();
    let early = lasted.iter().flatten().filter(|&&lasted| lasted < limit).count();
    let last = lasted.iter().flatten().max().ok_or("not one was closed")?;
    report.add("slow heads: not closed in their time and a second", late as f64, "", Bar::AtMost(0.0));
    report.add("slow heads: closed before their time", early as f64, "", Bar::AtMost(0.0));
    report.add("slow heads: the last was closed after", last.as_secs_f64(), "s", Bar::None);
    report.add("slow heads: memory of the gateway, at most", most / MB, "MB", Bar::AtMost(MEMORY));
    report.add("slow heads: memory before", before / MB, "MB", Bar::None);
    report.add("slow heads: memory afterwards", after / MB, "MB", Bar::AtMost(before * 1.1 / MB));
    Ok(())
}

/// How long a connection lasts that sends a byte a second of a head without an end.
async fn lasts(mut stream: TcpStream) -> Duration {
    let begun = Instant::now();
    let (mut from, mut to) = stream.split();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut head = b"GET /v1/devices/7 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".iter().chain([b'x'].iter().cycle());
    let mut answer = [0; 512];
    loop {
        tokio::select! {
            read = from.read(&mut answer) => match read {
                // An answer; the end follows.
                Ok(1..) => {}
                Ok(0) | Err(_) => return begun.elapsed(),
            },
            _ = second.tick() => {
                // That nobody takes it shows in what is read.
                drop(to.write_all(&[*head.next().unwrap_or(&b'x')]).await);
            }
        }
    }
}
