//! What the process itself holds of attacks on its memory, and what is left afterwards.

use std::time::Duration;

use super::stream;
use crate::support::frames::{END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, INITIAL_WINDOW, head};
use crate::support::program::Program;
use crate::support::{Builder, Client, Upstream, eventually};

const CONNECTIONS: usize = 20;
const STREAMS: u32 = 100;

/// 20 connections of 100 streams each, none with room for its answer: the process grows by so many kB at
/// most, and by a tenth at most when they are gone.
#[track_caller]
fn assert_little(what: &str, first: &[u8], others: &[u8], most: u64) {
    let upstream = Upstream::start();
    let gateway = Program::start(Builder::new(&upstream.url()));
    // What is allocated once is no growth.
    settle(&gateway);
    let before = gateway.memory();
    let attackers = attack(&gateway, first, others);
    let during = gateway.memory();
    drop(attackers);
    eventually("they are gone", || (gateway.admin.metric("keygate_open_connections") == Some(0.0)).then_some(()));
    let after = eventually("memory is given back", || {
        settle(&gateway);
        Some(gateway.memory()).filter(|&now| now <= before + before / 10)
    });
    println!("{what}: {before} kB before, {during} kB during, {after} kB after");
    let grown = during.saturating_sub(before);
    assert!(grown <= most, "{what}: {grown} kB more");
}

/// The allocator gives pages back when a thread next asks for some.
fn settle(gateway: &Program) {
    for _ in 0..20 {
        let mut client = Client::connect(gateway.proxy);
        for _ in 0..20 {
            assert_eq!(client.request("GET", "/public/7", &[], b"").status, 200);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn attack(gateway: &Program, first: &[u8], others: &[u8]) -> Vec<Frames> {
    let mut attackers: Vec<Frames> =
        (0..CONNECTIONS).map(|_| Frames::connect(gateway.proxy, &[(INITIAL_WINDOW, 0)])).collect();
    for client in &mut attackers {
        for at in 0..STREAMS {
            let block = if at == 0 { first } else { others };
            client.try_send(HEADERS, END_HEADERS | END_STREAM, stream(at), block);
        }
    }
    // Each is answered, as far as its head.
    for client in &mut attackers {
        for _ in 0..STREAMS {
            let answered = client.read_until(|frame| matches!(frame.kind, HEADERS | GOAWAY));
            // A head that is far too large ends its connection.
            if answered.is_none_or(|frame| frame.kind == GOAWAY) {
                break;
            }
        }
    }
    // What they are answered with is on its way into a window of 0.
    std::thread::sleep(Duration::from_millis(200));
    attackers
}

/// `count` references to one entry of the dynamic table.
fn references(entry: &[u8], count: usize) -> (Vec<u8>, Vec<u8>) {
    let usual = head("GET", "/v1/devices/7", &[]);
    let all = [usual.clone(), vec![0x80 | 62; count]].concat();
    ([usual, entry.to_vec(), vec![0x80 | 62; count - 1]].concat(), all)
}

fn entry(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x40, name.len() as u8];
    bytes.extend(name);
    let length = value.len();
    if length < 127 {
        bytes.push(length as u8);
    } else {
        bytes.extend([127, ((length - 127) % 128) as u8 | 128, ((length - 127) / 128) as u8]);
    }
    bytes.extend(value);
    bytes
}

/// Heads that are refused are let go of at once, and few are in memory together.
#[test]
fn slow_a_bomb_of_references_takes_bounded_memory_and_gives_it_back() {
    for (what, size, count, most) in [
        ("400 references to 4,000 bytes", 4_000, 400, 10 * 1024),
        ("400 to nothing", 0, 400, 10 * 1024),
        ("90 to 100 bytes", 100, 90, 10 * 1024),
    ] {
        let (first, others) = references(&entry(b"a", &vec![b'y'; size]), count);
        assert_little(what, &first, &others, most);
    }
}

#[test]
fn slow_streams_without_a_window_take_little_memory() {
    let usual = head("GET", "/v1/devices/7", &[]);
    assert_little("no references", &usual, &usual, 10 * 1024);
}
