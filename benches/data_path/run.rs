//! One run: the targets are started, probed, and measured round after round.

use crate::Outcome;
use crate::bulk::Bulk;
use crate::gateway::{USED, start_keygates};
use crate::load::{Load, Served};
use crate::machine;
use crate::options::Options;
use crate::refusal::Refusal;
use crate::report::{About, Comparison, Entry, Report, Sample};
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
        targets.extend(start_keygates(&bed, shape)?);
    }
    targets.extend(bed.peers(shape)?);
    for target in &targets {
        target.probe(shape)?;
    }
    if targets.is_empty() {
        return Err("none of these targets is there".into());
    }

    let rows = rows(&targets, shape)?;
    for row in &rows {
        row.warm(&bed, shape, options)?;
    }
    let mut report = new_report(&targets, &rows, shape, options)?;
    for round in 1..=options.rounds() {
        eprintln!("{}: round {round} of {}", shape.title(), options.rounds());
        for row in &rows {
            let sample =
                row.measure(&bed, shape, options.seconds()).map_err(|error| format!("{}: {error}", row.entry.name))?;
            report.add(row.entry.name, sample);
        }
    }
    Ok(report)
}

/// Each target has a row, or each refusal of the only one.
fn rows<'a>(targets: &'a [Target], shape: &Shape) -> Outcome<Vec<Measured<'a>>> {
    let bars = targets[0].name == Name::Keygate;
    let forwarded = |target: &'a Target| {
        let name = if shape.refused.is_empty() { target.row } else { "forwarded" };
        let bar = match shape.within() {
            // The first is what others are held to.
            Some(bar) => Some(bar).filter(|_| target.row != targets[0].row),
            None => shape.bar(target.name).filter(|_| bars),
        };
        let entry = Entry { name, bar };
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
    let comparison = if shape.within().is_none() { Comparison::Peers } else { Comparison::First };
    let entries = rows.iter().map(|row| row.entry).collect();
    let mut versions: Vec<_> = targets.iter().map(|target| (target.name.text(), target.version.clone())).collect();
    versions.dedup();
    if shape.bulk.is_some() || shape.http2.is_some() {
        versions.push(("h2load", machine::version(&machine::require("h2load")?, "--version")?));
    } else if shape.handshakes.is_none() {
        versions.push(("wrk", machine::version(&machine::require("wrk")?, "-v")?));
    }
    let (rounds, seconds) = (options.rounds(), options.seconds());
    let load = format!("{}; {rounds} rounds of {seconds} s", shape.title());
    Ok(Report::new(About { unit: shape.unit(), comparison, entries, versions, load, notes: notes(targets, shape) }))
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
    match shape.bulk {
        Some(Bulk::Download) => notes.push("`nginx` reads ahead into its buffers of the usual size and never into a file (`proxy_max_temp_file_size 0`), which is what Keygate does. `nginx-unbuffered`: `proxy_buffering off`. `nginx-default`: what a client does not take at once goes through a file.".to_owned()),
        Some(Bulk::Upload) => notes.push("`nginx` passes on what comes (`proxy_request_buffering off`), as Keygate does. `nginx-default`: the body goes to a file before the upstream is sent any of it.".to_owned()),
        None => {}
    }
    if shape.tokens.is_some() {
        notes.push("The store is made before, as a restore makes it, and lies on the disk. Requests present the tokens in turn, all of them once before what is counted; what remembers tokens has its default size, 100,000.".to_owned());
    }
    if shape.routes.is_some() {
        notes.push(
            "Of the routes, one is asked for; the others have a parameter and a rest, and begin like it.".to_owned(),
        );
    }
    if shape.handshakes.is_some() {
        notes.push("A handshake is a connection that is opened, agreed upon and closed without a request: TLS 1.3, X25519. The load takes longer for its half of it, so the rate is that of a processor which does nothing else.".to_owned());
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
    /// Has each of many tokens presented once: the first look-ups, in a store on the disk, are no usual requests.
    fn warm(&self, bed: &Bed, shape: &Shape, options: &Options) -> Outcome<()> {
        let mut left = shape.tokens.map_or(0, |tokens| tokens.min(USED));
        while left > 0 {
            left = left.saturating_sub(self.load(bed, shape, options.seconds())?.requests);
        }
        Ok(())
    }

    fn measure(&self, bed: &Bed, shape: &Shape, seconds: u32) -> Outcome<Sample> {
        let reached = bed.upstream_requests()?;
        let log = self.target.log_length()?;
        let before = self.target.process.cpu()?;
        let served = self.load(bed, shape, seconds)?;
        // Writing the last lines of the log is part of the work.
        let lines = if self.target.log.is_some() {
            self.target.log_length()?;
            Some(self.target.lines_since(log)?)
        } else {
            None
        };
        let spent = self.target.process.cpu()? - before;
        self.check(&served, bed.upstream_requests()? - reached, shape)?;
        Ok(Sample::new(&shape.unit(), &served, spent, self.target.process.resident()?, lines))
    }

    fn load(&self, bed: &Bed, shape: &Shape, seconds: u32) -> Outcome<Served> {
        let (door, request) = (&self.target.door, &self.request);
        if let (Some(way), Some(upstream)) = (shape.bulk, &bed.bulk) {
            return way.run(door, &self.target.token, shape.mib, upstream, bed.path());
        }
        if let (Some(kind), Some(identity)) = (shape.handshakes, &bed.identity) {
            return kind.run(door.port, &identity.certificate, seconds);
        }
        let load = Load { connections: shape.connections, seconds };
        match shape.http2 {
            None => load.run_wrk(door, request, self.forwarded, bed.path()),
            Some(streams) => load.run_h2load(door, request, streams, bed.path()),
        }
    }

    /// Whether what was answered reached the upstream as well, and what was not to reach it did not.
    fn check(&self, served: &Served, reached: u64, shape: &Shape) -> Outcome<()> {
        if shape.bulk.is_some() {
            // Its bytes were counted.
            return Ok(());
        }
        let forwarded = self.forwarded && shape.handshakes.is_none();
        if forwarded && reached < served.requests {
            let missing = served.requests - reached;
            return Err(format!("{missing} of {} requests never reached the upstream", served.requests).into());
        }
        if !forwarded && reached > 0 {
            return Err(format!(
                "{reached} of {} that are no requests, or refused, reached the upstream",
                served.requests
            )
            .into());
        }
        Ok(())
    }
}
