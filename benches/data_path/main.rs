//! CPU time of a request through Keygate, beside nginx, HAProxy and others doing the same work.
//!
//!     cargo bench --bench data_path                     five rounds of four seconds for each
//!     cargo bench --bench data_path -- --short          one round of one second: does it work?
//!     cargo bench --bench data_path -- --peers-only     without Keygate: is the machine fit for it?
//!     cargo bench --bench data_path -- --refused none,checksum,unknown,method
//!                                                       what Keygate refuses, beside what it forwards
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
mod exchange;
mod gateway;
mod h2load;
mod handshakes;
mod identity;
mod init;
mod load;
mod machine;
mod more_peers;
mod options;
mod page;
mod peers;
mod process;
mod refusal;
mod report;
mod request;
mod run;
mod shape;
mod target;
mod upstream;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use options::Options;
use page::Section;
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
    let section = measured(options.shape.clone(), options)?;
    let met = section.report.meets(options.bar)?;
    if let Some(path) = &options.json {
        section.report.write(path)?;
    }
    if let Some(path) = &options.page {
        page::append(path, section)?;
    }
    Ok(met)
}

fn all(options: &Options) -> Outcome<bool> {
    let sections = Shape::all().into_iter().map(|shape| measured(shape, options)).collect::<Outcome<Vec<Section>>>()?;
    if let Some(path) = &options.page {
        page::write(path, &sections)?;
    }
    Ok(true)
}

fn measured(shape: Shape, options: &Options) -> Outcome<Section> {
    let shape = if options.short { shape.shortened() } else { shape };
    let report = run(&shape, options)?;
    report.print();
    Ok(Section { title: shape.title(), command: options.command(&shape), report })
}
