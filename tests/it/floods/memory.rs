//! What the process itself holds of attacks on its memory, and what is left afterwards.

use std::io::Write;

use super::stream;
use crate::support::frames::{END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, INITIAL_WINDOW, head};
use crate::support::program::Program;
use crate::support::{Builder, Client, Then, Upstream, Wire, eventually};

const CONNECTIONS: usize = 20;
const STREAMS: u32 = 100;

/// 20 connections of 100 streams each, none with room for its answer: the process grows by so many kB at
/// most, and by a tenth at most when they are gone.
#[track_caller]
fn assert_little(what: &str, first: &[u8], others: &[u8], most: u64) {
    let upstream = Upstream::start();
    let gateway = start(Builder::new(&upstream.url()));
    let before = gateway.memory();
    let attackers = attack(&gateway, first, others);
    let during = gateway.memory();
    drop(attackers);
    eventually("they are gone", || (gateway.admin.metric("keygate_open_connections") == Some(0.0)).then_some(()));
    let after =
        eventually("memory is given back", || Some(gateway.memory()).filter(|&now| now <= before + before / 10));
    println!("{what}: {before} kB before, {during} kB during, {after} kB after");
    let grown = during.saturating_sub(before);
    assert!(grown <= most, "{what}: {grown} kB more");
}

/// The program, with an allocator that gives pages back as soon as they are free: so what is resident is held.
fn start(builder: Builder) -> Program {
    let gateway = Program::start_with(builder, &[("MIMALLOC_PURGE_DELAY", "0")]);
    // What is allocated once is no growth.
    for _ in 0..20 {
        let mut client = Client::connect(gateway.proxy);
        (0..20).for_each(|_| assert_eq!(client.request("GET", "/v1/devices/7", &[], b"").status, 401));
    }
    gateway
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

/// An upstream that answers without end, in chunks of this many bytes.
fn endless(chunk: usize) -> Upstream {
    Upstream::scripted(move |_, stream| {
        // What the kernel has of an answer is not the gateway's.
        socket2::SockRef::from(&*stream).set_send_buffer_size(64 * 1024).expect("a socket option");
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let one = format!("{chunk:x}\r\n{}\r\n", "x".repeat(chunk));
        while sent.is_ok() {
            sent = stream.write_all(one.as_bytes());
        }
        Then::Close
    })
}

/// Begins with as many requests for answers without end, and takes none. By how much the process grows, in kB, until
/// all are cut off.
#[track_caller]
fn grows_until_cut_off<T>(chunk: usize, requests: u32, begin: impl FnOnce(&Program) -> T) -> u64 {
    let upstream = endless(chunk);
    let gateway = start(Builder::new(&upstream.url()).server("stall_timeout = \"3s\""));
    let before = gateway.memory();
    let attackers = begin(&gateway);
    let line = "keygate_cut_requests_total{cut_reason=\"client_stalled\"}";
    let mut during = before;
    eventually("all are cut off", || {
        during = during.max(gateway.memory());
        (gateway.admin.metric(line) == Some(f64::from(requests))).then_some(())
    });
    drop(attackers);
    during - before
}

/// Over four connections of 100 streams, each with so much room on the way.
#[track_caller]
fn assert_streams_hold_little(what: &str, chunk: usize, window: u32) {
    let grown = grows_until_cut_off(chunk, 4 * STREAMS, |gateway| {
        let attackers = (0..4).map(|_| {
            let mut client = Frames::connect(gateway.proxy, &[(INITIAL_WINDOW, window)]);
            if window > 0 {
                client.open_window(0, window);
            }
            (0..STREAMS).for_each(|at| client.get(stream(at), "/public/7", &[]));
            client
        });
        attackers.collect::<Vec<_>>()
    });
    println!("{what}: {grown} kB more");
    assert!(grown <= 16 * 1024, "{what}: {grown} kB more");
}

#[test]
fn slow_answers_over_http2_that_nobody_takes_are_held_within_bounds() {
    assert_streams_hold_little("no window", 60_000, 0);
    assert_streams_hold_little("a window, and nobody reads", 60_000, 1 << 30);
    assert_streams_hold_little("a window, nobody reads, and small pieces", 20, 1 << 30);
}

#[test]
fn slow_answers_over_http1_that_nobody_takes_are_held_within_bounds() {
    let grown = grows_until_cut_off(60_000, 100, |gateway| {
        let attackers = (0..100).map(|_| {
            let mut client = Wire::connect(gateway.proxy);
            client.send_head("GET /public/7", &[]);
            client
        });
        attackers.collect::<Vec<_>>()
    });
    println!("{grown} kB more");
    assert!(grown <= 100 * 320, "{grown} kB more");
}
