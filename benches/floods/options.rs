//! What may stand after `--`.

use std::path::PathBuf;

/// Thousands of idle connections, thousands of slow heads, and honest traffic beside floods.
#[derive(Debug, clap::Parser)]
#[command(name = "floods")]
pub struct Options {
    /// How many connections a crowd has.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    connections: u64,

    /// How long honest traffic is measured alone, and then beside each flood; and how long a crowd is idle.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// 500 connections and a second of each flood, to see that it works.
    #[arg(long, conflicts_with_all = ["connections", "seconds", "bar"])]
    short: bool,

    /// The parts whose names have this in them, and nothing else.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Fails where a bar is missed.
    #[arg(long)]
    pub bar: bool,

    /// Writes the figures to this file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Given by Cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    pub fn connections(&self) -> u64 {
        if self.short { 500 } else { self.connections }
    }

    pub fn seconds(&self) -> u64 {
        if self.short { 1 } else { self.seconds }
    }

    /// Whether a crowd or a flood of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }

    /// What the gateway waits for a head.
    pub fn header_timeout(&self) -> u64 {
        if self.short { 2 } else { 10 }
    }
}
