//! The embedded store on this machine: durable writes, and what a large store costs.
//!
//!     cargo bench --bench store                              200,000 tokens: half a minute
//!     cargo bench --bench store -- --tokens 5000000 --bar    the size that the bars are for; fails where one is missed
//!     cargo bench --bench store -- --writes-only             without the large store
//!
//! Writes are commits of one record, each durable before it is answered; the writers wait for their answers. The large
//! store is filled by a rebuild, as a restored backup is, and then opened by a process of its own, whose memory is
//! measured; where that is allowed (as root) the kernel's page cache is dropped before. Everything lies in one temporary
//! directory: give TMPDIR a directory on the disk that is meant, since one in memory syncs for nothing.
//!
//! Each figure comes from work that was checked: every look-up finds its token, every page is whole.

mod large;
mod machine;
mod options;
mod probe;
mod records;
mod report;
mod samples;
mod writes;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use options::Options;
use report::Report;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("store measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("store: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the bars were met, where they count.
fn run(options: &Options) -> Outcome<bool> {
    if let Some(store) = &options.probe {
        probe::run(store, options.tokens)?;
        return Ok(true);
    }
    let mut report = Report::default();
    writes::measure(options, &mut report)?;
    if !options.writes_only {
        large::measure(options, &mut report)?;
    }
    let size = ("tokens", options.tokens);
    report.print(size, "The bars are for 5,000,000 tokens on a machine with nothing else to do.");
    if let Some(path) = &options.json {
        report.write(size, path)?;
    }
    Ok(report.meets_all() || !options.bar)
}
