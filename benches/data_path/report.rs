//! The figures of a run: the table at the end, and the same as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Outcome;
use crate::load::Served;
use crate::machine;
use crate::process::Cpu;

/// What processor time is told for.
#[derive(Debug, Clone, Copy)]
pub struct Unit {
    /// The thing itself, and how many of those that a load counts make one.
    pub each: &'static str,
    size: f64,
    /// How the time is told, and how many of it make a second.
    pub time: &'static str,
    of_a_second: f64,
    /// How often in a second.
    pub rate: &'static str,
    /// The load itself takes longer than the target: how often follows from the target's time.
    is_bound_by_load: bool,
}

impl Unit {
    pub const REQUEST: Self = Self {
        each: "a request",
        size: 1.0,
        time: "µs",
        of_a_second: 1e6,
        rate: "requests/s",
        is_bound_by_load: false,
    };
    pub const HANDSHAKE: Self = Self {
        each: "a handshake",
        size: 1.0,
        time: "µs",
        of_a_second: 1e6,
        rate: "handshakes/s",
        is_bound_by_load: true,
    };
    pub const GIBIBYTE: Self = Self {
        each: "a GiB",
        size: (1_u64 << 30) as f64,
        time: "ms",
        of_a_second: 1e3,
        rate: "MiB/s",
        is_bound_by_load: false,
    };
}

/// One round of one row.
#[derive(Debug, Clone)]
pub struct Sample {
    requests: u64,
    per_second: f64,
    p99: String,
    /// Processor time for each unit.
    user: f64,
    system: f64,
    resident: u64,
    /// Lines of the access log, where there is one.
    lines: Option<u64>,
}

impl Sample {
    pub fn new(unit: &Unit, served: &Served, spent: Cpu, resident: u64, lines: Option<u64>) -> Self {
        let each = unit.of_a_second / (served.requests as f64 / unit.size);
        let busy = (spent.user + spent.system).max(1e-9);
        let per_second = if unit.is_bound_by_load { served.requests as f64 / busy } else { served.per_second };
        Self {
            requests: served.requests,
            per_second,
            p99: served.p99.clone(),
            user: spent.user * each,
            system: spent.system * each,
            resident,
            lines,
        }
    }

    fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Which way round the rows are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Keygate's processor time, in the first row, to that of each target.
    Peers,
    /// That of each row to that of the first.
    First,
}

/// A row to be, and how far its ratio may go.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub bar: Option<f64>,
}

/// What is known of a run before it begins.
#[derive(Debug)]
pub struct About {
    pub unit: Unit,
    pub comparison: Comparison,
    pub entries: Vec<Entry>,
    pub versions: Vec<(&'static str, String)>,
    pub load: String,
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub struct Report {
    about: About,
    samples: BTreeMap<&'static str, Vec<Sample>>,
}

/// How the processor time of one row relates to another's, round by round.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// A row of the table: medians over the rounds.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub user: f64,
    pub system: f64,
    pub cpu: f64,
    pub per_second: f64,
    pub p99: String,
    pub resident: f64,
    pub ratio: Ratio,
    pub bar: Option<f64>,
}

impl Row {
    pub fn meets_its_bar(&self) -> bool {
        self.bar.is_none_or(|bar| self.ratio.median <= bar)
    }
}

impl Report {
    pub fn new(about: About) -> Self {
        Self { about, samples: BTreeMap::new() }
    }

    pub fn unit(&self) -> &Unit {
        &self.about.unit
    }

    pub fn add(&mut self, name: &'static str, sample: Sample) {
        self.samples.entry(name).or_default().push(sample);
    }

    pub fn versions(&self) -> &[(&'static str, String)] {
        &self.about.versions
    }

    /// What the ratio is of.
    pub fn ratio_of(&self) -> String {
        let base = self.about.entries[0].name;
        match self.about.comparison {
            Comparison::Peers => format!("{base}'s to the target's"),
            Comparison::First => format!("the row's to that of `{base}`"),
        }
    }

    pub fn rows(&self) -> Vec<Row> {
        self.about.entries.iter().map(|entry| self.row(*entry)).collect()
    }

    fn row(&self, entry: Entry) -> Row {
        let samples = &self.samples[entry.name];
        let column = |of: fn(&Sample) -> f64| median(samples.iter().map(of).collect());
        Row {
            name: entry.name,
            user: column(|sample| sample.user),
            system: column(|sample| sample.system),
            cpu: column(Sample::cpu),
            per_second: column(|sample| sample.per_second),
            p99: middle(samples).p99.clone(),
            resident: column(|sample| sample.resident as f64),
            ratio: self.ratio(entry.name),
            bar: entry.bar,
        }
    }

    /// What the table does not say.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.about.notes.clone();
        for entry in &self.about.entries {
            let samples = &self.samples[entry.name];
            let Some(lines) = samples.iter().map(|sample| sample.lines).sum::<Option<u64>>() else { continue };
            let requests: u64 = samples.iter().map(|sample| sample.requests).sum();
            notes.push(format!("{} wrote {lines} lines for {requests} answers that were counted.", entry.name));
        }
        notes
    }

