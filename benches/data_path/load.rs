//! One run of wrk against a target.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use crate::Outcome;
use crate::exchange::Door;
use crate::machine::{self, LOAD_CPU};
use crate::request::{PATH, Request};

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
    /// Sends `request` for so long, over HTTP/1.1. `forwarded`: whether it is to be answered well, or refused.
    pub fn run_wrk(&self, door: &Door, request: &Request, forwarded: bool, folder: &Path) -> Outcome<Served> {
        let mut wrk = Command::new(machine::require("taskset")?);
        wrk.args(["-c", LOAD_CPU])
            .arg(machine::require("wrk")?)
            .args(["--threads", "1", "--latency"])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &format!("{}s", self.seconds)])
            .stdin(Stdio::null());
        if let Some(token) = request.token.as_ref().filter(|_| request.turns.is_none()) {
            wrk.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        if let Some(script) = request.script(folder)? {
            wrk.arg("--script").arg(script);
        }
        wrk.arg(door.url(PATH));
        if let Some(turns) = &request.turns {
            wrk.arg("--").arg(turns.taken.load(Ordering::Relaxed).to_string());
        }
        let output = wrk.output()?;
        let text = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(format!("wrk ended with {}: {text}{reason}", output.status).into());
        }
        let served = read(&text, forwarded)?;
        if let Some(turns) = &request.turns {
            turns.taken.fetch_add(served.requests, Ordering::Relaxed);
        }
        Ok(served)
    }
}

/// Reads wrk's report. Anything in it that was not to be makes the whole run worthless.
fn read(text: &str, forwarded: bool) -> Outcome<Served> {
    let line_with = |mark: &str| text.lines().map(str::trim).find(|line| line.contains(mark));
    if let Some(line) = line_with("Socket errors") {
        return Err(line.to_owned().into());
    }
    let first = |line: Option<&str>| line.and_then(|line| line.split_whitespace().next()).map(str::to_owned);
    let last = |line: Option<&str>| line.and_then(|line| line.split_whitespace().last()).map(str::to_owned);
    let requests: u64 =
        first(line_with(" requests in ")).ok_or_else(|| format!("wrk counted nothing: {text}"))?.parse()?;
    if requests == 0 {
        return Err("no request was answered".into());
    }
    let refused: u64 = last(line_with("Non-2xx or 3xx responses")).map_or(Ok(0), |number| number.parse())?;
    if forwarded && refused > 0 {
        return Err(format!("{refused} of {requests} requests were refused").into());
    }
    if !forwarded && refused < requests {
        return Err(format!("only {refused} of {requests} requests were refused").into());
    }
    Ok(Served {
        requests,
        per_second: last(line_with("Requests/sec:")).ok_or("wrk gave no rate")?.parse()?,
        // Another line may end with "77.99%".
        p99: last(text.lines().find(|line| line.trim_start().starts_with("99%"))).ok_or("wrk gave no latency")?,
    })
}
