//! Floods over HTTP/2: frames by the ten thousand that are no request, heads that grow, streams without end,
//! and what the process holds of all that. And clients that only work hard, which are not taken for floods.

use std::time::Duration;

use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    frame, head, literal, setting,
};
use crate::support::{Builder, Gateway, Origin, Upstream, eventually, timed};

mod memory;
mod shared;

const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

fn setup() -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    (upstream, gateway)
}

/// Sends so many pieces, or until the gateway has had enough, which it has to; how many it took, and the
/// code that it ended the connection with.
#[track_caller]
fn flood(gateway: &Gateway, begin: &[u8], count: u32, piece: impl Fn(u32) -> Vec<u8>) -> (u32, Option<u32>) {
    let mut client = Frames::connect(gateway.proxy, &[]);
    assert!(client.try_write(begin));
    // Somebody has to read, or the acknowledgements fill the way back and nothing else is tested.
    let mut reader = Frames::reader(&client);
    let reading = std::thread::spawn(move || reader.read_to_end());
    let sent = (0..count).take_while(|&at| client.try_write(&piece(at))).count();
    let (code, took) = timed(|| reading.join().expect("it is read to its end"));
    assert!(took < Duration::from_secs(15), "the connection is not closed");
    // Nobody else has noticed anything.
    assert_eq!(gateway.request("GET", "/public/7", None).status, 200);
    (u32::try_from(sent).expect("a small number"), code)
}

/// The `at`-th stream of a client.
fn stream(at: u32) -> u32 {
    2 * at + 1
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/public/7", &[]))
}

fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &head("POST", "/public/7", &[]))
}

#[test]
fn streams_that_are_begun_and_reset_end_the_connection() {
    let (upstream, gateway) = setup();
    let reset = |at| [get(stream(at)), frame(RST_STREAM, 0, stream(at), &8u32.to_be_bytes())].concat();
    let (_, code) = flood(&gateway, b"", 100_000, reset);
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(upstream.seen().len() < 500, "{} requests reached the upstream", upstream.seen().len());
}

/// The client has the gateway itself reset streams, by frames that are wrong for a stream and right for a connection:
/// windows that grow over what there may be.
#[test]
fn streams_that_the_gateway_has_to_reset_end_the_connection() {
    let (upstream, gateway) = setup();
    let over = (u32::MAX >> 1).to_be_bytes();
    let made = |at| [get(stream(at)), frame(WINDOW_UPDATE, 0, stream(at), &over)].concat();
    let (_, code) = flood(&gateway, b"", 100_000, made);
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert!(upstream.seen().len() < 1_500, "{} requests reached the upstream", upstream.seen().len());
}

#[test]
fn heads_without_an_end_end_the_connection() {
    let (_upstream, gateway) = setup();
    let begin = frame(HEADERS, END_STREAM, 1, &head("GET", "/public/7", &[]));
    for piece in [Vec::new(), literal("x", "y")] {
        let (_, code) = flood(&gateway, &begin, 100_000, |_| frame(CONTINUATION, 0, 1, &piece));
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "pieces of {} bytes", piece.len());
    }
}

