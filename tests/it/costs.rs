//! What a request costs, where that can be counted: calls of the operating system, as `strace` sees them, and
//! allocations and tasks, as `valgrind` does.
//!
//! Over connections that are kept on both sides, a request that comes in one piece is read once, sent once, and its
//! answer is read once and sent once. A fifth call is a microsecond or two of each request.

mod profile;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use self::profile::calls_of;
use crate::support::binary::Install;
use crate::support::{Client, Upstream};

const REQUESTS: usize = 30;

/// The calls over a connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct Calls {
    reads: usize,
    writes: usize,
    /// Those that moved nothing, because nothing was there yet.
    idle: usize,
}

/// What was called over connections of which one end has this address.
fn calls(trace: &str, address: SocketAddr) -> Calls {
    let mut calls = Calls::default();
    // A call during which others were made by other threads stands in two lines, of which the second has no address.
    let mut begun: BTreeMap<&str, bool> = BTreeMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let is_resumed = call.starts_with("<... ");
        let is_ours = match is_resumed {
            true => begun.remove(thread).unwrap_or(false),
            false => call.contains("TCP:[") && call.contains(&address.to_string()),
        };
        if call.ends_with("<unfinished ...>") {
            begun.insert(thread, is_ours);
            continue;
        }
        let Some((_, result)) = call.rsplit_once(" = ").filter(|_| is_ours) else { continue };
        let name = call.trim_start_matches("<... ");
        let is_read = ["recv", "read"].iter().any(|begin| name.starts_with(begin));
        match (result.split(' ').next().and_then(|count| count.parse::<i64>().ok()), is_read) {
            (Some(1..), true) => calls.reads += 1,
            (Some(1..), false) => calls.writes += 1,
            _ => calls.idle += 1,
        }
    }
    calls
}

#[test]
fn a_request_takes_four_calls_for_its_bytes_and_none_in_vain() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    install.configure(|text| text.replace("[server]", "[server]\nworkers = 1\npin_workers = false"));
    let trace = install.path("trace").display().to_string();
    let traced = "trace=read,write,readv,writev,recvfrom,sendto,recvmsg,sendmsg";
    let mut served = install.run_under(&["strace", "-f", "-yy", "-s", "16", "-e", traced, "-o", &trace]);
    let token = served.admin.create(json!({"name": "traced", "grants": {"*": "full"}})).secret;
    let bearer = format!("Bearer {token}");

    let mut client = Client::connect(served.proxy);
    let own = client.stream().local_addr().expect("an address");
    let mut ask = |method: &str, body: &[u8]| {
        let answer = client.request(method, "/things", &[("Authorization", &bearer)], body);
        assert_eq!(answer.status, 200);
    };
    for _ in 0..REQUESTS {
        ask("GET", b"");
        ask("POST", &[b'x'; 1024]);
    }
    let pid = fs::read_to_string(install.path("data/keygate.lock")).expect("a lock");
    let ended = Command::new("kill").arg(pid.trim()).status();
    assert!(ended.is_ok_and(|status| status.success()));
    assert_eq!(served.process.ended().code(), Some(0));

    assert_eq!(upstream.connections(), 1);
    let trace = fs::read_to_string(&trace).expect("a trace");
    let (trace, _) = trace.split_once("--- SIGTERM").expect("it was told to stop");
    let (to_client, to_upstream) = (calls(trace, own), calls(trace, upstream.address()));
    let all = 2 * REQUESTS;
    // The first bytes of a connection are read apart, to tell HTTP/1.1 from HTTP/2; and sometimes too early.
    let first = Calls { reads: 1, writes: 0, idle: to_client.idle.min(1) };
    assert_eq!(to_client, Calls { reads: all + first.reads, writes: all, ..first }, "with the client");
    assert_eq!(to_upstream, Calls { reads: all, writes: all, idle: 0 }, "with the upstream");
}

/// Of memory: the record of the request, its progress with a timer, its id in two pieces, and what a buffer shares with
/// those who hold pieces of it.
const ALLOCATIONS: u64 = 6;
const COUNTED: u64 = 300;

#[test]
fn slow_a_request_takes_six_allocations_and_no_task() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    install.configure(|text| text.replace("[server]", "[server]\nworkers = 1\npin_workers = false"));
    install.configure(|text| text + "\n[log]\naccess = \"off\"\n");
    let out = install.path("profile").display().to_string();
    let out = format!("--callgrind-out-file={out}");
    let mut served = install.run_under(&["valgrind", "--tool=callgrind", "--instr-atstart=no", &out]);
    let token = served.admin.create(json!({"name": "counted", "grants": {"*": "full"}})).secret;
    let bearer = format!("Bearer {token}");
    let pid = fs::read_to_string(install.path("data/keygate.lock")).expect("a lock").trim().to_owned();

    let mut client = Client::connect(served.proxy);
    let mut ask = |times: u64| {
        for _ in 0..times {
            assert_eq!(client.request("GET", "/things", &[("Authorization", &bearer)], b"").status, 200);
        }
    };
    // Until what is kept for later requests is there.
    ask(50);
    control("on", &pid);
    ask(COUNTED);
    control("off", &pid);
    assert!(Command::new("kill").arg(&pid).status().is_ok_and(|status| status.success()));
    assert_eq!(served.process.ended().code(), Some(0));

    let profile = fs::read_to_string(install.path("profile")).expect("a profile");
    let requests = calls_of(&profile, |name| name.ends_with("RequestRecord::begin"));
    assert_eq!(requests, COUNTED, "all of them and nothing else was counted");
    // What other threads do in the meantime is far less than one for each request.
    let allocations = calls_of(&profile, |name| name.contains("__rust_alloc") || name.contains("__rust_realloc"));
    let most = COUNTED * ALLOCATIONS + COUNTED / 2;
    assert!(allocations < most, "{allocations} allocations in {COUNTED} requests");
    let tasks = calls_of(&profile, |name| name.contains("tokio::runtime::task::new_task"));
    assert!(tasks < COUNTED / 2, "{tasks} tasks in {COUNTED} requests");
}

/// Turns the counting on or off.
#[track_caller]
fn control(state: &str, pid: &str) {
    let done =
        Command::new("callgrind_control").args(["-i", state, pid]).output().expect("valgrind's callgrind_control");
    assert!(done.status.success(), "{done:?}");
}
