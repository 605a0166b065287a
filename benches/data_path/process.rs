//! A program that runs while the bench does, bound to a processor, and what `/proc` says about it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::TcpStream;
use std::ops::Sub;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::machine;

const PAUSE: Duration = Duration::from_millis(25);
const PATIENCE: u32 = 400; // pauses: ten seconds

/// A running program and all that it started. Stopped when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    ticks: f64,
}

/// Seconds of processor time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    pub user: f64,
    pub system: f64,
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

impl Process {
    /// Starts a program on processor `cpu`. What it prints goes to `<folder>/<name>.log`.
    pub fn start(name: &str, cpu: &str, folder: &Path, program: &Path, arguments: &[&str]) -> Outcome<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        // taskset becomes the program, so the child's id is the program's. It stays in our process group: Ctrl-C
        // reaches it too.
        let child = Command::new(machine::require("taskset")?)
            .args(["-c", cpu])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { child, name: name.to_owned(), log, ticks: ticks_per_second()? })
    }

    /// Waits until somebody listens on a port of the loopback address.
    pub fn wait_for(&mut self, port: u16) -> Outcome<()> {
        self.wait_until("listen", || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) -> Outcome<()> {
        for _ in 0..PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended with {status}:\n{}", self.name, self.said()).into());
            }
            if holds() {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        Err(format!("{} did not {what} within {:?}:\n{}", self.name, PAUSE * PATIENCE, self.said()).into())
    }

    /// The file with what it prints.
    pub fn output(&self) -> &Path {
        &self.log
    }

    /// The end of what it printed.
    fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The processor time that the program and its descendants have used so far.
    pub fn cpu(&self) -> Outcome<Cpu> {
        let mut sum = Cpu::default();
        for id in self.tree()? {
            if let Some(stat) = Stat::read(id) {
                sum.user += stat.user as f64 / self.ticks;
                sum.system += stat.system as f64 / self.ticks;
            }
        }
        Ok(sum)
    }

    /// Resident memory of the program and its descendants, in KiB.
    pub fn resident(&self) -> Outcome<u64> {
        let pages = |id: u32| -> Option<u64> {
            fs::read_to_string(format!("/proc/{id}/statm")).ok()?.split_whitespace().nth(1)?.parse().ok()
        };
        Ok(self.tree()?.into_iter().filter_map(pages).sum::<u64>() * 4)
    }

    fn tree(&self) -> Outcome<Vec<u32>> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc")? {
            let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if let Some(stat) = Stat::read(id) {
                children.entry(stat.parent).or_default().push(id);
            }
        }
        let (mut todo, mut found) = (vec![self.child.id()], Vec::new());
        while let Some(id) = todo.pop() {
            found.push(id);
            todo.extend(children.remove(&id).unwrap_or_default());
        }
        Ok(found)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first: nginx's master would leave its workers behind otherwise.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        for _ in 0..PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The fields of `/proc/<id>/stat` that count here.
struct Stat {
    parent: u32,
    user: u64,
    system: u64,
}

impl Stat {
    /// `None` if the process is gone.
    fn read(id: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The second field is the program's name in parentheses and may hold anything, so count from its end.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            user: fields.get(11)?.parse().ok()?,
            system: fields.get(12)?.parse().ok()?,
        })
    }
}

fn ticks_per_second() -> Outcome<f64> {
    let output = Command::new("getconf").arg("CLK_TCK").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
