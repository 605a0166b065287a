//! A large store: filled here, then opened and asked by a process of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use keygate::model::{Clock, Usage};
use keygate::store::{Rebuild, Record};
use serde_json::Value;

use crate::Outcome;
use crate::machine;
use crate::options::Options;
use crate::records;
use crate::report::{Bar, Report};

const GIB: f64 = (1u64 << 30) as f64;

pub fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let store = place.path().join("data");
    let clock = Clock::system();
    eprintln!("a store of {} tokens", options.tokens);
    let begun = clock.mono();
    fill(&store, options.tokens)?;
    let rate = options.tokens as f64 / (clock.mono() - begun).as_secs_f64();
    report.add("rebuild, as restore and import do", rate, "tokens/s", Bar::None);
    let each = size(&store)? as f64 / options.tokens as f64;
    report.add("disk", each, "bytes/token", Bar::AtMost(1024.0));

    let cold = machine::drop_page_cache();
    if !cold {
        eprintln!("the page cache cannot be dropped (that takes root): files are read from memory");
    }
    let figures = probe(&store, options)?;
    let figure = |name: &str| figures[name].as_f64().ok_or_else(|| format!("no {name} in {figures}"));
    let cache = if cold { "page cache dropped" } else { "page cache WARM" };
    report.add(&format!("open to ready, {cache}"), figure("open_s")?, "s", Bar::AtMost(15.0));
    report.add("resident after open", figure("resident_open")? / GIB, "GiB", Bar::AtMost(1.2));
    report.add("first look-ups by digest: p50", figure("get_p50_us")? / 1e3, "ms", Bar::None);
    report.add("first look-ups by digest: p99", figure("get_p99_us")? / 1e3, "ms", Bar::AtMost(1.0));
    report.add(&format!("look-ups, {cache} again: p50"), figure("disk_p50_us")? / 1e3, "ms", Bar::None);
    report.add(&format!("look-ups, {cache} again: p99"), figure("disk_p99_us")? / 1e3, "ms", Bar::None);
    report.add("look-ups one after the other", figure("gets_per_s")?, "/s", Bar::None);
    report.add("resident after 1,000,000 look-ups", figure("resident_gets")? / GIB, "GiB", Bar::AtMost(1.2));
    let start = figure("page_start_us")?;
    report.add("page of 100, at the start: p50", start / 1e3, "ms", Bar::None);
    for name in ["middle", "end"] {
        let took = figure(&format!("page_{name}_us"))?;
        report.add(&format!("page of 100, at the {name}: p50"), took / 1e3, "ms", Bar::AtMost(3.0 * start / 1e3));
    }
    report.add("unknown digest: may_hold", figure("flood_ns")?, "ns", Bar::None);
    report.add("unknown digests that pass it", figure("flood_passed")? * 1e6, "in a million", Bar::AtMost(1.0));
    report.add("reads of any file for it", figure("flood_reads")?, "", Bar::AtMost(0.0));
    report.add("snapshot, as backup and export read it", figure("snapshot_per_s")?, "tokens/s", Bar::None);
    Ok(())
}

fn fill(path: &Path, tokens: u64) -> Outcome<()> {
    let mut rebuild = Rebuild::begin(records::options(path))?;
    rebuild.put(Record::Account(records::account()))?;
    for number in 0..tokens {
        rebuild.put(Record::Token(records::token(number), Usage::default()))?;
        if number % 500_000 == 499_999 {
            eprintln!("  {} tokens", number + 1);
        }
    }
    let made = rebuild.finish()?.summary.tokens;
    if made == tokens { Ok(()) } else { Err(format!("{made} tokens in place of {tokens}").into()) }
}

/// The space that a directory takes on the disk.
fn size(path: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        sum += if entry.path().is_dir() { size(&entry.path())? } else { entry.metadata()?.blocks() * 512 };
    }
    Ok(sum)
}

fn probe(store: &Path, options: &Options) -> Outcome<Value> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--bench", "--tokens", &options.tokens.to_string(), "--probe"])
        .arg(store)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the process that opened the store ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
