//! Requests over HTTP/2 that no proper client sends, through Python's `h2` with its checks off: what the
//! upstream sees is what was allowed, one to one, and the connection's next request is its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use self::cases::{Case, Expected};
use crate::support::peers::{scripts, venv};
use crate::support::{Builder, Gateway, Recorded, Upstream};

mod cases;

const MARKER: &str = "/v1/devices/marker";

/// What the client heard.
#[derive(Debug)]
struct Heard {
    status: Option<u64>,
    /// The stream's end: `answer`, `reset`, or `closed` where the connection ended with it.
    end: String,
    marker: Option<u64>,
}

fn pairs(lines: &[(String, String)]) -> Value {
    lines.iter().map(|(name, value)| json!([name, value])).collect()
}

/// Python's side, which takes a case a line.
struct Client {
    process: Child,
    cases: ChildStdin,
    heard: BufReader<ChildStdout>,
}

impl Client {
    #[track_caller]
    fn start(gateway: &Gateway) -> Self {
        let mut client = Command::new(venv().join("bin/python"));
        client.current_dir(scripts()).arg("h2_client.py").env("PYTHONDONTWRITEBYTECODE", "1");
        client.args([gateway.proxy.ip().to_string(), gateway.proxy.port().to_string()]);
        let mut process = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let cases = process.stdin.take().expect("a pipe");
        let heard = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, cases, heard }
    }

    #[track_caller]
    fn send(&mut self, case: &Case, token: &str) -> Heard {
        let marker = pairs(&Case::new("", "marker").path(MARKER).head(token));
        let (head, trailers) = (pairs(&case.head(token)), pairs(&case.trailers));
        let line = json!({"head": head, "data": case.data, "trailers": trailers, "marker": marker});
        writeln!(self.cases, "{line}").expect("Python reads cases");
        let mut line = String::new();
        self.heard.read_line(&mut line).expect("Python says what it heard");
        assert!(!line.is_empty(), "Python ended: run ./test, which installs what it needs ({})", case.title);
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let end = value["end"].as_str().expect("a word").to_owned();
        Heard { status: value["status"].as_u64(), end, marker: value["marker"].as_u64() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What is wrong with how a case ended.
fn fault(case: &Case, heard: &Heard, arrived: &[Recorded]) -> Option<String> {
    let mut arrived: Vec<&Recorded> = arrived.iter().collect();
    let markers = arrived.iter().filter(|request| request.line.contains(MARKER)).count();
    arrived.retain(|request| !request.line.contains(MARKER));
    if markers != usize::from(heard.marker == Some(200)) {
        return Some(format!("the marker arrived {markers} times"));
    }
    if heard.end != "closed" && heard.marker != Some(200) {
        return Some("the connection goes on, and its next request is not answered".to_owned());
    }
    match &case.expected {
        Expected::Passes(line) => {
            let seen: Vec<&str> = arrived.iter().map(|request| request.line.as_str()).collect();
            if heard.status != Some(200) || seen != [format!("{line} HTTP/1.1")] {
                return Some(format!("{line} should arrive, and {seen:?} did"));
            }
        }
        Expected::Broken if heard.end == "answer" => return Some("it should break off".to_owned()),
        Expected::Broken => {
            let whole = |request: &&Recorded| request.line == "POST /v1/devices/7 HTTP/1.1" && request.body.len() <= 1;
            if arrived.len() > 1 || !arrived.iter().all(whole) {
                return Some("only what was framed may arrive".to_owned());
            }
        }
        Expected::Status(status) if heard.status != Some(u64::from(*status)) => {
            return Some(format!("it should be answered with {status}"));
        }
        Expected::Refused if heard.status.is_some_and(|status| !(400..502).contains(&status)) => {
            return Some("it should be refused".to_owned());
        }
        Expected::Status(_) | Expected::Refused if !arrived.is_empty() => {
            return Some("nothing should arrive".to_owned());
        }
        Expected::Status(_) | Expected::Refused => {}
    }
    let leaked = arrived.iter().any(|request| format!("{request:?}").contains("forged"));
    leaked.then(|| "what only the gateway may say arrived".to_owned())
}

#[test]
fn slow_over_http2_what_the_upstream_sees_is_what_was_allowed() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).start();
    let token = gateway.token("full");
    let mut client = Client::start(&gateway);
    let cases = cases::all();
    assert!(cases.len() > 120, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let heard = client.send(case, &token);
        let arrived = upstream.take_seen();
        if let Some(words) = fault(case, &heard, &arrived) {
            wrong.push(format!("{} {}: {words}\n  {heard:?}\n  {arrived:?}", case.row, case.title));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
