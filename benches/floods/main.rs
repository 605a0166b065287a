//! Crowds and floods: what thousands of connections take of the gateway, and how honest traffic fares beside those who
//! mean harm.
//!
//!     cargo bench --bench floods                        10,000 connections, ten seconds of each flood: four minutes
//!     cargo bench --bench floods -- --short             does it work?
//!     cargo bench --bench floods -- --bar               fails where a bar is missed
//!     cargo bench --bench floods -- --only HTTP/2       these floods alone
//!
//! The gateway is the program itself, with its defaults but for the times that are named. It has one processor for
//! itself; clients, attackers and upstream share another, where attackers give way to the others, so that what honest
//! clients wait for is the gateway. Each crowd, and each flood, meets a gateway that was just started. Connections come
//! from many addresses of 127/8, as the limits for an address want it. Each takes an open file here and one in the
//! gateway: where the limit cannot be raised far enough, that is said, and nothing is measured.

mod beside;
#[path = "../management/client.rs"]
mod client;
mod crowd;
mod files;
mod frames;
mod gateway;
mod honest;
#[path = "../data_path/identity.rs"]
mod identity;
mod idle;
#[path = "../data_path/init.rs"]
mod init;
mod kinds;
#[path = "../data_path/machine.rs"]
#[expect(dead_code, reason = "the bench of the data path uses the rest")]
mod machine;
mod options;
#[path = "../management/paced.rs"]
#[expect(dead_code, reason = "the bench of the management API uses the rest")]
mod paced;
#[path = "../data_path/process.rs"]
#[expect(dead_code, reason = "the bench of the data path uses the rest")]
mod process;
#[path = "../store/report.rs"]
mod report;
#[path = "../store/samples.rs"]
#[expect(dead_code, reason = "other benches use the rest")]
mod samples;
mod slow_heads;
mod upstream;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use gateway::Listener;
use options::Options;
use report::Report;
use upstream::Upstream;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes.
const MB: f64 = 1e6;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("floods measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("floods: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the bars were met, where they count.
fn run(options: &Options) -> Outcome<bool> {
    machine::leave_the_target_alone()?;
    files::allow(options.connections())?;
    let upstream = Upstream::start()?;
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        idle::measure(upstream.port, Listener::Tls, options, &mut report).await?;
        idle::measure(upstream.port, Listener::Plain, options, &mut report).await?;
        slow_heads::measure(upstream.port, options, &mut report).await
    })?;
    beside::measure(upstream.port, options, &mut report)?;
    let size = ("connections", options.connections());
    report.print(size, "The bars are for 10,000 connections on a machine with nothing else to do.");
    if let Some(path) = &options.json {
        report.write(size, path)?;
    }
    Ok(report.meets_all() || !options.bar)
}