    pub fn print(&self) {
        println!("\n{}; {}", machine::describe(), self.about.load);
        for (name, version) in &self.about.versions {
            println!("  {name:8} {version}");
        }
        println!(
            "\nProcessor time for {} in {}, medians; the ratio is {}, round by round.\n",
            self.about.unit.each,
            self.about.unit.time,
            self.ratio_of()
        );
        println!(
            "{:16} {:>8} {:>8} {:>8} {:>12} {:>9} {:>9}   ratio: median (least to most), bar",
            "target", "user", "system", "cpu", self.about.unit.rate, "p99", "rss KiB"
        );
        for row in self.rows() {
            let bar = match row.bar {
                Some(bar) if row.meets_its_bar() => format!(", at most {bar}"),
                Some(bar) => format!(", ABOVE {bar}"),
                None => String::new(),
            };
            println!(
                "{:16} {:8.2} {:8.2} {:8.2} {:12.0} {:>9} {:9.0}   {:.3} ({:.3} to {:.3}){bar}",
                row.name,
                row.user,
                row.system,
                row.cpu,
                row.per_second,
                row.p99,
                row.resident,
                row.ratio.median,
                row.ratio.least,
                row.ratio.most
            );
        }
        for note in self.notes() {
            println!("{note}");
        }
    }

    /// Whether the first row spends at most `bar` times what nginx does, or each other row at most `bar` times what the
    /// first one takes. True where no bar is set.
    pub fn meets(&self, bar: Option<f64>) -> Outcome<bool> {
        let Some(bar) = bar else { return Ok(true) };
        let judged: Vec<&str> = match self.about.comparison {
            Comparison::Peers => {
                self.about.entries.iter().map(|entry| entry.name).filter(|name| *name == "nginx").collect()
            }
            Comparison::First => self.about.entries[1..].iter().map(|entry| entry.name).collect(),
        };
        if judged.is_empty() {
            return Err("--bar is about nginx, which was not measured".into());
        }
        let mut all_met = true;
        for name in judged {
            let ratio = self.ratio(name).median;
            let met = ratio <= bar;
            let verdict = if met { "met" } else { "NOT MET" };
            println!("\n{verdict}: {name}: {ratio:.3}, {}; the bar is {bar}", self.ratio_of());
            all_met &= met;
        }
        Ok(all_met)
    }

    pub fn write(&self, path: &Path) -> Outcome<()> {
        let targets: BTreeMap<&str, Value> = self
            .about
            .entries
            .iter()
            .map(|entry| {
                let ratio = self.ratio(entry.name);
                let rounds: Vec<Value> = self.samples[entry.name].iter().map(round).collect();
                let ratio = json!({
                    "of": self.ratio_of(), "median": ratio.median, "min": ratio.least, "max": ratio.most,
                });
                (entry.name, json!({"rounds": rounds, "ratio": ratio, "bar": entry.bar}))
            })
            .collect();
        let versions: BTreeMap<&str, &str> =
            self.about.versions.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let whole = json!({"machine": machine::describe(), "load": self.about.load, "unit": format!("{} for {}", self.about.unit.time, self.about.unit.each), "versions": versions, "targets": targets});
        fs::write(path, serde_json::to_string_pretty(&whole)?)?;
        Ok(())
    }

    fn ratio(&self, name: &str) -> Ratio {
        let ratios = || {
            let rounds = self.samples[self.about.entries[0].name].iter().zip(&self.samples[name]);
            rounds.map(|(base, other)| match self.about.comparison {
                Comparison::Peers => base.cpu() / other.cpu(),
                Comparison::First => other.cpu() / base.cpu(),
            })
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
        "per_second": sample.per_second,
        "p99": sample.p99,
        "user": sample.user,
        "system": sample.system,
        "cpu": sample.cpu(),
        "rss_kib": sample.resident,
        "log_lines": sample.lines,
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
