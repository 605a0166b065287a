//! What the kernel says of this process, and what it may be told.

use std::fs;
use std::process::Command;

use crate::Outcome;

/// Whether files have to be read from the disk from now on.
pub fn drop_page_cache() -> bool {
    // Pages that wait to be written are not dropped.
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

/// Bytes of this process that are in memory.
pub fn resident() -> Outcome<u64> {
    field("/proc/self/status", "VmRSS:").map(|kib| kib * 1024)
}

/// System calls of this thread that read something.
pub fn reads() -> Outcome<u64> {
    field("/proc/thread-self/io", "syscr:")
}

fn field(file: &str, name: &str) -> Outcome<u64> {
    let text = fs::read_to_string(file)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("{file} has no {name}"))?;
    Ok(value.split_whitespace().next().ok_or("an empty field")?.parse()?)
}

/// Processors and kernel.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = std::thread::available_parallelism().map_or(0, |count| count.get());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{count} × {}, Linux {}", model.map_or("unknown processor", |(_, name)| name), kernel.trim())
}
