//! Raw cases before servers that nobody here wrote: each says which requests it read whole.

use std::process::Command;

use tempfile::TempDir;

use super::exchange::Door;
use super::{builder, cases, check_answers, expected_arrivals, explain, marker};
use crate::support::eventually;
use crate::support::peers::{Peer, venv};

/// The requests that a server says it has read, without their lengths.
fn seen(peer: &Peer) -> Vec<String> {
    let out = peer.process.out();
    let lines = out.lines().filter_map(|line| line.strip_prefix("seen: "));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(request, _)| request.to_owned()).collect()
}

/// Every case with a request behind it. What arrived is compared at the end: requests arrive in the order in
/// which they were allowed.
#[track_caller]
fn run(peer: &Peer) {
    let gateway = builder(&format!("http://{}", peer.address)).start();
    let (door, token) = (Door::Plain(gateway.proxy), gateway.token("full"));
    let (mut wrong, mut expected) = (Vec::new(), Vec::new());
    for case in cases() {
        let bytes = case.bytes(&token);
        let heard = match case.is_cut() {
            true => door.cut(&bytes),
            false => door.pipelined(&[&bytes[..], &marker(&token)].concat(), case.is_head()),
        };
        wrong.extend(check_answers(&case, &heard).err().map(|words| explain(&case, "before a server", &words, &heard)));
        expected.extend(expected_arrivals(&case, &heard).into_iter().map(|line| (case.name.clone(), line)));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let arrived =
        eventually("the server has said all", || Some(seen(peer)).filter(|seen| seen.len() >= expected.len()));
    for ((case, expected), arrived) in expected.iter().zip(&arrived) {
        assert_eq!(arrived, expected, "{case}");
    }
    assert_eq!(arrived.len(), expected.len(), "{:?}", &arrived[expected.len()..]);
}

#[test]
fn slow_node_sees_what_was_allowed_and_nothing_else() {
    run(&Peer::node("raw_server.js"));
}

#[test]
fn slow_gunicorn_sees_what_was_allowed_and_nothing_else() {
    let mut gunicorn = Command::new(venv().join("bin/gunicorn"));
    gunicorn.args(["--worker-class", "gthread", "--threads", "4", "--keep-alive", "600", "--bind", "127.0.0.1:0"]);
    gunicorn.args(["--no-control-socket", "--limit-request-line", "0", "--limit-request-fields", "1000"]);
    gunicorn.args(["--limit-request-field_size", "0", "raw_app:app"]);
    run(&Peer::start("gunicorn", &mut gunicorn));
}

#[test]
fn slow_nginx_sees_what_was_allowed_and_nothing_else() {
    let directory = TempDir::new().expect("a temporary directory");
    run(&Peer::nginx("raw_nginx.conf.in", directory.path()));
}
