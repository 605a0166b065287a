//! One run of h2load, which speaks HTTP/2, against a target.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::Outcome;
use crate::exchange::Door;
use crate::load::{Load, Served};
use crate::machine::{self, LOAD_CPU};
use crate::request::{PATH, Request};

impl Load {
    /// Sends `request` for so long, so many at a time over each connection. All are to be answered well.
    pub fn run_h2load(&self, door: &Door, request: &Request, streams: u32, folder: &Path) -> Outcome<Served> {
        let mut h2load = Command::new(machine::require("taskset")?);
        h2load
            .args(["-c", LOAD_CPU])
            .arg(machine::require("h2load")?)
            .args(["--threads", "1"])
            .args(["--clients", &self.connections.to_string()])
            .args(["--max-concurrent-streams", &streams.to_string()])
            .args(["--duration", &self.seconds.to_string()])
            .stdin(Stdio::null());
        if let Some(token) = &request.token {
            h2load.args(["--header", &format!("authorization: Bearer {token}")]);
        }
        if let Some(body) = request.body_file(folder)? {
            h2load.arg("--data").arg(body);
        }
        let output = h2load.arg(door.url(PATH)).output()?;
        let Counted { requests, per_second, .. } = read(&output)?;
        // It tells the least, the most and the mean of what requests took, and no quantile.
        Ok(Served { requests, per_second, p99: "–".to_owned() })
    }
}

/// What h2load counted.
pub struct Counted {
    pub requests: u64,
    pub per_second: f64,
    /// Bytes of answers' bodies.
    pub body: u64,
}

/// Reads its report. What is under way at the end is started and not done, and that alone may be missing.
pub fn read(output: &Output) -> Outcome<Counted> {
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("h2load ended with {}: {text}", output.status).into());
    }
    let line_with = |mark: &str| {
        let line = text.lines().find(|line| line.starts_with(mark));
        line.ok_or_else(|| format!("h2load gave no line that begins with {mark:?}: {text}"))
    };
    let (requests, statuses) = (line_with("requests:")?, line_with("status codes:")?);
    let number = |line: &str, name: &str| -> Outcome<u64> {
        let word = line.split([':', ',']).find_map(|part| part.trim().strip_suffix(name));
        Ok(word.ok_or_else(|| format!("h2load counted no{name}: {line}"))?.trim().parse()?)
    };
    let done = number(requests, " done")?;
    if done == 0 {
        return Err("no request was answered".into());
    }
    // Of an answer that is under way at the end, the head may be there.
    let (well, others) = (number(statuses, " 2xx")?, [" 3xx", " 4xx", " 5xx"]);
    let others = others.iter().try_fold(0, |sum, name| Outcome::Ok(sum + number(statuses, name)?))?;
    let is_well = (done..=number(requests, " started")?).contains(&well) && others == 0;
    if number(requests, " succeeded")? != done || !is_well {
        return Err(format!("not all requests were answered well: {requests}; {statuses}").into());
    }
    let rate = line_with("finished in")?.split(", ").find_map(|part| part.strip_suffix(" req/s"));
    let per_second = rate.ok_or("h2load gave no rate")?.parse()?;
    // "32.00MB (33554432) data": the number of bytes is in the parentheses.
    let body = line_with("traffic:")?.rsplit(", ").find_map(|part| part.strip_suffix(") data")?.split('(').nth(1));
    Ok(Counted { requests: done, per_second, body: body.ok_or("h2load counted no data")?.parse()? })
}
