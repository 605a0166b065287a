//! One run of wrk against a target.

use std::process::{Command, Stdio};

use crate::Outcome;
use crate::machine::{self, LOAD_CPU};
use crate::peers::{PATH, Target};

#[derive(Debug)]
pub struct Load {
    pub connections: u32,
    pub seconds: u32,
}

#[derive(Debug, PartialEq)]
pub struct Served {
    pub requests: u64,
    pub per_second: f64,
    pub p99: String,
}

impl Load {
    pub fn run(&self, target: &Target) -> Outcome<Served> {
        let output = Command::new(machine::require("taskset")?)
            .args(["-c", LOAD_CPU])
            .arg(machine::require("wrk")?)
            .args(["--threads", "1", "--latency"])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .args(["--header", &format!("Authorization: Bearer {}", target.token)])
            .arg(format!("http://127.0.0.1:{}{PATH}", target.port))
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            return Err(format!("wrk ended with {}: {text}", output.status).into());
        }
        read(&text)
    }
}

/// Reads wrk's report. Any error in it makes the whole run worthless.
fn read(text: &str) -> Outcome<Served> {
    let line_with = |mark: &str| text.lines().map(str::trim).find(|line| line.contains(mark));
    for trouble in ["Non-2xx or 3xx responses", "Socket errors"] {
        if let Some(line) = line_with(trouble) {
            return Err(line.to_owned().into());
        }
    }
    let first = |line: Option<&str>| line.and_then(|line| line.split_whitespace().next()).map(str::to_owned);
    let last = |line: Option<&str>| line.and_then(|line| line.split_whitespace().last()).map(str::to_owned);
    let requests = first(line_with(" requests in ")).ok_or_else(|| format!("wrk counted nothing: {text}"))?.parse()?;
    if requests == 0 {
        return Err("no request was answered".into());
    }
    Ok(Served {
        requests,
        per_second: last(line_with("Requests/sec:")).ok_or("wrk gave no rate")?.parse()?,
        p99: last(line_with("99%")).ok_or("wrk gave no latency")?,
    })
}
