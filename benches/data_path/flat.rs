//! Memory under full load for minutes: what it was after the first, and what became of it.

use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::figures::{Figures, judged};
use crate::gateway::start_keygates;
use crate::load::Load;
use crate::options::Options;
use crate::shape::{Name, Shape};
use crate::upstream::Bed;

/// How many times that of the first minute.
const BAR: f64 = 1.05;
const PAUSE: Duration = Duration::from_millis(250);

pub fn title(options: &Options) -> String {
    let (first, rest) = options.load_times();
    format!("Memory under full load, {} seconds", first + rest)
}

pub fn measure(options: &Options) -> Outcome<Figures> {
    let shape = Shape { only: vec![Name::Keygate], ..Shape::beside_nginx() };
    let bed = Bed::new(&shape)?;
    let targets = start_keygates(&bed, &shape)?;
    let target = targets.first().ok_or("no gateway")?;
    target.probe(&shape)?;
    eprintln!("{}", title(options));
    let (first, rest) = options.load_times();
    let request = target.request(&shape);
    let folder = bed.path();
    let load =
        |seconds: u32| Load { connections: shape.connections, seconds }.run_wrk(&target.door, &request, true, folder);
    let reached = bed.upstream_requests()?;
    let mut served = load(first)?.requests;
    let early = target.process.resident()?;
    let mut most = early;
    let (rest, highest) = thread::scope(|scope| {
        let loading = scope.spawn(|| load(rest));
        while !loading.is_finished() {
            most = most.max(target.process.resident()?);
            thread::sleep(PAUSE);
        }
        Outcome::Ok((loading.join().map_err(|_| "the load panicked")??.requests, most))
    })?;
    served += rest;
    let late = target.process.resident()?;
    let reached = bed.upstream_requests()? - reached;
    if reached < served {
        return Err(format!("{} of {served} requests never reached the upstream", served - reached).into());
    }
    let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
    Ok(Figures {
        versions: vec![(target.name.text(), target.version.clone())],
        columns: vec!["", "MiB at first", "MiB at most since", "MiB at the end", "times the first", "bar"],
        rows: vec![vec![
            target.row.to_owned(),
            mib(early),
            mib(highest),
            mib(late),
            judged(late as f64 / early as f64, BAR),
            format!("at most {BAR}"),
        ]],
        notes: vec![format!(
            "{served} requests over {} connections were answered meanwhile; what comes first is measured after {first} s.",
            shape.connections
        )],
    })
}
