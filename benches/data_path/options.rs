//! What may stand after `--`.

use std::path::PathBuf;

use crate::init::KEYGATE;
use crate::shape::Shape;

/// CPU time of a request through Keygate, beside nginx, HAProxy and others.
#[derive(Debug, clap::Parser)]
#[command(name = "data_path")]
pub struct Options {
    /// How often each target is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How long each measurement takes.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    #[command(flatten)]
    pub shape: Shape,

    /// Runs every shape that the page has, one after the other.
    #[arg(long, conflicts_with_all = ["connections", "answer", "post", "refused", "tls", "http2", "handshakes", "bulk", "mib", "access_log", "only", "peers_only", "json", "bar"])]
    pub all: bool,

    /// Appends a section with the table to this file of Markdown; with --all, writes the whole page.
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,

    /// Writes every sample to this file too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// One round of one second, to see that it works.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    pub short: bool,

    /// Leaves Keygate out.
    #[arg(long, conflicts_with = "bar")]
    pub peers_only: bool,

    /// Fails if Keygate's median CPU time is more than this many times nginx's; with --refused, if that of a refusal is
    /// more than this many times that of a forwarded request.
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

    /// What has to be typed to have a shape again.
    pub fn command(&self, shape: &Shape) -> String {
        // A build for tests is not what is measured elsewhere: say so.
        let profile = if KEYGATE.contains("/soak/") { "--profile soak " } else { "" };
        let time = format!("--rounds {} --seconds {}", self.rounds(), self.seconds());
        let words = [shape.arguments(), time].into_iter().filter(|words| !words.is_empty());
        format!("cargo bench {profile}--bench data_path -- {}", words.collect::<Vec<_>>().join(" "))
    }
}
