//! What may stand after `--`.

use std::path::PathBuf;

/// Lists of an account with very many tokens, and creations beside traffic.
#[derive(Debug, clap::Parser)]
#[command(name = "management")]
pub struct Options {
    /// How many tokens the account has.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    pub tokens: u64,

    /// How long tokens are made beside requests.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,

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
