//! Where an answer ends, what it leaves of the connection, and how large it may be.

use bytes::BytesMut;
use http::{HeaderMap, Request};
use hyper::ext::ReasonPhrase;

use super::super::chunks::MOST_EXTRA;
use super::super::response::{MOST_BYTES, MOST_LINES, Reader};
use super::script::{End, Frames, Script, Seen, bare, data, ours};

fn read(method: &str, pieces: &[&str], ends: bool) -> Result<Seen, Option<String>> {
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes()).collect();
    ours(Script::new(&pieces, ends), bare(method))
}

#[track_caller]
fn body(method: &str, answer: &str, ends: bool) -> (String, End) {
    let seen = read(method, &[answer], ends).expect("an answer");
    (String::from_utf8_lossy(&seen.body).into_owned(), seen.end)
}

const AGAIN: End = End::Whole { again: true };
const NOT_AGAIN: End = End::Whole { again: false };

#[test]
fn an_answer_ends_where_it_says_and_the_connection_is_used_again_if_nothing_speaks_against_it() {
    for (method, answer, ends, expected) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, ("ok", AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true, ("ok", NOT_AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", false, ("ok", NOT_AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay", false, ("ok", NOT_AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", true, ("o", End::Broken)),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", false, ("o", End::Awaited)),
        ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false, ("ok", NOT_AGAIN)),
        ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", false, ("ok", AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nok", true, ("ok", NOT_AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\n\r\nok", false, ("ok", End::Awaited)),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", false, ("", AGAIN)),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false, ("", AGAIN)),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false, ("", NOT_AGAIN)),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", false, ("", AGAIN)),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", false, ("", AGAIN)),
        ("GET", "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\n\r\n", false, ("", AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, ("ok", AGAIN)),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", true, ("ok", End::Broken)),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay", false, ("ok", End::Broken)),
    ] {
        let (text, end) = body(method, answer, ends);
        assert_eq!((text.as_str(), end), expected, "{method} {answer:?}");
    }
}

#[test]
fn an_answer_that_leaves_its_end_open_is_none() {
    for (lines, says) in [
        ("content-length: 2\r\ntransfer-encoding: chunked", "it has both Transfer-Encoding and Content-Length"),
        ("content-length: 2\r\ncontent-length: 3", "its Content-Length is not one number"),
        ("content-length: 2, 3", "its Content-Length is not one number"),
        ("content-length: +2", "its Content-Length is not one number"),
        ("content-length: 2:", "its Content-Length is not one number"),
        ("content-length: 18446744073709551616", "its Content-Length is not one number"),
        ("transfer-encoding: gzip", "it has a transfer coding other than chunked once, which nobody asked for"),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "it has a transfer coding other than chunked once, which nobody asked for",
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n0\r\n\r\n");
        assert_eq!(read("GET", &[&answer], false), Err(Some(says.to_owned())), "{lines}");
    }
    let old = read("GET", &["HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"], false);
    assert_eq!(old, Err(Some("it has a transfer coding, which HTTP/1.0 does not know".to_owned())));
}

#[test]
fn what_is_no_answer_says_why() {
    for (answer, ends, says) in [
        ("", true, "the connection ended before the answer did"),
        ("HTTP/1.1 200", true, "the connection ended before the answer did"),
        ("SSH-2.0-OpenSSH\r\n", false, "the answer begins with no head of HTTP/1: invalid HTTP version"),
        ("HTTP/1.1 099 Low\r\n\r\n", false, "the answer's status is 99, which is none"),
        ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", false, "the answer begins with no head of HTTP/1: invalid header name"),
    ] {
        assert_eq!(read("GET", &[answer], ends), Err(Some(says.to_owned())), "{answer:?}");
    }
    assert_eq!(read("GET", &["HTTP/1.1 200 OK\r\nx: y\r\n"], false), Err(None), "it may go on");
}

#[test]
fn heads_and_trailers_have_a_largest_size() {
    let head = |lines: usize, size: usize| {
        let lines = "x: y\r\n".repeat(lines);
        let fixed = "HTTP/1.1 204 No Content\r\nz: \r\n\r\n".len();
        format!("HTTP/1.1 204 No Content\r\n{lines}z: {}\r\n\r\n", "z".repeat(size - fixed - lines.len()))
    };
    let too_large = Err(Some("the answer's head is over 64 KiB or 100 lines".to_owned()));
    assert!(read("GET", &[&head(MOST_LINES - 1, 1_000)], false).is_ok());
    assert_eq!(read("GET", &[&head(MOST_LINES, 1_000)], false), too_large);
    assert!(read("GET", &[&head(1, MOST_BYTES)], false).is_ok());
    assert_eq!(read("GET", &[&head(1, MOST_BYTES + 1)], false), too_large);
    assert_eq!(read("GET", &[&head(1, MOST_BYTES * 2)[..MOST_BYTES + 10]], false), too_large, "nor is more awaited");
    let interim = |count: usize| "HTTP/1.1 100 Continue\r\n\r\n".repeat(count) + "HTTP/1.1 204 No Content\r\n\r\n";
    assert!(read("GET", &[&interim(2_000)], false).is_ok());
    assert_eq!(read("GET", &[&interim(3_000)], false), too_large, "together");
    let chunked = |rest: &str| {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{rest}");
        read("GET", &[&answer], false).expect("a head").end
    };
    let filler = |size: usize| "x".repeat(size);
    assert_eq!(chunked(&format!("0\r\nx: {}\r\n\r\n", filler(MOST_EXTRA - 7))), AGAIN);
    assert_eq!(chunked(&format!("0\r\nx: {}\r\n\r\n", filler(MOST_EXTRA))), End::Broken);
    assert_eq!(chunked(&format!("0\r\nx: {}", filler(MOST_EXTRA))), End::Broken, "nor is more awaited");
    assert_eq!(chunked(&format!("0;{}\r\n\r\n", filler(MOST_EXTRA - 1))), AGAIN);
    assert_eq!(chunked(&format!("1;{0}\r\nx\r\n0;{0}\r\n\r\n", filler(MOST_EXTRA / 2))), End::Broken, "together");
    assert_eq!(chunked(&format!("1;{}", filler(MOST_EXTRA))), End::Broken, "nor is more awaited");
}

