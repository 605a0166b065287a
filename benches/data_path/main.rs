//! CPU time of a request through Keygate, beside nginx and HAProxy doing the same work.
//!
//!     cargo bench --bench data_path                     five rounds of four seconds for each
//!     cargo bench --bench data_path -- --short          one round of one second: does it work?
//!     cargo bench --bench data_path -- --peers-only     without Keygate: is the machine fit for it?
//!
//! Each target gets the same: a small GET with a valid bearer token, forwarded over kept-alive connections to one nginx
//! that answers 200 with 75 bytes. The target runs on one processor, load and upstream on another. What is compared is
//! the user and system time of the target's processes, and the rounds are interleaved, so that a noisy machine shifts
//! all rows alike: read the ratios. HAProxy hashes the token and looks the digest up, which is what Keygate does; nginx
//! compares raw tokens, which is less.
//!
//! A round counts only if every request was answered without an error and reached the upstream.

mod gateway;
mod http;
mod init;
mod load;
mod machine;
mod options;
mod peers;
mod process;
mod report;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use gateway::start_keygate;
use load::Load;
use options::Options;
use peers::{Bed, Target};
use report::{Report, Sample};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("data_path measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("data_path: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the bar was met, where one was set.
fn run(options: &Options) -> Outcome<bool> {
    machine::check()?;
    let bed = Bed::new()?;
    let mut targets: Vec<Target> = Vec::new();
    if !options.peers_only {
        targets.push(start_keygate(&bed)?);
    }
    targets.extend(bed.peers()?);
    for target in &targets {
        target.probe()?;
    }

    let load = Load { connections: options.connections(), seconds: options.seconds() };
    let mut report = Report::new(&targets, options)?;
    for round in 1..=options.rounds() {
        eprintln!("round {round} of {}", options.rounds());
        for target in &targets {
            report.add(target.name, measure(&bed, target, &load)?);
        }
    }
    report.print();
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    Ok(report.meets(options.bar))
}

fn measure(bed: &Bed, target: &Target, load: &Load) -> Outcome<Sample> {
    let forwarded = bed.upstream_requests()?;
    let before = target.process.cpu()?;
    let outcome = load.run(target).map_err(|error| format!("{}: {error}", target.name))?;
    let spent = target.process.cpu()? - before;
    let forwarded = bed.upstream_requests()? - forwarded;
    if forwarded < outcome.requests {
        let missing = outcome.requests - forwarded;
        return Err(
            format!("{}: {missing} of {} requests never reached the upstream", target.name, outcome.requests).into()
        );
    }
    Ok(Sample::new(&outcome, spent, target.process.resident()?))
}
