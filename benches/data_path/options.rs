//! What may stand after `--`.

use std::path::PathBuf;

/// CPU time of a request through Keygate, beside nginx and HAProxy.
#[derive(Debug, clap::Parser)]
#[command(name = "data_path")]
pub struct Options {
    /// How often each target is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How long each measurement takes.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// How many connections the load keeps open.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,

    /// Writes every sample to this file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// One round of one second, to see that it works.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    short: bool,

    /// Leaves Keygate out.
    #[arg(long, conflicts_with = "bar")]
    pub peers_only: bool,

    /// Fails if Keygate's median CPU time is more than this many times nginx's.
    #[arg(long, value_name = "RATIO")]
    pub bar: Option<f64>,

    /// Given by Cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    pub fn rounds(&self) -> u32 {
        if self.short { 1 } else { self.rounds }
    }

    pub fn seconds(&self) -> u32 {
        if self.short { 1 } else { self.seconds }
    }

    pub fn connections(&self) -> u32 {
        self.connections
    }
}
