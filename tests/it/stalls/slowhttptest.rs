//! slowhttptest, whose attacks others have measured servers by: two hundred connections that it tries to keep, and
//! its own verdict on what became of them and on whether others were served meanwhile. So were ours.

use std::io::Write;
use std::process::Command;

use tempfile::TempDir;

use crate::support::binary::Running;
use crate::support::{Builder, Gateway, Then, Upstream, eventually};

const CONNECTIONS: u64 = 200;
/// A client that takes half a KiB a second is too slow.
const SERVER: &str = "header_timeout = \"2s\"\nidle_timeout = \"2s\"\nstall_timeout = \"2s\"\nmin_rate = 20000";

/// What it wrote down each second.
struct Second {
    connected: u64,
    is_available: bool,
}

fn setup() -> (Upstream, Gateway) {
    let upstream = Upstream::scripted(|request, stream| {
        let length = if request.line.contains("/public/large") { 4 << 20 } else { 2 };
        let body = if request.line.starts_with("HEAD ") { Vec::new() } else { vec![b'x'; length] };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        // Of an answer that its client does not take, the gateway does not take all either.
        match stream.write_all(&[head.as_bytes(), &body].concat()) {
            Ok(()) => Then::Keep,
            Err(_) => Then::Close,
        }
    });
    let gateway = Builder::new(&upstream.url()).server(SERVER).start();
    (upstream, gateway)
}

/// Runs one attack, of a minute if nobody ends it, and sees that it is ended and that nobody else noticed it. How many
/// connections it had at once.
#[track_caller]
fn withstands(gateway: &Gateway, target: &str, mode: &[&str]) -> u64 {
    let directory = TempDir::new().expect("a temporary directory");
    let (url, connections) = (format!("http://{}{target}", gateway.proxy), CONNECTIONS.to_string());
    let mut attack = Command::new("slowhttptest");
    attack.current_dir(&directory).args(mode).args(["-u", &url, "-c", &connections, "-r", &connections]);
    attack.args(["-i", "1", "-l", "60", "-v", "1", "-g", "-o", "seen"]);
    let mut attack = Running::start(&mut attack);
    let token = gateway.token("read");
    let mut served = 0;
    // It ends by itself, at the latest when its minute is over.
    while !attack.has_ended() {
        for answer in [gateway.request("GET", "/public/7", None), gateway.get("/v1/devices/7", &token)] {
            assert_eq!((answer.status, answer.text()), (200, "xx"), "after {served} requests of others");
            served += 1;
        }
    }
    let status = attack.ended();
    assert!(status.success() && attack.out().contains("No open connections left"), "{}", attack.out());
    let seconds = seconds(&std::fs::read_to_string(directory.path().join("seen.csv")).expect("its report"));
    let most = seconds.iter().map(|second| second.connected).max().unwrap_or_default();
    println!("{mode:?}: over after {} s, {most} at once, {served} requests of others", seconds.len());
    assert!(seconds.iter().all(|second| second.is_available), "{}", attack.out());
    let connections = "keygate_open_connections";
    eventually("none is open", || (gateway.admin.metric(connections) == Some(0.0)).then_some(()));
    most
}

/// `Seconds,Closed,Pending,Connected,Service Available`, the last of which is 0 where it is not.
fn seconds(report: &str) -> Vec<Second> {
    let mut lines = report.lines();
    assert_eq!(lines.next(), Some("Seconds,Closed,Pending,Connected,Service Available"));
    let read = |line: &str| -> Option<Second> {
        let mut numbers = line.split(',').map(|number| number.parse().ok());
        let [connected, available] = [numbers.nth(3)??, numbers.next()??];
        Some(Second { connected, is_available: available > 0 })
    };
    let seconds: Vec<_> = lines.map(|line| read(line).unwrap_or_else(|| panic!("{line:?} in {report}"))).collect();
    assert!(!seconds.is_empty());
    seconds
}

/// Slowloris: a head, and each second a further line of it.
#[test]
fn slow_heads_that_never_end_are_closed_and_keep_nobody_out() {
    let (_upstream, gateway) = setup();
    assert!(withstands(&gateway, "/public/slow", &["-H"]) > CONNECTIONS / 2, "they were there");
}

/// R-U-Dead-Yet: a body, and each second some bytes of it.
#[test]
fn slow_bodies_that_drip_are_refused_and_keep_nobody_out() {
    let (upstream, gateway) = setup();
    withstands(&gateway, "/public/slow", &["-B", "-s", "8192", "-x", "10"]);
    assert!(upstream.seen().iter().all(|request| !request.line.starts_with("POST")), "none came whole");
    let line = "keygate_http_requests_total{listener=\"public\",route=\"open\",method=\"POST\",code=\"408\"}";
    assert_eq!(gateway.admin.metric(line), Some(CONNECTIONS as f64));
}

/// The Apache killer: ranges without number, which are the upstream's to judge.
#[test]
fn slow_ranges_without_number_pass_and_keep_nobody_out() {
    let (upstream, gateway) = setup();
    withstands(&gateway, "/public/slow", &["-R", "-t", "HEAD", "-a", "5", "-b", "500"]);
    let ranged = upstream.seen().iter().filter(|request| request.header("range").is_some()).count();
    assert_eq!(ranged as u64, CONNECTIONS);
}

/// Slow read: an answer of which each second a little is taken.
#[test]
fn slow_answers_that_nobody_takes_are_cut_off_and_keep_nobody_out() {
    let (_upstream, gateway) = setup();
    withstands(&gateway, "/public/large", &["-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "512"]);
    let line = "keygate_cut_requests_total{cut_reason=\"client_stalled\"}";
    assert_eq!(gateway.admin.metric(line), Some(CONNECTIONS as f64));
}
