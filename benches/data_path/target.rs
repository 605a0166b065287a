//! A gateway that runs, and the proof that it does what is measured.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::Outcome;
use crate::exchange::Door;
use crate::process::Process;
use crate::refusal::Refusal;
use crate::request::{Request, Turns};
use crate::shape::{Name, Shape};
use crate::upstream;

const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Target {
    pub name: Name,
    /// What its row of the table is called.
    pub row: &'static str,
    pub version: String,
    pub door: Door,
    /// A token that may do all.
    pub token: String,
    /// A token that may read: Keygate's alone.
    pub reader: Option<String>,
    /// The tokens that requests present in turn, if there is more than the one.
    pub turns: Option<Turns>,
    /// Where its access log is, if it writes one.
    pub log: Option<PathBuf>,
    pub process: Process,
}

impl Target {
    /// The request that it forwards.
    pub fn request(&self, shape: &Shape) -> Request {
        let method = if shape.post.is_some() { "POST" } else { "GET" };
        Request { method, token: Some(self.token.clone()), turns: self.turns.clone(), body: shape.post.unwrap_or(0) }
    }

    /// Makes sure that it forwards with the token, and refuses without one and with another.
    pub fn probe(&self, shape: &Shape) -> Outcome<()> {
        let valid = self.request(shape);
        let none = Request { token: None, ..valid.clone() };
        let wrong = Request { token: Some("0".repeat(self.token.len())), ..valid.clone() };
        // A large body is counted each time.
        if shape.bulk.is_none() {
            self.expect("a valid token", &valid, 200, &upstream::body(shape.answer))?;
        }
        // The relay looks at nothing.
        if self.name != Name::Relay {
            self.expect("no token", &none, 401, "")?;
            self.expect("a wrong token", &wrong, 401, "")?;
        }
        for refusal in &shape.refused {
            self.probe_refusal(*refusal)?;
        }
        Ok(())
    }

    fn expect(&self, what: &str, request: &Request, status: u16, body: &str) -> Outcome<()> {
        let name = self.name.text();
        let answer = request.send(&self.door).map_err(|error| format!("{name}: {error}"))?;
        if answer.status != status {
            let came = format!("{}: {}", answer.status, answer.body);
            return Err(format!("{name} with {what}: expected {status}, came {came}").into());
        }
        if status == 200 && answer.body != body {
            let (right, came) = (body.len(), answer.body.len());
            return Err(
                format!("{name}: expected the upstream's {right} bytes, came {came}: {}", answer.start()).into()
            );
        }
        Ok(())
    }

    fn probe_refusal(&self, refusal: Refusal) -> Outcome<()> {
        let (status, code) = refusal.answer();
        let answer = refusal.request(self)?.send(&self.door)?;
        let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        if answer.status != status || problem["code"] != code {
            let came = format!("{}: {}", answer.status, answer.body);
            return Err(format!("--refused {}: expected {status} {code}, came {came}", refusal.text()).into());
        }
        Ok(())
    }

    /// How long its access log is, once nothing more is written to it; 0 where it has none.
    pub fn log_length(&self) -> Outcome<u64> {
        let Some(path) = &self.log else { return Ok(0) };
        let mut length = path.metadata()?.len();
        loop {
            thread::sleep(PAUSE);
            let now = path.metadata()?.len();
            if now == length {
                return Ok(length);
            }
            length = now;
        }
    }

    /// How many lines its access log has behind the first `start` bytes.
    pub fn lines_since(&self, start: u64) -> Outcome<u64> {
        let Some(path) = &self.log else { return Ok(0) };
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let (mut lines, mut block) = (0, vec![0_u8; 1 << 20]);
        loop {
            let length = file.read(&mut block)?;
            if length == 0 {
                return Ok(lines);
            }
            lines += block[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
        }
    }
}
