//! What may stand after `--`.

use std::path::PathBuf;

use crate::init::KEYGATE;
use crate::shape::Shape;

/// The first, and as long after it.
const MINUTES: u32 = 2;

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

    /// Something else than processor time of requests.
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["connections", "answer", "post", "refused", "tls", "http2", "handshakes", "bulk", "tokens", "routes", "access_log", "only", "peers_only", "json", "bar"])]
    pub measure: Option<Measure>,

    /// How many minutes of load the memory is watched for.
    #[arg(long, value_name = "N", default_value_t = MINUTES, value_parser = clap::value_parser!(u32).range(2..=600))]
    pub minutes: u32,

    /// Runs every shape that the page has, one after the other.
    #[arg(long, conflicts_with_all = ["connections", "answer", "post", "refused", "tls", "http2", "handshakes", "bulk", "mib", "tokens", "routes", "measure", "access_log", "only", "peers_only", "json", "bar"])]
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

    /// Fails if Keygate's median CPU time is more than this many times nginx's; where rows are all of Keygate, if
    /// one takes more than this many times what the first takes.
    #[arg(long, value_name = "RATIO")]
    pub bar: Option<f64>,

    /// Given by Cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// What is measured besides processor time of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Measure {
    /// What a gateway adds to the time of a call, at half of the load that it can take.
    Latency,
    /// What connections take that were answered once and are idle.
    Idle,
    /// Memory under load for minutes.
    Flat,
}

impl Options {
    pub fn rounds(&self) -> u32 {
        if self.short { 1 } else { self.rounds }
    }

    pub fn seconds(&self) -> u32 {
        if self.short { 1 } else { self.seconds }
    }

    /// How many connections are idle.
    pub fn crowd(&self) -> u64 {
        if self.short { 200 } else { 10_000 }
    }

    /// Seconds of load before memory is looked at first, and after that.
    pub fn load_times(&self) -> (u32, u32) {
        if self.short { (1, 1) } else { (60, 60 * (self.minutes - 1)) }
    }

    /// What has to be typed to have this measured again.
    pub fn measure_arguments(&self, measure: Measure) -> String {
        let what = match measure {
            Measure::Latency => "latency",
            Measure::Idle => "idle",
            Measure::Flat => "flat",
        };
        let minutes = if measure == Measure::Flat { format!(" --minutes {}", self.minutes) } else { String::new() };
        format!("--measure {what}{minutes}")
    }

    /// What has to be typed to have a run again.
    pub fn command(&self, arguments: &str) -> String {
        // A build for tests is not what is measured elsewhere: say so.
        let profile = if KEYGATE.contains("/soak/") { "--profile soak " } else { "" };
        let time = format!("--rounds {} --seconds {}", self.rounds(), self.seconds());
        let words = [arguments.to_owned(), time].into_iter().filter(|words| !words.is_empty());
        format!("cargo bench {profile}--bench data_path -- {}", words.collect::<Vec<_>>().join(" "))
    }
}
