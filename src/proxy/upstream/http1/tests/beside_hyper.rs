//! Whatever the codec takes for an answer, hyper's client takes for the same one; and what hyper takes and the codec
//! does not is refused for a reason that stands here.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use http::Request;
use hyper::body::Body;
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;

use super::script::{End, Nothing, Script, Seen, bare, list, noop, ours};
use crate::proxy::headers::clean_response;

/// What hyper reads. `Err(None)`: nothing yet.
fn hypers(script: Script, method: &str) -> Result<Seen, Option<String>> {
    let handshake = pin!(Builder::new().writev(false).handshake::<_, Nothing>(TokioIo::new(script)));
    let Poll::Ready(Ok((mut sender, mut connection))) = handshake.poll(&mut noop()) else {
        panic!("a handshake is no exchange")
    };
    let request = Request::builder().method(method).uri("/x?y").header("host", "a").body(Nothing::new());
    let mut response = pin!(sender.send_request(request.expect("a request")));
    let mut answer = None;
    // It takes some polls for one half to see what the other did.
    for _ in 0..4 {
        let _ = Pin::new(&mut connection).poll(&mut noop());
        if let Poll::Ready(outcome) = response.as_mut().poll(&mut noop()) {
            answer = Some(outcome.map_err(|error| Some(format!("{error:?}")))?);
            break;
        }
    }
    let (mut head, mut body) = answer.ok_or(None)?.into_parts();
    clean_response(&mut head.headers);
    let mut seen = Seen {
        status: head.status.as_u16(),
        headers: list(&head.headers),
        body: Vec::new(),
        trailers: Vec::new(),
        end: End::Awaited,
    };
    let mut idle = 0;
    while idle < 3 {
        let _ = Pin::new(&mut connection).poll(&mut noop());
        match Pin::new(&mut body).poll_frame(&mut noop()) {
            _ if body.is_end_stream() && seen.end != End::Awaited => break,
            Poll::Pending => idle += 1,
            Poll::Ready(None) => {
                seen.end = End::Whole { again: false };
                break;
            }
            Poll::Ready(Some(Err(_))) => return Ok(Seen { end: End::Broken, ..seen }),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => seen.body.extend_from_slice(&data),
                Err(frame) => seen.trailers = list(&frame.into_trailers().unwrap_or_default()),
            },
        }
    }
    if let End::Whole { again } = &mut seen.end {
        let is_over = Pin::new(&mut connection).poll(&mut noop()).is_ready();
        *again = !is_over && sender.is_ready();
    }
    Ok(seen)
}

/// Why the codec refuses what hyper takes.
const REASONS: [&str; 6] = [
    "it has a transfer coding other than chunked once, which nobody asked for",
    "it has both Transfer-Encoding and Content-Length",
    "its Content-Length is not one number",
    "it has a transfer coding, which HTTP/1.0 does not know",
    "the answer's head is over 64 KiB or 100 lines",
    "the answer's body is not in chunks as they have to be",
];

fn compare(pieces: &[&[u8]], ends: bool, method: &str) -> Result<(), TestCaseError> {
    let script = || Script::new(pieces, ends);
    let (ours, theirs) = (ours(script(), bare(method)), hypers(script(), method));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            // A trailer is looked at when it is whole, so a fault in it may be seen later.
            let is_later = (ours.end, theirs.end) == (End::Awaited, End::Broken);
            // And a lone LF in it ends the line for hyper.
            let is_stricter = ours.end == End::Broken && has_lone_lf(&pieces.concat());
            if is_stricter {
                return Ok(());
            }
            let end = if is_later { End::Broken } else { ours.end };
            prop_assert_eq!(&Seen { end, ..ours.clone() }, theirs);
        }
        (Ok(ours), Err(error)) => prop_assert!(false, "{ours:?}, and hyper {error:?}"),
        (Err(Some(reason)), Ok(_)) => prop_assert!(REASONS.contains(&reason.as_str()), "{reason}"),
        (Err(None), Ok(theirs)) => prop_assert!(false, "we wait for more, and hyper has {theirs:?}"),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

fn has_lone_lf(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| bytes[at] == b'\n' && (at == 0 || bytes[at - 1] != b'\r'))
}

