//! What may stand after `--`.

use std::path::PathBuf;

/// Durable writes of the embedded store, and what a large one costs.
#[derive(Debug, clap::Parser)]
#[command(name = "store")]
pub struct Options {
    /// How many tokens the large store has.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub tokens: u64,

    /// How long each measurement of writes takes.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,

    /// Leaves the large store out.
    #[arg(long, conflicts_with = "tokens")]
    pub writes_only: bool,

    /// Fails where a bar is missed.
    #[arg(long)]
    pub bar: bool,

    /// Writes the figures to this file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// For the process that opens the large store: where it is.
    #[arg(long, hide = true)]
    pub probe: Option<PathBuf>,

    /// Given by Cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}
