//! The cases of the Autobahn test suite, run by `kosoku`: against a server of Python's `websockets`, and
//! against the same server behind the gateway. Whatever a case comes to, it comes to both ways.

use std::process::Command;

use super::stage::ROUTES;
use crate::support::Builder;
use crate::support::binary::done;
use crate::support::peers::{Peer, scripts, venv};

/// Framing, pings, reserved bits, opcodes, fragments, UTF-8, closes; large messages; compression. Left out are
/// 9.3 and 9.4, in which `kosoku` gives up on this server, and most of the thousands of rounds of 12 and 13,
/// which are of what a tunnel does not look at.
const CASES: &[&str] = &[
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.1.*", "9.2.*", "9.5.*", "9.7.1", "9.8.1", "10.*", "12.1.1",
    "12.2.5", "13.1.1", "13.4.1",
];

#[test]
fn slow_each_case_of_autobahn_comes_to_the_same_behind_the_gateway() {
    let upstream = Peer::python("kosoku_server.py");
    let gateway = Builder::new(&format!("http://{}", upstream.address)).routes(ROUTES).start();
    let mut client = Command::new(venv().join("bin/python"));
    client.current_dir(scripts()).arg("kosoku_client.py").env("PYTHONDONTWRITEBYTECODE", "1");
    client.args([format!("ws://{}", upstream.address), format!("ws://{}/open/1", gateway.proxy)]).args(CASES);
    let ran = done(&mut client);
    println!("{}", ran.out);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let cases = ran.out.lines().find_map(|line| line.split_once(" cases;")?.0.parse::<usize>().ok());
    assert!(cases.is_some_and(|cases| cases > 240), "{}", ran.out);
}