/// Parts of which answers are made: right ones, wrong ones, and such as change what others mean.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let version =
        prop_oneof![8 => Just("HTTP/1.1"), 2 => Just("HTTP/1.0"), 1 => Just("HTTP/2.0"), 1 => Just("http/1.1")];
    let status = prop_oneof![
        10 => Just("200 OK"), 2 => Just("204 No Content"), 2 => Just("304 Not Modified"), 2 => Just("404 Gone Fishing"),
        1 => Just("200"), 1 => Just("99 Low"), 1 => Just("999 High"), 1 => Just("200  Two"), 1 => Just("2x0 OK"),
    ];
    let line = prop_oneof![
        6 => Just("content-length: 5"), 2 => Just("Content-Length: 0"), 1 => Just("content-length: 5, 5"),
        1 => Just("content-length: +5"), 1 => Just("content-length: 7"), 1 => Just("content-length:"),
        6 => Just("transfer-encoding: chunked"), 1 => Just("Transfer-Encoding: CHUNKED"),
        1 => Just("transfer-encoding: gzip, chunked"), 1 => Just("transfer-encoding: identity"),
        2 => Just("connection: close"), 1 => Just("Connection: x-a, content-length"), 1 => Just("keep-alive: timeout=5"), 1 => Just("Upgrade: h2c"), 2 => Just("connection: keep-alive"), 1 => Just("connection: keep-alive, Close"),
        3 => Just("x-a: b"), 1 => Just("x-a: \tb c\t "), 1 => Just("x a: b"), 1 => Just("x-a : b"), 1 => Just(": b"),
        1 => Just("x-a: \u{e9}"), 1 => Just("x-a: \u{1}"), 1 => Just(" folded"), 1 => Just("set-cookie: a=b"),
    ];
    let body = prop_oneof![
        4 => Just("hello"), 2 => Just("hel"), 2 => Just("hello, and more"), 2 => Just(""),
        4 => Just("5\r\nhello\r\n0\r\n\r\n"), 2 => Just("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        2 => Just("5;a=b\r\nhello\r\n0\r\nx-t: 1\r\n\r\n"), 1 => Just("5\nhello\r\n0\r\n\r\n"),
        1 => Just("5 \r\nhello\r\n000\r\n\r\n"), 1 => Just("g\r\nhello\r\n0\r\n\r\n"),
        1 => Just("5\r\nhelloo\r\n0\r\n\r\n"), 1 => Just("fffffffffffffffff\r\nhello"), 1 => Just("5\r\nhello\r\n0\r\n"),
        1 => Just("0\r\nx-t: 1\nx-u: 2\r\n\r\n"), 1 => Just("0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        1 => Just("5;\r\r\nhello\r\n0\r\n\r\n"), 1 => Just("0\r\ncontent-length: 3\r\n\r\nabc"),
        1 => Just("5\t;x\r\nhello\r\n0\r\n\r\n"), 1 => Just("-5\r\nhello\r\n0\r\n\r\n"), 1 => Just("\r\nhello"),
    ];
    let ending = prop_oneof![12 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")];
    let interim = prop_oneof![
        10 => Just(""), 1 => Just("HTTP/1.1 100 Continue\r\n\r\n"), 1 => Just("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
    ];
    let lines = prop::collection::vec(line, 0..5);
    (interim, version, status, lines, ending, body).prop_map(|(interim, version, status, lines, ending, body)| {
        let mut text = format!("{interim}{version} {status}{ending}");
        lines.iter().for_each(|line| text.extend([line, ending]));
        text.extend([ending, body]);
        text.into_bytes()
    })
}

/// A byte changed, left out or put in, here and there.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0..4u8, prop::sample::select(&b"\r\n :;,0159afAxX\t\0\x7f\xff-"[..]));
    (answer(), prop::collection::vec(change, 0..3)).prop_map(|(mut bytes, changes)| {
        for (at, kind, byte) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_read_the_same(
        bytes in mutated(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ends in any::<bool>(),
        method in prop::sample::select(&["GET", "HEAD", "POST"][..]),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut begin = 0;
        for cut in cuts {
            pieces.push(&bytes[begin..cut]);
            begin = cut;
        }
        pieces.push(&bytes[begin..]);
        compare(&pieces, ends, method)?;
    }
}
