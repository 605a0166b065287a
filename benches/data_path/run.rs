//! One run: the targets are started, probed, and measured round after round.

use crate::Outcome;
use crate::gateway::start_keygate;
use crate::load::Load;
use crate::machine;
use crate::options::Options;
use crate::refusal::Refusal;
use crate::report::{Comparison, Entry, Report, Sample};
use crate::request::Request;
use crate::shape::{Name, Shape};
use crate::target::Target;
use crate::upstream::Bed;

/// What one row of the table is made of.
struct Measured<'a> {
    entry: Entry,
    target: &'a Target,
    request: Request,
    /// Or refused, and then it must not reach the upstream.
    forwarded: bool,
}

pub fn run(shape: &Shape, options: &Options) -> Outcome<Report> {
    let bed = Bed::new(shape)?;
    let mut targets: Vec<Target> = Vec::new();
    if !options.peers_only && shape.wants(Name::Keygate) {
        targets.push(start_keygate(&bed, shape)?);
    }
    targets.extend(bed.peers(shape)?);
    for target in &targets {
        target.probe(shape)?;
    }
    if targets.is_empty() {
        return Err("none of these targets is there".into());
    }

    let rows = rows(&targets, shape)?;
    let load = Load { connections: shape.connections, seconds: options.seconds() };
    let mut report = new_report(&targets, &rows, shape, options)?;
    for round in 1..=options.rounds() {
        eprintln!("{}: round {round} of {}", shape.title(), options.rounds());
        for row in &rows {
            let sample = row.measure(&bed, &load).map_err(|error| format!("{}: {error}", row.entry.name))?;
            report.add(row.entry.name, sample);
        }
    }
    Ok(report)
}

/// Each target has a row, or each refusal of the only one.
fn rows<'a>(targets: &'a [Target], shape: &Shape) -> Outcome<Vec<Measured<'a>>> {
    let bars = targets[0].name == Name::Keygate;
    let forwarded = |target: &'a Target| {
        let name = if shape.refused.is_empty() { target.name.text() } else { "forwarded" };
        let entry = Entry { name, bar: target.name.bar().filter(|_| bars) };
        Measured { entry, target, request: target.request(shape), forwarded: true }
    };
    let mut rows: Vec<Measured<'a>> = targets.iter().map(forwarded).collect();
    for refusal in &shape.refused {
        let entry = Entry { name: refusal.text(), bar: Some(Refusal::BAR) };
        let target = &targets[0];
        rows.push(Measured { entry, target, request: refusal.request(target)?, forwarded: false });
    }
    Ok(rows)
}

fn new_report(targets: &[Target], rows: &[Measured<'_>], shape: &Shape, options: &Options) -> Outcome<Report> {
    let comparison = if shape.refused.is_empty() { Comparison::Peers } else { Comparison::Refusals };
    let entries = rows.iter().map(|row| row.entry).collect();
    let mut versions: Vec<_> = targets.iter().map(|target| (target.name.text(), target.version.clone())).collect();
    versions.push(("wrk", machine::version(&machine::require("wrk")?, "-v")?));
    let (rounds, seconds) = (options.rounds(), options.seconds());
    let load = format!("{}; {rounds} rounds of {seconds} s", shape.title());
    Ok(Report::new(comparison, entries, versions, load, notes(targets, shape)))
}

fn notes(targets: &[Target], shape: &Shape) -> Vec<String> {
    let mut notes = Vec::new();
    let missing = |name: Name| shape.wants(name) && targets.iter().all(|target| target.name != name);
    let missing: Vec<&str> =
        [Name::Envoy, Name::Caddy].into_iter().filter(|name| missing(*name)).map(Name::text).collect();
    if !missing.is_empty() {
        let how = machine::INSTALL_MORE;
        notes.push(format!("Not installed and so not measured: {} ({how}).", missing.join(", ")));
    }
    if shape.access_log {
        notes.push("Each writes a line to a file for every request: Keygate JSON, nginx its combined format. HAProxy writes to no file, and is left out.".to_owned());
    }
    if !shape.refused.is_empty() {
        notes.push("`none`: without a token. `checksum`: with a text whose checksum is wrong. `unknown`: with a well-formed text that nobody was given, the same each time. `method`: DELETE with a token that may read. `server.failure_limit` is off: what comes behind it is answered 429 without a look at the token.".to_owned());
    }
    notes
}

impl Measured<'_> {
    fn measure(&self, bed: &Bed, load: &Load) -> Outcome<Sample> {
        let reached = bed.upstream_requests()?;
        let log = self.target.log_length()?;
        let before = self.target.process.cpu()?;
        let served = load.run(self.target.port, &self.request, self.forwarded, bed.path())?;
        // Writing the last lines of the log is part of the work.
        let lines = if self.target.log.is_some() {
            self.target.log_length()?;
            Some(self.target.lines_since(log)?)
        } else {
            None
        };
        let spent = self.target.process.cpu()? - before;
        let reached = bed.upstream_requests()? - reached;
        if self.forwarded && reached < served.requests {
            let missing = served.requests - reached;
            return Err(format!("{missing} of {} requests never reached the upstream", served.requests).into());
        }
        if !self.forwarded && reached > 0 {
            return Err(format!("{reached} of {} refused requests reached the upstream", served.requests).into());
        }
        Ok(Sample::new(&served, spent, self.target.process.resident()?, lines))
    }
}