#[test]
fn frames_that_are_no_request_end_the_connection() {
    let (_upstream, gateway) = setup();
    let window = setting(4, 65_535);
    let floods: [(&str, Vec<u8>, u32, Vec<u8>); 6] = [
        ("SETTINGS", Vec::new(), 30_000, frame(SETTINGS, 0, 0, &window)),
        ("PING", Vec::new(), 50_000, frame(PING, 0, 0, &[7; 8])),
        ("PRIORITY", Vec::new(), 50_000, frame(PRIORITY, 0, 99, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", Vec::new(), 50_000, frame(WINDOW_UPDATE, 0, 0, &1u32.to_be_bytes())),
        ("empty DATA", open(1), 50_000, frame(DATA, 0, 1, b"")),
        ("unknown", Vec::new(), 50_000, frame(0xf0, 0, 0, b"")),
    ];
    for (what, begin, count, bytes) in floods {
        let (_, code) = flood(&gateway, &begin, count, |_| bytes.clone());
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{what}");
    }
}

/// What is under way when a connection is ended for a flood says so.
#[test]
fn what_a_flood_cuts_off_is_counted() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let mut client = Frames::connect(gateway.proxy, &[]);
    client.get(1, "/public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    (0..50_000).take_while(|_| client.try_send(PING, 0, 0, &[7; 8])).count();
    assert!(upstream.read_rest().is_empty());
    let line = "keygate_cut_requests_total{cut_reason=\"flood\"}";
    eventually("it is counted", || (gateway.admin.metric(line) == Some(1.0)).then_some(()));
}

#[test]
fn a_connection_has_a_hundred_streams_at_a_time() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let mut client = Frames::connect(gateway.proxy, &[]);
    let told = client.read_until(|frame| frame.kind == SETTINGS && frame.flags == 0).expect("settings");
    let told = |id: u16| {
        let found = told.payload.chunks_exact(6).find(|one| one[..2] == id.to_be_bytes());
        found.map(|one| u32::from_be_bytes([one[2], one[3], one[4], one[5]]))
    };
    assert_eq!((told(3), told(6)), (Some(100), Some(16 * 1024)), "streams, and bytes of a head");
    for at in 0..101 {
        client.get(stream(at), "/public/7", &[]);
    }
    assert_eq!(client.read_answer(stream(100)), Some(Err(REFUSED_STREAM)));
    let mut upstreams: Vec<_> = (0..100).map(|_| origin.accept()).collect();
    for upstream in &mut upstreams {
        upstream.read_request();
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    assert_eq!(client.read_answer(stream(0)), Some(Ok(Vec::new())), "and those that it has are answered");
}

#[test]
fn a_head_over_http2_has_its_bounds() {
    let (upstream, gateway) = setup();
    let mut client = Frames::connect(gateway.proxy, &[]);
    let mut is_served = |stream: u32, more: &[(&str, &str)]| {
        client.send(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/public/7", more));
        let head = client.read_until(|frame| frame.stream == stream).expect("the connection goes on");
        assert_eq!(head.kind, HEADERS, "{head:?}");
        // `:status: 200` in HPACK's static table.
        head.payload[0] == 0x88
    };
    let (long, longer) = ("y".repeat(15_000), "y".repeat(16_300));
    let many = vec![("x", ""); 101];
    assert!(is_served(1, &[("x", &long)]));
    assert!(!is_served(3, &[("x", &longer)]));
    assert!(!is_served(5, &many));
    assert!(is_served(7, &many[..90]));
    assert_eq!(upstream.seen().len(), 2);
}

/// As a client of gRPC does: a PING with each piece of an answer, and a window opened for it.
#[test]
fn slow_who_works_hard_is_no_flood() {
    const PIECE: usize = 50;
    let upstream = Upstream::scripted(|_, stream| {
        use std::io::Write;
        let body = "x".repeat(PIECE);
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {PIECE}\r\n\r\n{body}").as_bytes())
            .expect("it reads");
        crate::support::Then::Keep
    });
    let gateway = Gateway::start(&upstream.url());
    let mut client = Frames::connect(gateway.proxy, &[]);
    for at in 0..3_000 {
        client.get(stream(at), "/public/7", &[]);
        client.send(PING, 0, 0, &[1; 8]);
        assert_eq!(client.read_answer(stream(at)).map(|answer| answer.map(|body| body.len())), Some(Ok(PIECE)));
        client.open_window(0, PIECE as u32);
    }
    // And one that gives up each second request.
    for at in 3_000..4_000 {
        client.get(stream(at), "/public/7", &[]);
        if at % 2 == 0 {
            client.send(RST_STREAM, 0, stream(at), &8u32.to_be_bytes());
        } else {
            assert!(matches!(client.read_answer(stream(at)), Some(Ok(_))));
        }
    }
}

/// A large answer, for which the client opens its windows a little at a time.
#[test]
fn slow_a_download_in_small_windows_is_no_flood() {
    const ALL: usize = 16 << 20;
    let origin = Origin::start();
    let routes = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\n";
    let gateway = Builder::new(&origin.url()).routes(routes).start();
    let mut client = Frames::connect(gateway.proxy, &[]);
    client.get(1, "/public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n"));
    std::thread::scope(|scope| {
        scope.spawn(|| upstream.send(vec![7; ALL]));
        let (mut got, mut owed) = (0, 0);
        while got < ALL {
            let frame = client.read_until(|frame| frame.stream == 1).expect("the connection goes on");
            assert_ne!(frame.kind, RST_STREAM, "after {got} bytes");
            if frame.kind == DATA {
                got += frame.payload.len();
                owed += frame.payload.len();
            }
            while owed >= 4_096 {
                owed -= 4_096;
                client.open_window(1, 4_096);
                client.open_window(0, 4_096);
            }
        }
    });
}

/// Nor does what they hold take the room of others.
#[test]
fn streams_that_nobody_takes_keep_no_other_waiting() {
    const ALL: usize = 1 << 20;
    let upstream = Upstream::scripted(|_, stream| {
        use std::io::Write;
        let sent = stream
            .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n").as_bytes())
            .and_then(|()| stream.write_all(&vec![7; ALL]));
        // The others are never taken.
        if sent.is_ok() { crate::support::Then::Keep } else { crate::support::Then::Close }
    });
    let gateway = Gateway::start(&upstream.url());
    let mut client = Frames::connect(gateway.proxy, &[]);
    client.open_window(0, 1 << 30);
    let (stalled, other) = (20, stream(20));
    (0..stalled).for_each(|at| client.get(stream(at), "/public/7", &[]));
    // As much of each as its window lets through; the rest of them waits.
    let mut full = 0;
    while full < stalled * 65_535 {
        full += client.read_until(|frame| frame.kind == DATA).expect("an answer").payload.len() as u32;
    }
    client.get(other, "/public/8", &[]);
    client.open_window(other, 1 << 30);
    assert_eq!(client.read_answer(other).map(|answer| answer.map(|body| body.len())), Some(Ok(ALL)));
}
