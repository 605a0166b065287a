//! CPU time of a request through Keygate, beside nginx, HAProxy and others doing the same work.
//!
//!     cargo bench --bench data_path                     five rounds of four seconds for each
//!     cargo bench --bench data_path -- --short          one round of one second: does it work?
//!     cargo bench --bench data_path -- --peers-only     without Keygate: is the machine fit for it?
//!     cargo bench --bench data_path -- --refused none,checksum,unknown,method
//!                                                       what Keygate refuses, beside what it forwards
//!     cargo bench --bench data_path -- --measure idle   what idle connections take; also latency, memory over time
//!     cargo bench --bench data_path -- --all --rounds 3 --seconds 3 --page docs/performance.md
//!                                                       every shape, as a page
//!
//! Each target gets the same: a request with a valid bearer token, forwarded over kept-alive connections to one nginx.
//! Unless options say otherwise it is a GET that is answered 200 with 75 bytes. The target runs on one processor, load
//! and upstream on another. What is compared is the user and system time of the target's processes, and the rounds are
//! interleaved, so that a noisy machine shifts all rows alike: read the ratios. HAProxy hashes the token and looks the
//! digest up, which is what Keygate does; nginx compares raw tokens, which is less. The relay, HAProxy in TCP mode,
//! copies bytes and looks at none: the floor.
//!
//! A round counts only if every request was answered without an error and reached the upstream; where it is to be
//! refused, only if each was and none did.

mod bulk;
#[path = "../floods/crowd.rs"]
mod crowd;
mod exchange;
mod figures;
#[path = "../floods/files.rs"]
mod files;
mod flat;
mod gateway;
mod h2load;
mod handshakes;
mod identity;
mod idle;
mod init;
mod latency;
mod load;
mod machine;
mod more_peers;
mod open_loop;
mod options;
mod page;
mod peers;
mod process;
#[path = "../store/records.rs"]
#[expect(dead_code, reason = "the bench of the store uses the rest")]
mod records;
mod refusal;
mod report;
mod request;
mod run;
#[path = "../store/samples.rs"]
mod samples;
mod shape;
mod target;
mod tokens;
mod upstream;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use options::{Measure, Options};
use page::{Body, Section};
use run::run;
use shape::Shape;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("data_path measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let outcome = machine::check().and_then(|()| if options.all { all(&options) } else { one(&options) });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("data_path: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the bar was met, where one was set.
fn one(options: &Options) -> Outcome<bool> {
    let section = match options.measure {
        Some(measure) => other(measure, options)?,
        None => requests(options.shape.clone(), options)?,
    };
    let mut met = true;
    if let Body::Report(report) = &section.body {
        met = report.meets(options.bar)?;
        if let Some(path) = &options.json {
            report.write(path)?;
        }
    }
    if let Some(path) = &options.page {
        page::append(path, section)?;
    }
    Ok(met)
}

fn all(options: &Options) -> Outcome<bool> {
    let requests = Shape::all().into_iter().map(|shape| requests(shape, options));
    let others = Measure::value_variants().iter().map(|measure| other(*measure, options));
    let sections = requests.chain(others).collect::<Outcome<Vec<Section>>>()?;
    if let Some(path) = &options.page {
        page::write(path, &sections)?;
    }
    Ok(true)
}

fn requests(shape: Shape, options: &Options) -> Outcome<Section> {
    let shape = if options.short { shape.shortened() } else { shape };
    let report = run(&shape, options)?;
    report.print();
    Ok(Section { title: shape.title(), command: options.command(&shape.arguments()), body: Body::Report(report) })
}

fn other(measure: Measure, options: &Options) -> Outcome<Section> {
    let (title, figures) = match measure {
        Measure::Latency => (latency::TITLE.to_owned(), latency::measure(options)?),
        Measure::Idle => (idle::title(options), idle::measure(options)?),
        Measure::Flat => (flat::title(options), flat::measure(options)?),
    };
    figures.print(&title);
    let command = options.command(&options.measure_arguments(measure));
    Ok(Section { title, command, body: Body::Figures(figures) })
}
