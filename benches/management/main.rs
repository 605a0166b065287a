//! The management API of an account with very many tokens, and beside the traffic that it must not hold up.
//!
//!     cargo bench --bench management                                    100,000 tokens, a minute of creations: four minutes
//!     cargo bench --bench management -- --tokens 10000 --seconds 10     does it work?
//!     cargo bench --bench management -- --bar                           fails where a bar is missed
//!
//! The gateway is the program itself, with its store and its audit log on the disk of TMPDIR. The tokens are made over
//! the API. Then 1,000 requests a second go through the gateway, first alone, then while 10,000 tokens a minute are made;
//! each request has its time to be sent, and how long it took counts from there, so that a pause is told as what it does
//! to all who wait. The gateway is killed right after the last of them, and what was acknowledged has to be there at the
//! next start. Last, the list is walked in every order, and by filters.

mod client;
mod creations;
mod gateway;
#[path = "../data_path/init.rs"]
mod init;
#[path = "../store/machine.rs"]
#[expect(dead_code, reason = "the bench of the store uses the rest")]
mod machine;
mod options;
mod paced;
mod pages;
#[path = "../store/report.rs"]
mod report;
#[path = "../store/samples.rs"]
mod samples;
mod upstream;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use gateway::Gateway;
use options::Options;
use report::Report;
use upstream::Upstream;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("management measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("management: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the bars were met, where they count.
fn run(options: &Options) -> Outcome<bool> {
    let upstream = Upstream::start()?;
    let mut gateway = Gateway::start(upstream.port)?;
    let mut report = Report::default();
    let made = creations::fill(&gateway, options, &mut report)?;
    let made = creations::beside_requests(&mut gateway, made, options, &mut report)?;
    pages::measure(&gateway, &made, &mut report)?;
    let size = ("tokens", options.tokens);
    report.print(size, "The bars are for 100,000 tokens on a machine with nothing else to do.");
    if let Some(path) = &options.json {
        report.write(size, path)?;
    }
    Ok(report.meets_all() || !options.bar)
}
