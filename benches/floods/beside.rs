//! Honest traffic, calm and beside each flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use keygate::model::Clock;

use crate::gateway::{Gateway, Listener};
use crate::honest;
use crate::kinds::{FLOODS, Flood, Ground};
use crate::options::Options;
use crate::report::{Bar, Report};
use crate::samples::Samples;
use crate::{MB, Outcome};

/// Of each flood.
const THREADS: usize = 8;

/// How requests fared for a while.
struct Fared {
    p50: f64,
    p99: f64,
    failed: usize,
}

struct Row {
    flood: &'static Flood,
    calm: Fared,
    beside: Fared,
    /// Of what the flood counts, in a second.
    rate: f64,
    /// Of the gateway's processor.
    busy: f64,
    memory: f64,
}

pub fn measure(upstream: u16, options: &Options, report: &mut Report) -> Outcome<()> {
    let mut rows = Vec::new();
    for flood in &FLOODS {
        if options.wants(flood.name) {
            eprintln!("{}", flood.name);
            rows.push(row(upstream, flood, options.seconds())?);
        }
    }
    if !rows.is_empty() {
        print(&rows);
    }
    for Row { flood, calm, beside, .. } in &rows {
        report.add(&format!("{}: p99, times the calm one", flood.name), beside.p99 / calm.p99, "", Bar::None);
        report.add(&format!("{}: honest requests that failed", flood.name), beside.failed as f64, "", Bar::AtMost(0.0));
    }
    Ok(())
}

/// Each has a gateway of its own, so that nothing is left of the flood before it.
fn row(upstream: u16, flood: &'static Flood, seconds: u64) -> Outcome<Row> {
    let gateway = Gateway::start(upstream, Listener::Plain, "")?;
    honest::warm(&gateway)?;
    let calm = fare(&gateway, seconds)?;
    let ground = Arc::new(Ground {
        port: gateway.port,
        stop: AtomicBool::new(false),
        count: AtomicU64::new(0),
        address: AtomicU32::new(0),
    });
    let flooders: Vec<_> = (0..THREADS)
        .map(|_| {
            let ground = Arc::clone(&ground);
            thread::spawn(move || {
                // Of this thread alone. Where it fails, a flood takes processor time from honest clients.
                rustix::process::nice(10).ok();
                flood.run(&ground);
            })
        })
        .collect();
    // What a flood costs at its beginning alone is not what it costs.
    thread::sleep(Duration::from_millis(500));
    let clock = Clock::system();
    let (count, spent, begun) = (ground.count.load(Ordering::Relaxed), gateway.process.cpu()?, clock.mono());
    let beside = fare(&gateway, seconds)?;
    // Honest requests that are late make it longer.
    let took = (clock.mono() - begun).as_secs_f64();
    let spent = gateway.process.cpu()? - spent;
    let memory = gateway.resident()?;
    let held = ground.count.load(Ordering::Relaxed);
    ground.stop.store(true, Ordering::Relaxed);
    for flooder in flooders {
        flooder.join().map_err(|_| "a thread of a flood panicked")?;
    }
    if held == 0 {
        return Err(format!("{}: nothing was sent", flood.name).into());
    }
    let rate = (held - count) as f64 / took;
    Ok(Row { flood, calm, beside, rate, busy: (spent.user + spent.system) / took, memory })
}

fn fare(gateway: &Gateway, seconds: u64) -> Outcome<Fared> {
    let (mut taken, failures): (Samples, Vec<_>) = honest::requests(gateway, seconds)?.wait_with_results()?;
    let failures: Vec<String> = failures.into_iter().flatten().collect();
    failures.first().iter().for_each(|failure| eprintln!("an honest request failed: {failure}"));
    Ok(Fared { p50: taken.quantile(0.5) / 1e3, p99: taken.quantile(0.99) / 1e3, failed: failures.len() })
}

fn print(rows: &[Row]) {
    println!(
        "\nHonest requests, 500 a second, one in 20 over a new connection: calm, and beside a flood. Milliseconds.\n"
    );
    println!("{:34}{:>17}{:>19}{:>8}", "", "calm", "beside it", "");
    println!(
        "{:32} {:>9} {:>9} {:>9} {:>9} {:>7} {:>12} {:12} {:>6} {:>8}",
        "flood", "p50", "p99", "p50", "p99", "failed", "a second", "", "busy", "MB"
    );
    for Row { flood, calm, beside, rate, busy, memory } in rows {
        println!(
            "{:32} {:9.3} {:9.3} {:9.3} {:9.3} {:7} {rate:12.0} {:12} {:5.0}% {:8.1}",
            flood.name,
            calm.p50,
            calm.p99,
            beside.p50,
            beside.p99,
            beside.failed,
            flood.counts,
            busy * 100.0,
            memory / MB
        );
    }
}
