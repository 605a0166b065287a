//! The table at the end, and the same as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Outcome;
use crate::load::Served;
use crate::machine;
use crate::options::Options;
use crate::peers::Target;
use crate::process::Cpu;

/// One round of one target.
#[derive(Debug, Clone)]
pub struct Sample {
    requests: u64,
    per_second: f64,
    p99: String,
    /// Microseconds of processor time for each request.
    user: f64,
    system: f64,
    resident: u64,
}

impl Sample {
    pub fn new(served: &Served, spent: Cpu, resident: u64) -> Self {
        let each = 1e6 / served.requests as f64;
        Self {
            requests: served.requests,
            per_second: served.per_second,
            p99: served.p99.clone(),
            user: spent.user * each,
            system: spent.system * each,
            resident,
        }
    }

    fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

#[derive(Debug)]
pub struct Report {
    names: Vec<&'static str>,
    versions: Vec<(&'static str, String)>,
    load: String,
    samples: BTreeMap<&'static str, Vec<Sample>>,
}

/// How the first target's processor time relates to another's, round by round.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    median: f64,
    least: f64,
    most: f64,
}

impl Report {
    pub fn new(targets: &[Target], options: &Options) -> Outcome<Self> {
        let mut versions: Vec<_> = targets.iter().map(|target| (target.name, target.version.clone())).collect();
        versions.push(("wrk", machine::version(&machine::require("wrk")?, "-v")?));
        let (rounds, seconds) = (options.rounds(), options.seconds());
        Ok(Self {
            names: targets.iter().map(|target| target.name).collect(),
            versions,
            load: format!("{rounds} rounds of {seconds} s, {} connections", options.connections()),
            samples: BTreeMap::new(),
        })
    }

    pub fn add(&mut self, name: &'static str, sample: Sample) {
        self.samples.entry(name).or_default().push(sample);
    }

    pub fn print(&self) {
        let base = self.names[0];
        println!("\n{}; {}", machine::describe(), self.load);
        for (name, version) in &self.versions {
            println!("  {name:8} {version}");
        }
        println!(
            "\nMicroseconds of processor time for a request, medians; the ratio is {base}'s to the target's, round by round.\n"
        );
        println!(
            "{:10} {:>8} {:>8} {:>8} {:>10} {:>9} {:>9}   ratio: median (least to most)",
            "target", "user", "system", "cpu", "req/s", "p99", "rss KiB"
        );
        for name in &self.names {
            let samples = &self.samples[name];
            let column = |of: fn(&Sample) -> f64| median(samples.iter().map(of).collect());
            let ratio = self.ratio(name);
            println!(
                "{name:10} {:8.2} {:8.2} {:8.2} {:10.0} {:>9} {:9.0}   {:.3} ({:.3} to {:.3})",
                column(|sample| sample.user),
                column(|sample| sample.system),
                column(Sample::cpu),
                column(|sample| sample.per_second),
                middle(samples).p99,
                column(|sample| sample.resident as f64),
                ratio.median,
                ratio.least,
                ratio.most
            );
        }
    }

    /// Whether the first target spends at most `bar` times what nginx does. True where no bar is set.
    pub fn meets(&self, bar: Option<f64>) -> bool {
        let Some(bar) = bar else { return true };
        let ratio = self.ratio("nginx").median;
        let met = ratio <= bar;
        println!("\n{}: {ratio:.3} of nginx's processor time, the bar is {bar}", if met { "met" } else { "NOT MET" });
        met
    }

    pub fn write(&self, path: &Path) -> Outcome<()> {
        let targets: BTreeMap<&str, Value> = self
            .names
            .iter()
            .map(|name| {
                let ratio = self.ratio(name);
                let rounds: Vec<Value> = self.samples[name].iter().map(round).collect();
                let of = self.names[0];
                let ratio = json!({"of": of, "median": ratio.median, "min": ratio.least, "max": ratio.most});
                (*name, json!({"rounds": rounds, "ratio": ratio}))
            })
            .collect();
        let versions: BTreeMap<&str, &str> = self.versions.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let whole =
            json!({"machine": machine::describe(), "load": self.load, "versions": versions, "targets": targets});
        fs::write(path, serde_json::to_string_pretty(&whole)?)?;
        Ok(())
    }

    fn ratio(&self, name: &str) -> Ratio {
        let ratios = || {
            self.samples[self.names[0]].iter().zip(&self.samples[name]).map(|(base, other)| base.cpu() / other.cpu())
        };
        Ratio {
            median: median(ratios().collect()),
            least: ratios().fold(f64::INFINITY, f64::min),
            most: ratios().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

fn round(sample: &Sample) -> Value {
    json!({
        "requests": sample.requests,
        "requests_per_second": sample.per_second,
        "p99": sample.p99,
        "user_us": sample.user,
        "system_us": sample.system,
        "cpu_us": sample.cpu(),
        "rss_kib": sample.resident,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

/// The round whose rate is the median.
fn middle(samples: &[Sample]) -> &Sample {
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    sorted[sorted.len() / 2]
}