#[test]
fn values_lose_the_blanks_around_them_and_may_be_empty() {
    let lines = "a:\r\nb: \r\nc:\t \t\r\nd: x y \r\ne:z";
    let seen = read("GET", &[&format!("HTTP/1.1 204 No Content\r\n{lines}\r\n\r\n")], false).expect("an answer");
    let values: Vec<_> = seen.headers.iter().map(|(_, value)| value.as_slice()).collect();
    assert_eq!(values, [&b""[..], b"", b"", b"x y", b"z"]);
}

#[test]
fn what_is_about_the_connection_alone_is_left_out_and_the_rest_keeps_its_order() {
    let gone =
        "keep-alive: 1\r\nTE: x\r\nUpgrade: h2c\r\nProxy-Connection: a\r\nproxy-authenticate: b\r\nconnection: x-a";
    let answer = format!("HTTP/1.1 204 No Content\r\nx-c: 1\r\n{gone}\r\nX-A: 2\r\nx-b: 3\r\nx-b: 4\r\n\r\n");
    let (mut read, mut headers) = (BytesMut::from(answer.as_str()), HeaderMap::new());
    let head = Reader::default().head(&mut read, &mut headers, false).expect("a head").expect("all of it");
    let left: Vec<_> = head.parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(left, [("x-c", &b"1"[..]), ("x-b", b"3"), ("x-b", b"4")]);
}

#[test]
fn a_reason_of_its_own_is_kept_and_the_usual_one_is_not() {
    for (line, reason) in [("200 OK", None), ("200 Fine", Some(&b"Fine"[..])), ("299 Odd", Some(b"Odd"))] {
        let mut read = BytesMut::from(format!("HTTP/1.1 {line}\r\n\r\n").as_str());
        let head = Reader::default().head(&mut read, &mut HeaderMap::new(), false).expect("a head").expect("all of it");
        assert_eq!(head.parts.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes), reason, "{line}");
    }
}

#[test]
fn what_is_passed_over_counts_for_one_request() {
    let mut reader = Reader::default();
    for _ in 0..3 {
        let text = "HTTP/1.1 100 Continue\r\n\r\n".repeat(2_000) + "HTTP/1.1 204 No Content\r\n\r\n";
        let (mut read, mut headers) = (BytesMut::from(text.as_str()), HeaderMap::new());
        reader.begin();
        assert!(matches!(reader.head(&mut read, &mut headers, false), Ok(Some(_))));
    }
}

#[test]
fn sizes_of_chunks_are_hexadecimal() {
    let chunked = |rest: &str| {
        let (text, end) = body("GET", &format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{rest}"), false);
        (text.len(), end)
    };
    for (size, digits) in [(10, "a"), (15, "F"), (26, "1a"), (0xbcd, "BcD"), (0x19e, "000000000000019E")] {
        assert_eq!(chunked(&format!("{digits}\r\n{}\r\n0\r\n\r\n", "x".repeat(size))), (size, AGAIN), "{digits}");
    }
    for line in ["00000000000000001", "g", "0x1", "", ";x", " 1", "+1", "1 1", "1,1"] {
        assert_eq!(chunked(&format!("{line}\r\nx")), (0, End::Broken), "{line:?}");
        if !line.is_empty() {
            assert_eq!(chunked(line), (0, End::Broken), "{line:?}, and no more of it");
        }
    }
    assert_eq!(chunked("1 ; x"), (0, End::Awaited));
}

#[test]
fn an_upstream_that_takes_no_more_of_a_request_is_heard_all_the_same() {
    let upload = |pieces: &[&[u8]]| {
        let frames = Frames::new(vec![data("x".repeat(5_000)), None, data("y".repeat(5_000))]);
        let request = Request::post("/").header("content-length", "10000").body(frames).expect("a request");
        ours(Script::new(pieces, true).taking_at_most(1_000), request)
    };
    let too_large = b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nless";
    for cut in [too_large.len(), too_large.len() - 2] {
        let seen = upload(&[&too_large[..cut], &too_large[cut..]]).expect("an answer");
        assert_eq!((seen.status, seen.body.as_slice(), seen.end), (413, &b"less"[..], NOT_AGAIN));
    }
    assert_eq!(upload(&[]), Err(Some("the connection failed: broken pipe".to_owned())));
}

#[test]
fn a_large_answer_is_read_in_larger_pieces() {
    let large = "x".repeat(300_000);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{large}", large.len());
    assert_eq!(body("GET", &answer, false), (large, AGAIN));
}
